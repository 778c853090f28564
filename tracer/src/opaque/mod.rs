//! Calls inside TLS that cannot be read: who is asked and when, never what [pure].
//!
//! In: the wire bytes of connections of processes whose plaintext nobody sees. Out: [`Call`]s without
//! operation, model, status or tokens, and verdicts. The server name comes from the ClientHello
//! ([`hello`]), requests and answers from the lengths and order of the records ([`records`], [`turn`]).
//! Limits: [`MAX_FLOWS`] connections, [`hello::MAX`] bytes of each until its hello is read.

pub mod hello;
pub mod records;
pub mod turn;

use std::collections::HashMap;
use std::sync::Arc;

use tracer_common::tls::library;

use self::hello::Progress;
use self::records::Records;
use self::turn::{Turn, Turns};
use crate::ai::call::{Call, Capture, Failure, FailureClass};
use crate::ai::providers::{self, HostTable, Provider};
use crate::event::{
    BootTime, Chunk, Direction, EndReason, FlowEnd, FlowKey, KernelEvent, Origin, Verdict,
};
use crate::http::Outcome;

pub const MAX_FLOWS: usize = 8192;
/// An answer that has been quiet so long is over, seconds.
const QUIET_S: f64 = 3.0;

#[derive(Debug)]
pub enum Said {
    Call(Box<Call>),
    Verdict(FlowKey, Verdict),
}

#[derive(Debug)]
struct Flow {
    origin: Origin,
    from_start: bool,
    hello: Vec<u8>,
    /// Who is asked, once the hello has said so.
    asked: Option<(String, &'static Provider)>,
    records: [Records; 2],
    /// Bytes of each direction so far: a chunk further on leaves a hole.
    next: [u64; 2],
    turns: Turns,
}

#[derive(Debug)]
pub struct Opaque {
    flows: HashMap<FlowKey, Flow>,
    hosts: Arc<HostTable>,
}

/// Whether an event is of such a connection.
pub const fn is_opaque(event: &KernelEvent) -> bool {
    let key = match event {
        KernelEvent::FlowOpen(e) => &e.key,
        KernelEvent::Data(e) => &e.key,
        KernelEvent::FlowEnd(e) => &e.key,
        _ => return false,
    };
    key.library == library::OPAQUE
}

impl Opaque {
    pub fn new(hosts: Arc<HostTable>) -> Self {
        Self { flows: HashMap::new(), hosts }
    }

    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Takes an event of an opaque connection, or any exit.
    pub fn push(&mut self, event: KernelEvent, say: &mut dyn FnMut(Said)) {
        match event {
            KernelEvent::FlowOpen(open) => {
                if self.flows.len() >= MAX_FLOWS {
                    self.flows.clear();
                }
                let flow = Flow {
                    origin: open.origin,
                    from_start: open.from_start,
                    hello: Vec::new(),
                    asked: None,
                    records: Default::default(),
                    next: [0; 2],
                    turns: Turns::default(),
                };
                self.flows.insert(open.key, flow);
            }
            KernelEvent::Data(chunk) => self.data(&chunk, say),
            KernelEvent::FlowEnd(end) => self.end(&end, say),
            KernelEvent::Exit(exit) => {
                let of_it = |key: &FlowKey, _: &mut Flow| key.process == exit.origin.process;
                for (key, flow) in self.flows.extract_if(of_it) {
                    flow.end(key, exit.origin.at, EndReason::ProcessExit, say);
                }
            }
            _ => {}
        }
    }

    /// Answers that have been quiet for long are over.
    pub fn settle(&mut self, now: BootTime, say: &mut dyn FnMut(Said)) {
        for (key, flow) in &mut self.flows {
            if let Some(turn) = flow.turns.quiet(now, QUIET_S) {
                flow.answered(*key, &turn, say);
            }
        }
    }

    /// Nothing more will come.
    pub fn finish(&mut self, say: &mut dyn FnMut(Said)) {
        for (key, mut flow) in self.flows.drain() {
            if let Some(turn) = flow.turns.take().filter(Turn::is_answered) {
                flow.answered(key, &turn, say);
            }
        }
    }

    fn data(&mut self, chunk: &Chunk, say: &mut dyn FnMut(Said)) {
        let Some(flow) = self.flows.get_mut(&chunk.key) else { return };
        let side = chunk.direction.index();
        if chunk.offset != flow.next[side] {
            flow.records[side].lose();
        }
        flow.next[side] = chunk.offset + chunk.data.len() as u64;
        if flow.asked.is_none() && chunk.direction == Direction::Outbound {
            flow.hello.extend_from_slice(&chunk.data);
            match flow.greet(&self.hosts) {
                Greeting::Unsure => {}
                Greeting::Provider => say(Said::Verdict(chunk.key, Verdict::Capture)),
                Greeting::Nobody => {
                    self.flows.remove(&chunk.key);
                    return say(Said::Verdict(chunk.key, Verdict::Ignore));
                }
            }
        }
        let Some(flow) = self.flows.get_mut(&chunk.key) else { return };
        let mut over = Vec::new();
        let Flow { records, turns, .. } = flow;
        records[side].push(&chunk.data, |record| {
            over.extend(turns.push(chunk.direction, record, chunk.origin.at));
        });
        for turn in over {
            flow.answered(chunk.key, &turn, say);
        }
    }

    fn end(&mut self, end: &FlowEnd, say: &mut dyn FnMut(Said)) {
        if let Some(flow) = self.flows.remove(&end.key) {
            flow.end(end.key, end.origin.at, end.reason, say);
        }
    }
}

enum Greeting {
    Unsure,
    Provider,
    Nobody,
}

impl Flow {
    fn greet(&mut self, hosts: &HostTable) -> Greeting {
        let hello = match hello::parse(&self.hello) {
            Progress::Partial if self.hello.len() < hello::MAX => return Greeting::Unsure,
            Progress::Hello(hello) => hello,
            Progress::Partial | Progress::Other => return Greeting::Nobody,
        };
        self.hello = Vec::new();
        let provider = hello
            .server_name
            .as_deref()
            .and_then(|name| providers::resolve(name, Some(443), "/", hosts));
        match (hello.server_name, provider) {
            (Some(name), Some(provider)) => {
                self.asked = Some((name, provider));
                Greeting::Provider
            }
            _ => Greeting::Nobody,
        }
    }

    fn call(&self, key: FlowKey, started: BootTime, ended: BootTime) -> Option<Box<Call>> {
        let (host, provider) = self.asked.as_ref()?;
        let origin = Origin { at: ended, ..self.origin };
        let mut call = Call::unanswered(key, origin, provider);
        call.started = started;
        call.host.clone_from(host);
        call.capture = Capture::Opaque;
        Some(Box::new(call))
    }

    fn answered(&self, key: FlowKey, turn: &Turn, say: &mut dyn FnMut(Said)) {
        if let Some(mut call) = self.call(key, turn.started, turn.last) {
            call.outcome = Outcome::Complete;
            call.failure = None;
            say(Said::Call(call));
        }
    }

    fn end(mut self, key: FlowKey, at: BootTime, reason: EndReason, say: &mut dyn FnMut(Said)) {
        let turn = self.turns.take();
        match turn {
            Some(turn) if turn.is_answered() => self.answered(key, &turn, say),
            Some(turn) if turn.is_request() => {
                let Some(mut call) = self.call(key, turn.started, at) else { return };
                let by_process = matches!(reason, EndReason::Freed | EndReason::ProcessExit);
                let (class, word) = if by_process {
                    (FailureClass::ClientCancelled, "client_cancelled")
                } else if reason == EndReason::Failed {
                    (FailureClass::NetworkError, "connection_reset")
                } else {
                    (FailureClass::NetworkError, "stream_cut")
                };
                call.outcome = if by_process { Outcome::ClientGone } else { Outcome::Cut };
                call.failure = Some(Failure {
                    class,
                    error_type: word.to_owned(),
                    retryable: !by_process,
                    retry_after_s: None,
                });
                say(Said::Call(call));
            }
            // Refused before anything was asked.
            None if self.from_start && self.turns.never_asked() => {
                if let Some(call) = self.call(key, self.origin.at, at) {
                    say(Said::Call(call));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
