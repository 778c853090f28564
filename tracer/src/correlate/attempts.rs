//! The same request again: after a failure it is a retry, otherwise a duplicate.

use super::bounded::Bounded;
use super::runs::Turn;
use super::{Derived, Scope};
use crate::ai::call::Call;
use crate::ai::history::Prompt;
use crate::event::BootTime;
use crate::event_id::EventId;

/// Requests remembered.
const MAX: usize = 65_536;
/// Beyond this, the same request is a new one.
const WINDOW_S: f64 = 3600.0;
/// Clients round their waits.
const SLACK_S: f64 = 0.05;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// The attempt before.
    pub of: EventId,
    /// 2 for the first retry.
    pub attempt: u32,
    /// Whether the wait that the failure asked for was kept; `None`: it asked for none.
    pub honoured: Option<bool>,
}

/// What was sent before.
#[derive(Clone, Copy, Debug)]
pub(super) enum Earlier {
    Failed { retry: Retry, turn: Option<Turn> },
    Done { id: EventId },
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    id: EventId,
    scope: Scope,
    ended: BootTime,
    failed: bool,
    retry_after_s: Option<f64>,
    number: u32,
    turn: Option<Turn>,
}

#[derive(Debug)]
pub(super) struct Attempts {
    last: Bounded<u128, Attempt>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { last: Bounded::new(MAX) }
    }
}

impl Attempts {
    pub(super) const fn evicted(&self) -> u64 {
        self.last.evicted()
    }

    pub(super) fn find(&self, call: &Call, prompt: &Prompt, scope: Scope) -> Option<Earlier> {
        let last = self.last.get(&prompt.request)?;
        if last.scope.closeness(&scope) == 0 {
            return None;
        }
        let waited = call.started.seconds_since(last.ended);
        if waited > WINDOW_S.max(2.0 * last.retry_after_s.unwrap_or(0.0)) {
            return None;
        }
        // Sent before the other's failure was known: no answer to it.
        if !last.failed || call.started < last.ended {
            return Some(Earlier::Done { id: last.id });
        }
        let honoured = last.retry_after_s.map(|asked| waited + SLACK_S >= asked);
        let retry = Retry { of: last.id, attempt: last.number.saturating_add(1), honoured };
        Some(Earlier::Failed { retry, turn: last.turn })
    }

    pub(super) fn remember(
        &mut self,
        call: &Call,
        prompt: &Prompt,
        scope: Scope,
        id: EventId,
        derived: &Derived,
    ) {
        let failure = call.failure.as_ref();
        let attempt = Attempt {
            id,
            scope,
            ended: call.ended,
            failed: failure.is_some(),
            retry_after_s: failure.and_then(|f| f.retry_after_s),
            number: derived.retry.map_or(1, |retry| retry.attempt),
            turn: derived.turn,
        };
        self.last.insert(prompt.request, attempt);
    }
}
