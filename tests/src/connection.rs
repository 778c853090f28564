//! A connection played to the pure pipeline without a kernel: plaintext in, calls out.

use std::sync::Arc;

use bytes::Bytes;
use tracer::ai::call::Call;
use tracer::ai::providers::HostTable;
use tracer::event::{
    BootTime, Chunk, Direction, EndReason, FlowEnd, FlowKey, FlowOpen, KernelEvent, Origin,
    ProcessKey, Verdict,
};
use tracer::pipeline::{Output, Pipeline};

use crate::render::Dice;

/// A connection's records, as the kernel would make them.
#[derive(Debug)]
pub struct Connection {
    key: FlowKey,
    offsets: [u64; 2],
    events: Vec<KernelEvent>,
    tick: u64,
}

impl Connection {
    pub fn open(number: u64, host: &str) -> Self {
        let key = FlowKey {
            process: ProcessKey { tgid: 7, start: BootTime(1) },
            handle: number,
            library: 1,
            opened: BootTime(number),
        };
        let name = host.split(':').next().unwrap_or_default().to_lowercase();
        let mut flow = Self { key, offsets: [0; 2], events: Vec::new(), tick: 0 };
        let origin = flow.origin();
        flow.events.push(KernelEvent::FlowOpen(FlowOpen {
            origin,
            key,
            verdict: Verdict::Capture,
            server_name: Some(name).filter(|name| name.contains('.')),
            from_start: true,
            fd: None,
        }));
        flow
    }

    fn origin(&mut self) -> Origin {
        self.tick += 1_000_000;
        Origin { at: BootTime(self.tick), process: self.key.process, ..Origin::default() }
    }

    pub fn data(&mut self, direction: Direction, data: &Bytes, dice: &mut Dice) {
        let mut rest = data.clone();
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(1 + dice.below(16_384)));
            let origin = self.origin();
            let offset = &mut self.offsets[direction.index()];
            self.events.push(KernelEvent::Data(Chunk {
                origin,
                key: self.key,
                direction,
                offset: *offset,
                verdict: Verdict::Capture,
                data: piece.clone(),
            }));
            *offset += piece.len() as u64;
        }
    }

    pub fn close(&mut self) {
        let origin = self.origin();
        let (key, bytes) = (self.key, self.offsets);
        self.events.push(KernelEvent::FlowEnd(FlowEnd {
            origin,
            key,
            reason: EndReason::Freed,
            bytes,
        }));
    }

    /// All of them, in order.
    pub fn records(self) -> Vec<KernelEvent> {
        self.events
    }
}

/// What the pure pipeline reports of them.
pub fn calls(events: Vec<KernelEvent>) -> Vec<Call> {
    calls_with(HostTable::default(), events)
}

/// The same, with hosts that configuration names.
pub fn calls_with(hosts: HostTable, events: Vec<KernelEvent>) -> Vec<Call> {
    let mut pipeline = Pipeline::new(Arc::new(hosts));
    let mut calls = Vec::new();
    for event in events {
        pipeline.push(event, &mut |output| {
            if let Output::Call(call) = output {
                calls.push(*call);
            }
        });
    }
    calls
}
