//! HTTP/1 (RFC 9112) as a bystander reads it: both directions of one connection, perhaps from the
//! middle, perhaps with holes.
//!
//! In: ordered plaintext of a flow, or holes. Out: [`super::HttpEvent`]s. `line` finds lines, `head`
//! reads heads line by line, `body` frames bodies, `conn` pairs requests with answers. Limits:
//! [`MAX_LINE`] bytes of a line and [`MAX_OPEN`] unanswered requests; nothing of a body is held.

mod body;
mod conn;
mod head;
mod line;

pub use self::conn::Conn;

/// Longest line kept; of a longer one the rest is read over.
pub const MAX_LINE: usize = 16 * 1024;
/// Requests sent ahead of their answers.
pub const MAX_OPEN: usize = 64;
/// Most bytes of one head; beyond, it is no HTTP.
pub const MAX_HEAD: u64 = 16 << 20;

/// What one connection did that no event says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that break RFC 9112's framing.
    pub malformed: u64,
    /// Lines of heads that were cut.
    pub lines_cut: u64,
    pub interim: u64,
    /// Answers to no request.
    pub stray_answers: u64,
    pub requests_overflowed: u64,
    pub places_lost: u64,
    pub places_found: u64,
    pub unreadable_bodies: u64,
    /// CONNECT tunnels and upgrades to what is not read here.
    pub tunnels: u64,
}
