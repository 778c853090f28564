//! Where records go.
//!
//! ```text
//! Record → encoder → Event ─┬→ queue → sink      one thread, one bounded queue, one when-full
//!                           ├→ queue → sink      policy and one set of books a sink (worker.rs)
//!                           └→ queue → sink
//! ```
//! To add a sink: one file that implements [`Sink`].

pub mod clock;
pub mod encoder;
pub mod file;
pub mod history;
pub mod journald;
pub mod jsonl;
pub mod names;
pub mod queue;
pub mod recording;
pub mod schema;
pub mod socket;
pub mod syslog;
#[cfg(test)]
pub(crate) mod testing;
pub mod worker;

use std::io;

use bytes::Bytes;
use thiserror::Error;

use crate::record::Record;

/// A record with its envelope: made once, seen by every sink.
#[derive(Debug)]
pub struct Event {
    pub record: Record,
    /// `event.name`
    pub name: &'static str,
    /// `event.id`
    pub id: String,
    pub seq: u64,
    /// `timestamp`, nanoseconds since 1970.
    pub unix_ns: u64,
    /// The JSON line, newline included.
    pub line: Bytes,
}

/// What a sink could not do.
#[derive(Debug, Error)]
pub enum SinkError {
    /// Whoever reads went away: no error, and nothing more to do.
    #[error("the reader went away")]
    Closed,
    /// Not now. What was written is kept, and `flush` is tried again.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A place for events. Called by one thread; may block, its queue then decides what is lost.
pub trait Sink: Send {
    /// The name in the books.
    fn name(&self) -> &str;

    /// Takes an event, to be passed on by the next [`Self::flush`] at the latest. An error says
    /// that the event was not taken and will be offered again.
    ///
    /// # Errors
    /// [`SinkError`]
    fn write(&mut self, event: &Event) -> Result<(), SinkError>;

    /// Passes on what was taken; after an error, what is left of it is still held.
    ///
    /// # Errors
    /// [`SinkError`]
    fn flush(&mut self) -> Result<(), SinkError>;

    /// Called about every second while nothing comes.
    ///
    /// # Errors
    /// [`SinkError`]
    fn idle(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}
