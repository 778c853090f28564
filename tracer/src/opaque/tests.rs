use bytes::Bytes;

use super::*;
use crate::event::FlowOpen;

fn key() -> FlowKey {
    FlowKey { library: library::OPAQUE, ..FlowKey::default() }
}

fn origin(ms: u64) -> Origin {
    Origin { at: BootTime(ms * 1_000_000), ..Origin::default() }
}

#[derive(Default)]
struct Wire {
    offsets: [u64; 2],
    events: Vec<KernelEvent>,
}

impl Wire {
    fn new() -> Self {
        let open = FlowOpen {
            origin: origin(0),
            key: key(),
            verdict: Verdict::Undecided,
            server_name: None,
            from_start: true,
            fd: None,
        };
        Self { events: vec![KernelEvent::FlowOpen(open)], ..Self::default() }
    }

    fn bytes(&mut self, direction: Direction, ms: u64, data: &[u8]) -> &mut Self {
        let offset = self.offsets[direction.index()];
        self.offsets[direction.index()] += data.len() as u64;
        self.events.push(KernelEvent::Data(Chunk {
            origin: origin(ms),
            key: key(),
            direction,
            offset,
            verdict: Verdict::Capture,
            data: Bytes::copy_from_slice(data),
        }));
        self
    }

    fn record(&mut self, direction: Direction, ms: u64, kind: u8, len: u16) -> &mut Self {
        let mut data = vec![kind, 3, 3];
        data.extend(len.to_be_bytes());
        data.resize(5 + usize::from(len), 7);
        self.bytes(direction, ms, &data)
    }

    fn end(&mut self, ms: u64, reason: EndReason) -> (Vec<Call>, Vec<Verdict>) {
        let end = FlowEnd { origin: origin(ms), key: key(), reason, bytes: self.offsets };
        self.events.push(KernelEvent::FlowEnd(end));
        let mut opaque = Opaque::new(Arc::default());
        let (mut calls, mut verdicts) = (Vec::new(), Vec::new());
        for event in self.events.drain(..) {
            assert!(is_opaque(&event));
            opaque.push(event, &mut |said| match said {
                Said::Call(call) => calls.push(*call),
                Said::Verdict(_, verdict) => verdicts.push(verdict),
            });
        }
        (calls, verdicts)
    }
}

use Direction::{Inbound, Outbound};

fn greeted(name: &str) -> Wire {
    let mut wire = Wire::new();
    wire.bytes(Outbound, 1, &hello::fixture::real(name));
    wire.record(Inbound, 2, 22, 120).record(Inbound, 2, 23, 3000).record(Outbound, 3, 20, 1);
    wire.record(Outbound, 3, 23, 69);
    wire
}

#[test]
fn a_turn_is_a_call_that_claims_nothing() {
    let mut wire = greeted("api.openai.com");
    wire.record(Outbound, 10, 23, 900).record(Inbound, 250, 23, 700);
    let (calls, verdicts) = wire.end(300, EndReason::Freed);
    assert_eq!(verdicts, [Verdict::Capture]);
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((call.provider, &*call.host), ("openai", "api.openai.com"));
    assert_eq!(call.ended.seconds_since(call.started), 0.24);
    assert_eq!(call.capture, Capture::Opaque);
    assert!(call.failure.is_none() && call.usage.is_empty() && call.status.is_none());
}

#[test]
fn others_are_let_go_and_nothing_is_said() {
    let mut wire = greeted("www.example.com");
    wire.record(Outbound, 10, 23, 900).record(Inbound, 250, 23, 700);
    let (calls, verdicts) = wire.end(300, EndReason::Freed);
    assert!(calls.is_empty());
    assert_eq!(verdicts, [Verdict::Ignore]);
}

#[test]
fn failures_are_told_by_what_was_missing() {
    let word = |(calls, _): (Vec<Call>, _)| calls[0].failure.clone().unwrap().error_type;
    let mut wire = Wire::new();
    wire.bytes(Outbound, 1, &hello::fixture::real("api.openai.com")).record(Inbound, 2, 21, 2);
    assert_eq!(word(wire.end(3, EndReason::Freed)), "tls_handshake_failed");
    let mut wire = greeted("api.openai.com");
    wire.record(Outbound, 10, 23, 900);
    assert_eq!(word(wire.end(11, EndReason::Failed)), "connection_reset");
    let mut wire = greeted("api.openai.com");
    wire.record(Outbound, 10, 23, 900);
    assert_eq!(word(wire.end(11, EndReason::Freed)), "client_cancelled");
}

#[test]
fn a_hole_ends_what_is_believed() {
    let mut wire = greeted("api.openai.com");
    wire.offsets[Outbound.index()] += 100;
    wire.record(Outbound, 10, 23, 900).record(Inbound, 250, 23, 700);
    let (calls, _) = wire.end(300, EndReason::Freed);
    assert!(calls.is_empty(), "{calls:?}");
}
