//! HTTP/2 (RFC 9113) as a bystander reads it: both directions of one connection, perhaps from the
//! middle, perhaps with holes.
//!
//! In: ordered plaintext of a flow, or holes. Out: [`super::HttpEvent`]s of up to [`MAX_STREAMS`]
//! interleaved exchanges. `frame` and `reader` know syntax, `hpack` compression, `head` messages,
//! `stream` and `conn` meaning; none of them fails, what cannot be read is counted in [`Counters`].
//!
//! Held per connection: at most 64 KiB, content decoders not counted.

mod body;
mod conn;
mod frame;
mod head;
pub mod hpack;
mod reader;
mod resync;
mod stream;

pub use self::conn::Conn;
pub use self::frame::{FrameError, PREFACE};

/// Exchanges followed at a time on one connection; RFC 9113 advises servers to allow 100 at least.
pub const MAX_STREAMS: usize = 256;
/// Dynamic header table held per direction. Encoders use 4096 unless told otherwise; of larger
/// tables the newest entries are known.
const TABLE: usize = 8 * 1024;
/// One field, coded.
const FIELD: usize = 6 * 1024;
/// One decoded header list; fields beyond are left out and counted.
const HEADER_LIST: usize = 64 * 1024;
/// What is kept of one message's head.
const HEAD: usize = 6 * 1024;

/// What one connection did that no event says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames a peer would refuse, by syntax or state.
    pub frame_errors: u64,
    /// Header blocks that could not be decoded to their end.
    pub header_errors: u64,
    /// Messages that break a rule of RFC 9113, section 8.
    pub malformed: u64,
    /// Fields naming a table entry that was never seen, or too long to keep.
    pub unknown_fields: u64,
    /// Fields left out because a header list or head is too large.
    pub fields_left_out: u64,
    /// Requests not followed because [`MAX_STREAMS`] are open.
    pub streams_overflowed: u64,
    /// Frames of streams that are over, or were never followed.
    pub stray_frames: u64,
    /// Responses' interim heads.
    pub interim: u64,
    pub resets: u64,
    pub pushes: u64,
    pub goaways: u64,
    /// Times the place in a direction was lost, by a hole or by bytes that are no frame.
    pub places_lost: u64,
    pub places_found: u64,
    /// Bodies that could not be read (on), by their content coding.
    pub unreadable_bodies: u64,
    /// gRPC messages begun, both directions.
    pub grpc_messages: u64,
}

#[cfg(test)]
mod tests;
