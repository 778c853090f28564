//! Both ends on one host: a gateway's own call to a provider belongs to the caller behind it.
//!
//! In: requests as they have been sent, with who listens at their other end; calls as they end. Out: a
//! [`Caller`] for a call that a gateway made on somebody's behalf, found by time (it lies within the
//! caller's) and by the digest of the text that both ask. Spend counts once, on the caller's own call:
//! the gateway's is marked, and what only that one tells (cost, tokens) is handed on.

use super::bounded::Bounded;
use crate::ai::call::{Call, Sent, Usage};
use crate::cost::Cost;
use crate::event::{BootTime, FlowKey};

/// Requests on their way to a process of this host.
const MAX: usize = 16_384;
/// Requests with one text at the same time.
const MAX_ALIKE: usize = 64;
/// What ended is remembered so long: two workers may tell of two ends in either order.
const LINGER_S: f64 = 2.0;

/// A process at the other end, or behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    pub pid: u32,
    pub workload: Option<String>,
}

/// On whose behalf a gateway called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(pub Party);

/// What the calls behind one request came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Behind {
    pub(super) usage: Option<Usage>,
    pub(super) cost: Option<Cost>,
    pub(super) calls: u32,
}

#[derive(Clone, Debug)]
struct Ask {
    flow: FlowKey,
    started: BootTime,
    ended: Option<BootTime>,
    caller: Party,
    /// Processes that listen where it goes.
    servers: Box<[u32]>,
    behind: Behind,
}

#[derive(Debug)]
pub(super) struct Ends {
    /// By the digest of what is asked.
    asks: Bounded<u128, Vec<Ask>>,
}

impl Default for Ends {
    fn default() -> Self {
        Self { asks: Bounded::new(MAX) }
    }
}

impl Ends {
    pub(super) const fn evicted(&self) -> u64 {
        self.asks.evicted()
    }

    /// A request to processes of this host has been sent.
    pub(super) fn sent(&mut self, sent: &Sent, caller: Party, servers: &[u32]) {
        let ask = Ask {
            flow: sent.flow,
            started: sent.started,
            ended: None,
            caller,
            servers: servers.into(),
            behind: Behind::default(),
        };
        let mut alike = self.asks.remove(&sent.text).unwrap_or_default();
        alike.retain(|ask| ask.ended.is_none_or(|at| sent.at.seconds_since(at) < LINGER_S));
        if alike.len() == MAX_ALIKE {
            alike.remove(0);
        }
        alike.push(ask);
        self.asks.insert(sent.text, alike);
    }

    /// A call to the provider ended: on whose behalf it was made. Its figures go to that one, unless
    /// that one has ended without them.
    pub(super) fn caller(&mut self, call: &Call, cost: Option<&Cost>) -> Option<Caller> {
        let text = call.prompt.as_ref()?.last_text?;
        let gateway = call.flow.process.tgid;
        let alike = self.asks.get_mut(&text)?;
        let within = |ask: &&mut Ask| {
            ask.servers.contains(&gateway)
                && ask.flow.process != call.flow.process
                && ask.started <= call.started
                && ask.ended.is_none_or(|at| call.started <= at)
        };
        // Of several that ask the same at once, one that nobody has called for yet.
        let ask = alike.iter_mut().filter(within).min_by_key(|ask| ask.behind.calls)?;
        if ask.ended.is_some() && !call.usage.is_empty() {
            return None;
        }
        ask.behind.calls += 1;
        add(&mut ask.behind, &call.usage, cost);
        Some(Caller(ask.caller.clone()))
    }

    /// A request that was sent has its end: what the calls behind it came to.
    pub(super) fn ended(&mut self, call: &Call) -> Option<Behind> {
        let text = call.prompt.as_ref()?.last_text?;
        let alike = self.asks.get_mut(&text)?;
        let own = |ask: &&mut Ask| {
            ask.flow == call.flow && ask.started == call.started && ask.ended.is_none()
        };
        let ask = alike.iter_mut().find(own)?;
        ask.ended = Some(call.ended);
        (ask.behind.calls > 0).then(|| std::mem::take(&mut ask.behind))
    }
}

fn add(behind: &mut Behind, usage: &Usage, cost: Option<&Cost>) {
    if !usage.is_empty() {
        // A gateway that tries again pays again.
        let sum = behind.usage.get_or_insert_default();
        let more = |place: &mut Option<u64>, part: Option<u64>| {
            if let Some(part) = part {
                *place = Some(place.unwrap_or(0).saturating_add(part));
            }
        };
        more(&mut sum.input, usage.input);
        more(&mut sum.output, usage.output);
        more(&mut sum.cache_read, usage.cache_read);
        more(&mut sum.cache_write, usage.cache_write);
        more(&mut sum.cache_write_hour, usage.cache_write_hour);
        more(&mut sum.reasoning, usage.reasoning);
        more(&mut sum.audio_input, usage.audio_input);
        more(&mut sum.audio_output, usage.audio_output);
        more(&mut sum.image_input, usage.image_input);
        more(&mut sum.searches, usage.searches);
    }
    if let Some(cost) = cost {
        match &mut behind.cost {
            Some(sum) => sum.usd += cost.usd,
            None => behind.cost = Some(cost.clone()),
        }
    }
}

/// Gives a caller's call what only the gateway's own calls told.
pub(super) fn hand_on(behind: Behind, call: &mut Call, cost: &mut Option<Cost>) {
    if call.usage.is_empty()
        && let Some(usage) = behind.usage
    {
        call.usage = usage;
    }
    // The provider's price, not that of the name which the gateway gives the model.
    if behind.cost.is_some() {
        *cost = behind.cost;
    }
}
