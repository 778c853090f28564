//! Calls that wait a moment for the name of their container. In order, bounded: what would not fit goes
//! on with what is known.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::record::AttributedCall;

/// Most calls that wait.
const MAX_WAITING: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Waiting {
    calls: VecDeque<Box<AttributedCall>>,
    looked: Option<Instant>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether any waits and nobody has looked for `pause`.
    pub(super) fn is_due(&mut self, now: Instant, pause: Duration) -> bool {
        let due = !self.is_empty() && self.looked.is_none_or(|at| now.duration_since(at) >= pause);
        if due {
            self.looked = Some(now);
        }
        due
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.calls.len() >= MAX_WAITING
    }

    pub(super) fn push(&mut self, call: AttributedCall) {
        self.calls.push_back(Box::new(call));
    }

    pub(super) fn pop(&mut self) -> Option<AttributedCall> {
        self.calls.pop_front().map(|call| *call)
    }
}
