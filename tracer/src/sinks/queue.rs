//! The bounded queue in front of a sink, and what happens when it is full.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Event;
use crate::telemetry::{Counter, StageBooks, snapshot};

/// What to do with an event for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Wait: what is before the sinks then fills up, and the loss is counted there.
    Block,
    #[default]
    DropNewest,
    DropOldest,
}

/// Bounds of a queue; both hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub events: usize,
    pub bytes: usize,
    pub when_full: WhenFull,
}

impl Default for Limits {
    fn default() -> Self {
        Self { events: 16_384, bytes: 32 << 20, when_full: WhenFull::default() }
    }
}

/// `in = out + dropped + in flight` of one sink.
#[derive(Debug, Default)]
pub struct Counters {
    pub received: Counter,
    pub emitted: Counter,
    pub full: Counter,
    /// Still there when the run ended.
    pub unsent: Counter,
    /// Times that the sink said no; costs no event by itself.
    pub errors: Counter,
}

impl Counters {
    pub fn books(&self) -> StageBooks {
        let emitted = self.emitted.get();
        let drops = [("queue_full", self.full.get()), ("unsent", self.unsent.get())];
        snapshot(self.received.get(), emitted, &drops)
    }
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// No more will come.
    closed: bool,
    /// Nobody takes any more.
    abandoned: bool,
    sleeping: bool,
}

#[derive(Debug)]
pub struct Queue {
    limits: Limits,
    state: Mutex<State>,
    troubled: AtomicBool,
    came: Condvar,
    left: Condvar,
    pub counters: Counters,
}

/// The taker is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abandoned;

impl Queue {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
            troubled: AtomicBool::new(false),
            came: Condvar::new(),
            left: Condvar::new(),
            counters: Counters::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an event in, or counts it as dropped.
    ///
    /// # Errors
    /// [`Abandoned`]: the event is counted, and no later one will be taken either.
    pub fn push(&self, event: Arc<Event>) -> Result<(), Abandoned> {
        self.counters.received.add(1);
        let mut state = self.state();
        while !state.abandoned && self.is_full(&state, event.line.len()) {
            match self.limits.when_full {
                WhenFull::Block => {
                    state = self.left.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                WhenFull::DropNewest => {
                    self.counters.full.add(1);
                    return Ok(());
                }
                WhenFull::DropOldest => {
                    if let Some(old) = state.events.pop_front() {
                        state.bytes -= old.line.len();
                        self.counters.full.add(1);
                    }
                }
            }
        }
        if state.abandoned {
            self.counters.unsent.add(1);
            return Err(Abandoned);
        }
        state.bytes += event.line.len();
        state.events.push_back(event);
        if state.sleeping {
            state.sleeping = false;
            self.came.notify_one();
        }
        Ok(())
    }

    fn is_full(&self, state: &State, more: usize) -> bool {
        // One event always fits, whatever its size.
        !state.events.is_empty()
            && (state.events.len() >= self.limits.events || state.bytes + more > self.limits.bytes)
    }

    /// Moves what is there, at most `most`, into `batch`; waits for `patience` when there is none.
    /// `false`: the queue is empty and closed.
    pub fn take(&self, batch: &mut VecDeque<Arc<Event>>, most: usize, patience: Duration) -> bool {
        let mut state = self.state();
        if state.events.is_empty() && !state.closed {
            state.sleeping = true;
            state =
                self.came.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
            state.sleeping = false;
        }
        let count = state.events.len().min(most);
        for event in state.events.drain(..count) {
            batch.push_back(event);
        }
        let moved: usize = batch.iter().map(|event| event.line.len()).sum();
        state.bytes = state.bytes.saturating_sub(moved);
        if count > 0 {
            self.left.notify_all();
        }
        count > 0 || !state.closed
    }

    /// Nothing more will be put in.
    pub fn close(&self) {
        self.state().closed = true;
        self.came.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Nothing more will be taken: what is there is counted as unsent.
    pub fn abandon(&self) {
        let mut state = self.state();
        state.abandoned = true;
        self.counters.unsent.add(state.events.len() as u64);
        state.events.clear();
        state.bytes = 0;
        self.left.notify_all();
    }

    /// The sink behind said no the last time.
    pub fn is_troubled(&self) -> bool {
        self.troubled.load(Ordering::Relaxed)
    }

    pub(super) fn set_troubled(&self, troubled: bool) {
        self.troubled.store(troubled, Ordering::Relaxed);
    }

    /// Waits for `pause`, or until the queue is closed.
    pub fn pause(&self, pause: Duration) {
        let state = self.state();
        if !state.closed {
            // Woken early by an event: the sink is then tried a little sooner.
            let _woken = self.came.wait_timeout(state, pause);
        }
    }
}
