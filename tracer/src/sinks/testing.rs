//! Events for the tests of sinks.

use bytes::Bytes;

use super::Event;
use crate::event::BootTime;
use crate::record::{Heartbeat, Record};
use crate::telemetry::Books;

/// A call, as a line has it.
pub(crate) fn line(seq: u64, extra: &str) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-26T10:00:01.500000000Z\",\"schema\":\"aitrace/1\",\
         \"event.name\":\"ai.call\",\"event.id\":\"0193-{seq:08}-7000-8000-0000000000ab\",\
         \"seq\":{seq},\"severity_text\":\"INFO\",\"host.name\":\"h\"{extra}}}\n"
    )
}

fn of(name: &'static str, seq: u64, line: String) -> Event {
    let heartbeat = Heartbeat { at: BootTime(seq), uptime_s: 0.0, books: Books::default() };
    Event {
        record: Record::Heartbeat(Box::new(heartbeat)),
        name,
        id: format!("id-{seq}"),
        seq,
        unix_ns: 1_700_000_000_000_000_000 + seq,
        line: Bytes::from(line),
    }
}

pub(crate) fn event(seq: u64) -> Event {
    of("ai.call", seq, line(seq, ""))
}

pub(crate) fn heartbeat(seq: u64) -> Event {
    of("heartbeat", seq, line(seq, "").replace("ai.call", "heartbeat"))
}
