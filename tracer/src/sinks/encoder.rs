//! Records to events: ids, sequence, and the line, made once for all sinks [pure].
//!
//! In: records. Out: [`Event`]s whose line has at most [`MAX_LINE`] bytes. `seq` counts the events
//! of a run, so a hole downstream is a loss downstream.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::event::BootTime;
use crate::event_id::{EventId, Ids};
use crate::record::Record;
use crate::sinks::Event;
use crate::sinks::clock::WallClock;
use crate::sinks::names::Semconv;
use crate::sinks::schema::{AiCall, Envelope, HeartbeatEvent, MAX_LINE, SCHEMA, severity};

/// What each event says of the run.
#[derive(Clone, Debug)]
pub struct RunInfo {
    pub host: Option<String>,
    pub bpf_hash: String,
    pub semconv: Semconv,
}

/// Makes events of records, each once.
#[derive(Debug)]
pub struct Encoder {
    run: RunInfo,
    clock: WallClock,
    ids: Ids,
    seq: u64,
    line: Vec<u8>,
}

impl Encoder {
    pub fn new(run: RunInfo, clock: WallClock) -> Self {
        Self { run, clock, ids: Ids::new(), seq: 0, line: Vec::new() }
    }

    /// After the wall clock may have been stepped.
    pub const fn set_clock(&mut self, clock: WallClock) {
        self.clock = clock;
    }

    /// The event of a record.
    ///
    /// # Errors
    /// When the record cannot be written as JSON; it then has no `seq` either.
    pub fn encode(&mut self, record: Record) -> io::Result<Arc<Event>> {
        let (name, at, severity) = title(&record);
        let known = match &record {
            Record::Call(attributed) => attributed.derived.id,
            Record::Heartbeat(_) => None,
        };
        let envelope = self.envelope(name, at, severity, known);
        let id = envelope.id.clone();
        match &record {
            Record::Call(attributed) => {
                let started = self.clock.rfc3339(attributed.owner.key.start);
                self.line(&AiCall::new(attributed, envelope, started))?;
            }
            Record::Heartbeat(heartbeat) => {
                self.line(&HeartbeatEvent::new(heartbeat, envelope, &self.run.bpf_hash))?;
            }
        }
        self.seq += 1;
        let line = Bytes::copy_from_slice(&self.line);
        let unix_ns = self.clock.unix_ns(at);
        Ok(Arc::new(Event { record, name, id, seq: self.seq, unix_ns, line }))
    }

    /// Puts an event's line into `self.line`.
    fn line(&mut self, event: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        if self.run.semconv == Semconv::Latest {
            serde_json::to_writer(&mut self.line, event)?;
        }
        if self.line.is_empty() || self.line.len() >= MAX_LINE {
            self.rework(event)?;
        }
        self.line.push(b'\n');
        Ok(())
    }

    /// The slow way: other names, or strings cut until the line fits.
    fn rework(&mut self, event: &impl Serialize) -> io::Result<()> {
        let mut value = self.object(event)?;
        self.line.clear();
        serde_json::to_writer(&mut self.line, &value)?;
        // Escapes make a string up to six times longer: cut harder until the line fits.
        for bound in [256, 64, 16] {
            if self.line.len() < MAX_LINE {
                break;
            }
            shrink(&mut value, bound);
            self.line.clear();
            serde_json::to_writer(&mut self.line, &value)?;
        }
        Ok(())
    }

    fn envelope(
        &mut self,
        name: &'static str,
        at: BootTime,
        severity_text: &'static str,
        id: Option<EventId>,
    ) -> Envelope {
        let id = id.unwrap_or_else(|| self.ids.next(self.clock.unix_ns(at)));
        Envelope {
            timestamp: self.clock.rfc3339(at),
            schema: SCHEMA,
            name,
            id: id.to_string(),
            seq: self.seq + 1,
            severity_text,
            host: self.run.host.clone(),
            truncated: None,
        }
    }

    fn object(&self, event: &impl Serialize) -> io::Result<Map<String, Value>> {
        let Value::Object(object) = serde_json::to_value(event)? else {
            return Err(io::Error::other("an event is an object"));
        };
        if self.run.semconv == Semconv::Latest {
            return Ok(object);
        }
        let rename =
            |(key, value): (String, Value)| (self.run.semconv.rename(&key).to_owned(), value);
        Ok(object.into_iter().map(rename).collect())
    }
}

/// What an event is called, when it happened, and how bad it is.
fn title(record: &Record) -> (&'static str, BootTime, &'static str) {
    match record {
        Record::Call(attributed) => ("ai.call", attributed.call.ended, severity(&attributed.call)),
        Record::Heartbeat(heartbeat) => {
            let severity = if heartbeat.books.is_closed() { "INFO" } else { "ERROR" };
            ("heartbeat", heartbeat.at, severity)
        }
    }
}

/// Cuts every string to `bound` bytes and every list to as many entries. Only reached by events whose
/// strings are each within bounds but too long together.
fn shrink(object: &mut Map<String, Value>, bound: usize) {
    let cut = |text: &mut String| text.truncate(text.floor_char_boundary(bound));
    for value in object.values_mut() {
        match value {
            Value::String(text) => cut(text),
            Value::Array(list) => {
                list.truncate(bound);
                for entry in list {
                    if let Value::String(text) = entry {
                        cut(text);
                    }
                }
            }
            _ => {}
        }
    }
    object.insert("aitrace.truncated".to_owned(), Value::Bool(true));
}

#[cfg(test)]
#[path = "encoder_tests.rs"]
mod tests;
