//! Runs: a call belongs to the run of the call whose history its own begins with.
//!
//! A run is named by the event of its first call. A history is found again by the digest of its end
//! ([`Prompt::ends`]), a conversation kept by the provider by its id.

use super::Scope;
use super::bounded::Bounded;
use crate::ai::call::Call;
use crate::ai::history::Prompt;
use crate::event_id::EventId;
use crate::keyed::{HashKey, Hasher};

/// Ends of histories, and ids, remembered.
const MAX: usize = 65_536;
/// Runs that may have come to the same history.
const MAX_ALIKE: usize = 8;

/// A call's place in its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Event of the run's first call.
    pub run: EventId,
    /// From 1; a retry has the number of what it repeats.
    pub number: u32,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    turn: Turn,
    scope: Scope,
    /// A later call has gone on from it.
    continued: bool,
}

#[derive(Debug)]
pub(super) struct Runs {
    key: HashKey,
    known: Bounded<u64, Vec<Known>>,
}

impl Runs {
    pub(super) fn new(key: HashKey) -> Self {
        Self { key, known: Bounded::new(MAX) }
    }

    pub(super) const fn key(&self) -> HashKey {
        self.key
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.known.evicted()
    }

    /// A call's turn; `again`: it repeats a failed call, whose turn that was. `None`: nothing was said.
    pub(super) fn place(
        &mut self,
        call: &Call,
        prompt: &Prompt,
        scope: Scope,
        id: EventId,
        again: Option<Turn>,
    ) -> Option<Turn> {
        if !is_conversation(call.operation) || prompt.messages == 0 {
            return None;
        }
        let turn = again.or_else(|| self.earlier(prompt, scope));
        let turn = turn.unwrap_or(Turn { run: id, number: 1 });
        if let (None, Some(end)) = (again, prompt.ends.last()) {
            self.remember(*end, turn, scope);
        }
        if let Some(response) = &call.response_id {
            self.remember(self.id("response", response), turn, scope);
        }
        if let Some(conversation) = &prompt.conversation {
            let at = self.id("conversation", conversation);
            self.known.insert(at, vec![Known { turn, scope, continued: false }]);
        }
        Some(turn)
    }

    /// The turn after the one that this goes on from.
    fn earlier(&mut self, prompt: &Prompt, scope: Scope) -> Option<Turn> {
        let named = [("response", &prompt.previous), ("conversation", &prompt.conversation)];
        for (kind, id) in named {
            if let Some(id) = id
                && let Some(turn) = self.go_on(self.id(kind, id), None)
            {
                return Some(turn);
            }
        }
        // The longest history first; the last end is this request's own.
        let before = prompt.ends.len().checked_sub(1)?;
        prompt.ends.iter().take(before).rev().find_map(|end| self.go_on(*end, Some(scope)))
    }

    /// Of several runs with one history: the closest; of those one that nobody has gone on from, and
    /// the oldest of those.
    fn go_on(&mut self, end: u64, scope: Option<Scope>) -> Option<Turn> {
        let alike = self.known.get_mut(&end)?;
        let closeness = |known: &Known| scope.map_or(2, |scope| known.scope.closeness(&scope));
        let best = alike
            .iter_mut()
            .rev()
            .filter(|known| closeness(known) > 0)
            .max_by_key(|known| (closeness(known), !known.continued))?;
        best.continued = true;
        Some(Turn { run: best.turn.run, number: best.turn.number.saturating_add(1) })
    }

    fn remember(&mut self, end: u64, turn: Turn, scope: Scope) {
        let known = Known { turn, scope, continued: false };
        let Some(alike) = self.known.get_mut(&end) else {
            return self.known.insert(end, vec![known]);
        };
        if alike.iter().any(|other| other.turn == turn) {
            return;
        }
        if alike.len() == MAX_ALIKE {
            alike.remove(0);
        }
        alike.push(known);
    }

    fn id(&self, kind: &str, id: &str) -> u64 {
        let mut hasher = Hasher::new(self.key);
        hasher.push(kind.as_bytes());
        hasher.push(&[0xff]);
        hasher.push(id.as_bytes());
        hasher.digest() as u64
    }
}

/// Operations that a history makes sense of.
fn is_conversation(operation: &str) -> bool {
    matches!(
        operation,
        "chat" | "generate_content" | "text_completion" | "assistants" | "agent" | "realtime"
    )
}
