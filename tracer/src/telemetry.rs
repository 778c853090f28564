//! The books: what each stage took in, gave out, dropped and why, and still holds.
//!
//! In: counts from every stage. Out: [`Books`], which close when nothing is unaccounted for. Every
//! discard anywhere has a named counter here or in the stage that feeds it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// One stage: `in = out + dropped + in flight`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageBooks {
    pub received: u64,
    pub emitted: u64,
    /// By reason; reasons with 0 are left out.
    pub dropped: BTreeMap<&'static str, u64>,
    pub in_flight: u64,
}

impl StageBooks {
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    pub fn is_closed(&self) -> bool {
        self.received == self.emitted + self.dropped_total() + self.in_flight
    }

    /// Counts a drop of `count` for `reason`.
    pub fn drop(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.dropped.entry(reason).or_default() += count;
        }
    }
}

/// All stages in flow order, and trouble that costs no event but degrades one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    pub stages: Vec<(&'static str, StageBooks)>,
    /// Each sink's queue and what is behind it, by the sink's name.
    pub sinks: BTreeMap<String, StageBooks>,
    /// Named counters beside the books, those at 0 left out.
    pub trouble: BTreeMap<&'static str, u64>,
}

impl Books {
    pub fn stage(&self, name: &str) -> Option<&StageBooks> {
        self.stages.iter().find(|(n, _)| *n == name).map(|(_, books)| books)
    }

    /// Every stage accounts for what it took in, and what one gives out the next has taken or it is
    /// in flight between them (counted as the later stage's).
    pub fn is_closed(&self) -> bool {
        self.stages.iter().all(|(_, books)| books.is_closed())
            && self.sinks.values().all(StageBooks::is_closed)
    }
}

/// Books of a running stage from its counters. Read what left first, then `received`: nothing then
/// seems to have left before it came.
pub fn snapshot(received: u64, emitted: u64, reasons: &[(&'static str, u64)]) -> StageBooks {
    let mut books = StageBooks { received, emitted, ..StageBooks::default() };
    for (reason, count) in reasons {
        books.drop(reason, *count);
    }
    books.in_flight = received.saturating_sub(emitted + books.dropped_total());
    books
}

/// Counters that two threads share: one writes, the heartbeat reads. Relaxed: the figures are read
/// after the writer has stopped, or are a snapshot of a moving thing.
#[derive(Debug, Default)]
pub struct StageCounters {
    received: AtomicU64,
    emitted: AtomicU64,
}

impl StageCounters {
    pub fn receive(&self, count: u64) {
        self.received.fetch_add(count, Ordering::Relaxed);
    }
    pub fn emit(&self, count: u64) {
        self.emitted.fetch_add(count, Ordering::Relaxed);
    }
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
    pub fn emitted(&self) -> u64 {
        self.emitted.load(Ordering::Relaxed)
    }
}

/// A counter of one drop reason.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_close_only_when_every_stage_does() {
        let mut stage = StageBooks { received: 10, emitted: 7, in_flight: 1, ..Default::default() };
        assert!(!stage.is_closed());
        stage.drop("ring_full", 2);
        assert!(stage.is_closed());
        stage.drop("ring_full", 0);
        assert_eq!(stage.dropped.len(), 1);
        let books = Books {
            stages: vec![
                ("kernel", stage),
                ("drain", StageBooks { received: 1, ..Default::default() }),
            ],
            ..Default::default()
        };
        assert!(!books.is_closed());
    }
}
