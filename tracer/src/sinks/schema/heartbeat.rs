//! `heartbeat`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Envelope;
use crate::record::Heartbeat;
use crate::telemetry::{Books, StageBooks};

/// `heartbeat`: the agent's own state and its books.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HeartbeatEvent {
    #[serde(flatten)]
    pub envelope: Envelope,
    #[serde(rename = "aitrace.version")]
    pub version: &'static str,
    #[serde(rename = "aitrace.bpf.hash")]
    pub bpf_hash: String,
    #[serde(rename = "aitrace.uptime_s")]
    pub uptime_s: f64,
    #[serde(rename = "aitrace.books.closed")]
    pub closed: bool,
    /// `aitrace.books.<stage>.in`, `.out`, `.in_flight` and `.dropped.<reason>` (reasons at 0 left
    /// out), then `aitrace.trouble.<counter>`.
    #[serde(flatten)]
    pub books: BTreeMap<String, u64>,
}

impl HeartbeatEvent {
    pub fn new(heartbeat: &Heartbeat, envelope: Envelope, bpf_hash: &str) -> Self {
        Self {
            envelope,
            version: env!("CARGO_PKG_VERSION"),
            bpf_hash: bpf_hash.to_owned(),
            uptime_s: heartbeat.uptime_s,
            closed: heartbeat.books.is_closed(),
            books: books(&heartbeat.books),
        }
    }
}

fn books(books: &Books) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    for (stage, figures) in &books.stages {
        write_stage(&mut out, stage, figures);
    }
    for (name, figures) in &books.sinks {
        write_stage(&mut out, &format!("sink.{name}"), figures);
    }
    for (name, count) in &books.trouble {
        out.insert(format!("aitrace.trouble.{name}"), *count);
    }
    out
}

fn write_stage(out: &mut BTreeMap<String, u64>, stage: &str, figures: &StageBooks) {
    out.insert(format!("aitrace.books.{stage}.in"), figures.received);
    out.insert(format!("aitrace.books.{stage}.out"), figures.emitted);
    out.insert(format!("aitrace.books.{stage}.in_flight"), figures.in_flight);
    for (reason, count) in &figures.dropped {
        out.insert(format!("aitrace.books.{stage}.dropped.{reason}"), *count);
    }
}
