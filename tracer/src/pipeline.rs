//! The pure pipeline of one worker: kernel events in, calls and verdicts out [pure].
//!
//! In: [`KernelEvent`]s of the flows that this worker has. Out: [`Output`]s. Holds flow and exchange
//! state only; who a process is, the attribution stage knows.

use std::collections::HashMap;
use std::sync::Arc;

use tracer_common::limits;

use crate::ai::call::{Call, Sent};
use crate::ai::decoder::{FlowDecoder, Said, failed_handshake};
use crate::ai::endpoint::recognise;
use crate::ai::providers::HostTable;
use crate::event::{BootTime, Direction, FlowKey, KernelEvent, Verdict};
use crate::flow::table::{Counts, FlowEvent, FlowTable};
use crate::keyed::HashKey;
use crate::opaque::{self, Opaque};

#[derive(Debug)]
pub enum Output {
    /// A request is on its way; its call comes when it has ended.
    Sent(Sent),
    Call(Box<Call>),
    /// What the kernel should do with the rest of a flow.
    Verdict(FlowKey, Verdict),
}

impl From<opaque::Said> for Output {
    fn from(said: opaque::Said) -> Self {
        match said {
            opaque::Said::Call(call) => Self::Call(call),
            opaque::Said::Verdict(key, verdict) => Self::Verdict(key, verdict),
        }
    }
}

#[derive(Debug)]
pub struct Pipeline {
    table: FlowTable,
    decoders: HashMap<FlowKey, FlowDecoder>,
    opaque: Opaque,
    hosts: Arc<HostTable>,
    key: HashKey,
}

impl Pipeline {
    /// With hashes of content that go nowhere.
    pub fn new(hosts: Arc<HostTable>) -> Self {
        Self::keyed(hosts, HashKey::default())
    }

    /// With the installation's key for hashes of content.
    pub fn keyed(hosts: Arc<HostTable>, key: HashKey) -> Self {
        let opaque = Opaque::new(Arc::clone(&hosts));
        Self { table: FlowTable::default(), decoders: HashMap::new(), opaque, hosts, key }
    }

    pub const fn counts(&self) -> &Counts {
        self.table.counts()
    }

    /// Bytes of memory held, roughly.
    pub fn memory(&self) -> usize {
        self.table.memory() + self.decoders.values().map(FlowDecoder::memory).sum::<usize>()
    }

    /// Takes an event; `out` gets what follows from it.
    pub fn push(&mut self, event: KernelEvent, out: &mut dyn FnMut(Output)) {
        if let KernelEvent::Handshake(handshake) = &event {
            if let Some(call) = failed_handshake(handshake, &self.hosts) {
                out(Output::Call(Box::new(call)));
            }
            return;
        }
        if opaque::is_opaque(&event) {
            return self.opaque.push(event, &mut |said| out(said.into()));
        }
        if let KernelEvent::Exit(_) = &event
            && !self.opaque.is_empty()
        {
            self.opaque.push(event.clone(), &mut |said| out(said.into()));
        }
        if let Some(key) = asks_in_the_open(&event) {
            // Before its budget is spent on a long head.
            let fresh = || FlowDecoder::new(Arc::clone(&self.hosts), self.key);
            self.decoders.entry(key).or_insert_with(fresh).expect_ai();
            out(Output::Verdict(key, Verdict::Capture));
        }
        let spent = undecided_and_spent(&event);
        let Self { table, decoders, hosts, key, .. } = self;
        let context = Context { hosts, key: *key };
        table.push(event, &mut |info, event| say(decoders, context, info, event, out));
        // All that comes up of an undecided flow has been seen, and it was nothing.
        if let Some(key) = spent
            && !decoders.get(&key).is_some_and(FlowDecoder::saw_ai)
        {
            out(Output::Verdict(key, Verdict::Ignore));
        }
    }

    /// Time passes and nothing comes: `now` is asked only where somebody waits.
    pub fn tick(&mut self, now: impl FnOnce() -> BootTime, out: &mut dyn FnMut(Output)) {
        if !self.opaque.is_empty() {
            self.opaque.settle(now(), &mut |said| out(said.into()));
        }
    }

    /// Nothing more will come: what is open ends as lost.
    pub fn finish(&mut self, at: BootTime, out: &mut dyn FnMut(Output)) {
        self.opaque.finish(&mut |said| out(said.into()));
        let Self { table, decoders, hosts, key, .. } = self;
        let context = Context { hosts, key: *key };
        table.finish(at, &mut |info, event| say(decoders, context, info, event, out));
    }
}

/// The flow of an undecided connection whose first line is an AI call's, whatever the host.
fn asks_in_the_open(event: &KernelEvent) -> Option<FlowKey> {
    let KernelEvent::Data(chunk) = event else { return None };
    if chunk.verdict != Verdict::Undecided
        || chunk.direction != Direction::Outbound
        || chunk.offset != 0
    {
        return None;
    }
    let line = chunk.data.split(|b| *b == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    recognise(None, method, path, query).map(|_| chunk.key)
}

/// The flow of a chunk that is the last one of its undecided client side.
fn undecided_and_spent(event: &KernelEvent) -> Option<FlowKey> {
    let KernelEvent::Data(chunk) = event else { return None };
    let end = chunk.offset + chunk.data.len() as u64;
    (chunk.verdict == Verdict::Undecided
        && chunk.direction == Direction::Outbound
        && end >= limits::UNDECIDED_BYTES)
        .then_some(chunk.key)
}

/// What a decoder needs besides a flow.
#[derive(Clone, Copy)]
struct Context<'a> {
    hosts: &'a Arc<HostTable>,
    key: HashKey,
}

fn say(
    decoders: &mut HashMap<FlowKey, FlowDecoder>,
    context: Context<'_>,
    info: &crate::flow::table::FlowInfo,
    event: FlowEvent,
    out: &mut dyn FnMut(Output),
) {
    match event {
        FlowEvent::Http(event) => {
            let fresh = || FlowDecoder::new(Arc::clone(context.hosts), context.key);
            let decoder = decoders.entry(info.key).or_insert_with(fresh);
            let known = decoder.saw_ai();
            let told = decoder.push(info, event);
            if !known && decoder.saw_ai() && info.verdict == Verdict::Undecided {
                out(Output::Verdict(info.key, Verdict::Capture));
            }
            match told {
                Some(Said::Sent(sent)) => out(Output::Sent(sent)),
                Some(Said::Call(call)) => out(Output::Call(call)),
                None => {}
            }
        }
        FlowEvent::Verdict(verdict) => out(Output::Verdict(info.key, verdict)),
        FlowEvent::Closed => {
            decoders.remove(&info.key);
        }
    }
}
