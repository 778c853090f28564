//! History on this host [edge: SQLite]: single calls for a while, hourly roll-ups for longer.
//!
//! In: events, as [`crate::reader`] reads them. Out: rows that `report` reads. Batches are written once
//! a second: a crash loses at most that, and the next start says so. Limits: [`Limits`].

pub mod schema;
pub mod sketch;

mod identity;
mod open;
mod retain;
mod rollup;
mod write;

pub use self::open::{OpenError, Opened, Unclean, for_reading};
pub use self::write::{Counts, History};

use std::time::Duration;

/// How long and how much.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Single calls are kept so long.
    pub retention: Duration,
    /// Roll-ups are kept so long.
    pub rollup_retention: Duration,
    /// The file grows to so many bytes; then the oldest single calls go first.
    pub size: u64,
    /// Events that wait for the next batch; a full batch is written at once.
    pub batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const DAY: u64 = 24 * 3600;
        Self {
            retention: Duration::from_secs(7 * DAY),
            rollup_retention: Duration::from_secs(396 * DAY),
            size: 1 << 30,
            batch: 4096,
        }
    }
}

const NS: u64 = 1_000_000_000;
const HOUR_NS: u64 = 3600 * NS;

#[cfg(test)]
mod tests;
