//! Every connection being followed: chunks in, HTTP events out.
//!
//! In: the kernel's flow records. Out: [`HttpEvent`]s with the [`FlowInfo`] of their flow, and
//! [`Verdict`]s. Limit: [`MAX_FLOWS`] flows, the one idle longest gives way.

use std::collections::HashMap;

use super::connection::Connection;
use crate::event::{
    BootTime, Chunk, Direction, EndReason, FlowEnd, FlowKey, FlowOpen, KernelEvent, ProcessKey,
    Verdict,
};
use crate::http::{Close, HttpEvent};

pub const MAX_FLOWS: usize = 65_536;

/// What is known of a flow besides its bytes.
#[derive(Clone, Debug, Default)]
pub struct FlowInfo {
    pub key: FlowKey,
    /// SNI, lower case.
    pub server_name: Option<String>,
    pub cgroup_id: u64,
    /// This process answers: the other end asks.
    pub is_server: bool,
    /// As the kernel last had it.
    pub verdict: Verdict,
}

/// What the table says.
#[derive(Debug)]
pub enum FlowEvent {
    Http(HttpEvent),
    /// What the kernel should do with the rest of the flow.
    Verdict(Verdict),
    /// The flow is over; nothing more comes of it.
    Closed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub opened: u64,
    pub closed: u64,
    pub evicted: u64,
    /// Flows that speak something else.
    pub not_http: u64,
    /// Chunks of flows whose opening was lost.
    pub unannounced: u64,
    pub gaps: u64,
    pub gap_bytes: u64,
}

/// All flows of one worker.
#[derive(Debug, Default)]
pub struct FlowTable {
    flows: HashMap<FlowKey, Connection>,
    by_process: HashMap<ProcessKey, Vec<FlowKey>>,
    counts: Counts,
}

/// Takes what the table says of a flow.
pub type Say<'a> = &'a mut dyn FnMut(&FlowInfo, FlowEvent);

impl FlowTable {
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    pub fn len(&self) -> usize {
        self.flows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Bytes of memory held, roughly.
    pub fn memory(&self) -> usize {
        self.flows.values().map(Connection::memory).sum()
    }

    /// Takes a record.
    pub fn push(&mut self, event: KernelEvent, say: Say<'_>) {
        match event {
            KernelEvent::FlowOpen(open) => self.open(open, say),
            KernelEvent::Data(chunk) => self.data(chunk, say),
            KernelEvent::FlowEnd(end) => self.end(&end, say),
            KernelEvent::Exit(exit) => {
                // Threads exit too; a process does when its first thread's id does. Where records were
                // lost, a request without its answer is not the process's doing.
                let how = if exit.lossy { Close::Lost } else { Close::ByProcess };
                for key in self.by_process.remove(&exit.origin.process).unwrap_or_default() {
                    if let Some(mut flow) = self.flows.remove(&key) {
                        self.counts.closed += 1;
                        flow.finish(None, exit.origin.at, how, say, &mut self.counts);
                    }
                }
            }
            KernelEvent::Handshake(_)
            | KernelEvent::Exec(_)
            | KernelEvent::Fork(_)
            | KernelEvent::Map(_)
            | KernelEvent::GpuCall(_)
            | KernelEvent::GpuClose(_)
            | KernelEvent::Socket(_)
            | KernelEvent::FlowSocket(_)
            | KernelEvent::CgroupMade(_)
            | KernelEvent::CgroupRemoved(_) => {}
        }
    }

    /// Nothing more will come: all flows end as lost.
    pub fn finish(&mut self, at: BootTime, say: Say<'_>) {
        self.by_process.clear();
        for (_, mut flow) in self.flows.drain() {
            flow.finish(None, at, Close::Lost, say, &mut self.counts);
        }
    }

    fn open(&mut self, open: FlowOpen, say: Say<'_>) {
        if self.flows.len() >= MAX_FLOWS {
            self.evict(open.origin.at, say);
        }
        self.counts.opened += 1;
        let info = FlowInfo {
            key: open.key,
            server_name: open.server_name,
            cgroup_id: open.origin.cgroup_id,
            is_server: false,
            verdict: open.verdict,
        };
        let flow = Connection::new(info, open.from_start, open.origin.at);
        self.by_process.entry(open.key.process).or_default().push(open.key);
        self.flows.insert(open.key, flow);
    }

    fn data(&mut self, chunk: Chunk, say: Say<'_>) {
        if !self.flows.contains_key(&chunk.key) {
            self.counts.unannounced += 1;
            self.open(
                FlowOpen {
                    origin: chunk.origin,
                    key: chunk.key,
                    verdict: chunk.verdict,
                    server_name: None,
                    // Its first record was lost; its bytes count from 0 all the same.
                    from_start: chunk.offset == 0,
                    fd: None,
                },
                say,
            );
        }
        let Some(flow) = self.flows.get_mut(&chunk.key) else { return };
        let at = chunk.origin.at;
        flow.last = at;
        // What the other direction waits for would have come before an answer to it did.
        let other = chunk.direction.opposite();
        if flow.directions[other.index()].memory() > 0 {
            flow.directions[other.index()].finish(0);
            flow.advance(other, at, say, &mut self.counts);
        }
        flow.info.verdict = chunk.verdict;
        flow.directions[chunk.direction.index()].push(chunk.offset, chunk.data);
        flow.advance(chunk.direction, at, say, &mut self.counts);
    }

    fn end(&mut self, end: &FlowEnd, say: Say<'_>) {
        let at = end.origin.at;
        if end.reason == EndReason::Eof {
            // The process may still write, or read on after a renegotiation.
            if let Some(flow) = self.flows.get_mut(&end.key) {
                let inbound = Direction::Inbound;
                flow.directions[inbound.index()].finish(end.bytes[inbound.index()]);
                flow.advance(inbound, at, say, &mut self.counts);
                let side = flow.side(inbound);
                flow.close(side, at, Close::ByPeer, say);
            }
            return;
        }
        let Some(mut flow) = self.flows.remove(&end.key) else { return };
        self.counts.closed += 1;
        if let Some(keys) = self.by_process.get_mut(&end.key.process) {
            keys.retain(|key| *key != end.key);
            if keys.is_empty() {
                self.by_process.remove(&end.key.process);
            }
        }
        let how = match end.reason {
            EndReason::Failed => Close::Failed,
            EndReason::Freed | EndReason::ProcessExit | EndReason::Eof => Close::ByProcess,
        };
        flow.finish(Some(end.bytes), at, how, say, &mut self.counts);
    }

    fn evict(&mut self, at: BootTime, say: Say<'_>) {
        let oldest = self.flows.iter().min_by_key(|(_, flow)| flow.last).map(|(key, _)| *key);
        let Some(mut flow) = oldest.and_then(|key| self.flows.remove(&key)) else { return };
        self.counts.evicted += 1;
        flow.finish(None, at, Close::Lost, say, &mut self.counts);
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
