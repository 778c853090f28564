//! Calls among other calls: which run they belong to, what they repeat, whose key they spend [pure].
//!
//! In: attributed calls in the order in which they ended. Out: what is [`Derived`] of each. Tables are
//! bounded, oldest out first, and say how often ([`Counts`]). Content is compared by keyed digests
//! alone ([`crate::keyed`]).

mod attempts;
mod bounded;
mod ends;
mod runs;
mod stage;

pub use self::attempts::Retry;
pub use self::ends::{Caller, Party};
pub use self::runs::Turn;
pub use self::stage::Stage;

use self::attempts::{Attempts, Earlier};
use self::ends::Ends;
use self::runs::Runs;
use crate::ai::call::Sent;
use crate::cost::Cost;
use crate::event::ProcessKey;
use crate::event_id::EventId;
use crate::keyed::{Fingerprints, Hasher};
use crate::record::AttributedCall;

/// What one call alone does not tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derived {
    /// `None`: given when the event is made.
    pub id: Option<EventId>,
    /// Of the credential.
    pub fingerprint: Option<String>,
    pub cost: Option<Cost>,
    pub turn: Option<Turn>,
    pub retry: Option<Retry>,
    /// The same request was sent before, and had not failed.
    pub duplicate_of: Option<EventId>,
    /// Digest and size of what comes before the conversation: instructions and tools.
    pub prefix: Option<(String, u64)>,
    /// The process at the other end of the connection, when it is on this host.
    pub peer: Option<Party>,
    /// On whose behalf a gateway made this call.
    pub caller: Option<Caller>,
    /// Another event has the same spend: left out of totals.
    pub counted_elsewhere: bool,
}

/// Entries that gave way to newer ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub runs_evicted: u64,
    pub attempts_evicted: u64,
    pub asks_evicted: u64,
}

/// Who may go on with a call: the process, else others of its workload (a program started for
/// each step).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scope {
    process: ProcessKey,
    workload: u64,
}

impl Scope {
    /// 0: strangers; higher: closer.
    fn closeness(&self, other: &Self) -> u8 {
        match (self.process == other.process, self.workload == other.workload) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 0,
        }
    }
}

#[derive(Debug)]
pub struct Correlator {
    fingerprints: Fingerprints,
    runs: Runs,
    attempts: Attempts,
    ends: Ends,
}

impl Correlator {
    pub fn new(fingerprints: Fingerprints) -> Self {
        let key = fingerprints.hash_key();
        Self {
            fingerprints,
            runs: Runs::new(key),
            attempts: Attempts::default(),
            ends: Ends::default(),
        }
    }

    pub const fn counts(&self) -> Counts {
        Counts {
            runs_evicted: self.runs.evicted(),
            attempts_evicted: self.attempts.evicted(),
            asks_evicted: self.ends.evicted(),
        }
    }

    /// A request to a process of this host has been sent; `servers`: who listens there.
    pub fn sent(&mut self, sent: &Sent, caller: Party, servers: &[u32]) {
        self.ends.sent(sent, caller, servers);
    }

    /// Takes the next call and fills in what follows from it and those before it.
    pub fn push(&mut self, attributed: &mut AttributedCall, id: EventId) {
        if let Some(behind) = self.ends.ended(&attributed.call) {
            ends::hand_on(behind, &mut attributed.call, &mut attributed.derived.cost);
        }
        let scope = self.scope(attributed);
        let call = &attributed.call;
        let derived = &mut attributed.derived;
        derived.id = Some(id);
        derived.fingerprint = call
            .credential
            .as_ref()
            .map(|secret| self.fingerprints.hex("credential", secret.expose()));
        let Some(prompt) = &call.prompt else { return };
        derived.prefix = prompt.prefix.map(|digest| {
            (self.fingerprints.hex("prefix", &digest.to_le_bytes()), prompt.prefix_bytes)
        });
        derived.caller = self.ends.caller(call, derived.cost.as_ref());
        derived.counted_elsewhere = derived.caller.is_some();
        if derived.counted_elsewhere {
            // Runs and retries are its caller's too.
            return;
        }
        let mut again = None;
        match self.attempts.find(call, prompt, scope) {
            Some(Earlier::Failed { retry, turn }) => {
                derived.retry = Some(retry);
                again = turn;
            }
            Some(Earlier::Done { id }) => derived.duplicate_of = Some(id),
            None => {}
        }
        derived.turn = self.runs.place(call, prompt, scope, id, again);
        self.attempts.remember(call, prompt, scope, id, derived);
    }

    fn scope(&self, attributed: &AttributedCall) -> Scope {
        let mut workload = Hasher::new(self.runs.key());
        let owner = &attributed.owner;
        for part in [owner.cgroup_path.as_deref(), owner.user.as_deref(), owner.title()] {
            workload.push(part.unwrap_or_default().as_bytes());
            workload.push(&[0xff]);
        }
        Scope { process: owner.key, workload: workload.digest() as u64 }
    }
}

#[cfg(test)]
mod tests;
