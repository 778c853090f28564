//! The output contract `aitrace/1`: one struct per event, separate from the inner model.
//!
//! Absent means unknown: nothing is ever `null`, 0 or "" in place of unknown. Fields are only added.
//! The JSON Schema that `aitrace schema` prints is made from these structs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::ai::call::{Call, Limit};
use crate::record::{AttributedCall, Heartbeat};
use crate::telemetry::Books;

pub const SCHEMA: &str = "aitrace/1";
/// Longest line, newline included: Fluent Bit stops following a file at 32 KiB.
pub const MAX_LINE: usize = 16 * 1024;
/// Longest string of an event; longer ones are cut and the event is marked.
const MAX_STRING: usize = 1024;
/// Most entries of a list in an event.
const MAX_LIST: usize = 64;

/// What every event has.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Envelope {
    pub timestamp: String,
    pub schema: &'static str,
    #[serde(rename = "event.name")]
    pub name: &'static str,
    #[serde(rename = "event.id")]
    pub id: String,
    pub seq: u64,
    pub severity_text: &'static str,
    #[serde(rename = "host.name", skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(rename = "aitrace.truncated", skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
}

/// Who; on every event about a process.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Who {
    #[serde(rename = "process.pid")]
    pub pid: u32,
    #[serde(rename = "process.creation.time", skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<String>,
    #[serde(rename = "process.executable.name", skip_serializing_if = "Option::is_none")]
    pub executable_name: Option<String>,
    #[serde(rename = "process.executable.path", skip_serializing_if = "Option::is_none")]
    pub executable_path: Option<String>,
    #[serde(rename = "process.title", skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(rename = "process.parent_pid", skip_serializing_if = "Option::is_none")]
    pub parent_pid: Option<u32>,
    #[serde(rename = "process.owner", skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(rename = "process.runtime.name", skip_serializing_if = "Option::is_none")]
    pub runtime: Option<&'static str>,
    #[serde(rename = "linux.cgroup.path", skip_serializing_if = "Option::is_none")]
    pub cgroup_path: Option<String>,
    #[serde(rename = "aitrace.workload", skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
}

/// `ai.call`: one HTTP attempt to an AI provider, ended in any way.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AiCall {
    #[serde(flatten)]
    pub envelope: Envelope,
    #[serde(flatten)]
    pub who: Who,

    #[serde(rename = "gen_ai.operation.name")]
    pub operation: &'static str,
    #[serde(rename = "gen_ai.provider.name")]
    pub provider: &'static str,
    #[serde(rename = "gen_ai.request.model", skip_serializing_if = "Option::is_none")]
    pub request_model: Option<String>,
    #[serde(rename = "gen_ai.response.model", skip_serializing_if = "Option::is_none")]
    pub response_model: Option<String>,
    #[serde(rename = "gen_ai.request.stream", skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    #[serde(rename = "gen_ai.request.max_tokens", skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    #[serde(rename = "gen_ai.request.temperature", skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(rename = "gen_ai.request.top_p", skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    #[serde(rename = "gen_ai.response.id", skip_serializing_if = "Option::is_none")]
    pub response_id: Option<String>,
    #[serde(rename = "gen_ai.response.finish_reasons", skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub finish_reasons: Vec<String>,
    #[serde(
        rename = "gen_ai.response.time_to_first_chunk",
        skip_serializing_if = "Option::is_none"
    )]
    pub time_to_first_chunk: Option<f64>,
    #[serde(rename = "gen_ai.usage.input_tokens", skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    #[serde(rename = "gen_ai.usage.output_tokens", skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    #[serde(
        rename = "gen_ai.usage.cache_read.input_tokens",
        skip_serializing_if = "Option::is_none"
    )]
    pub cache_read: Option<u64>,
    #[serde(
        rename = "gen_ai.usage.cache_write.input_tokens",
        skip_serializing_if = "Option::is_none"
    )]
    pub cache_write: Option<u64>,
    #[serde(
        rename = "gen_ai.usage.reasoning.output_tokens",
        skip_serializing_if = "Option::is_none"
    )]
    pub reasoning: Option<u64>,
    #[serde(rename = "gen_ai.usage.audio.input_tokens", skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<u64>,
    #[serde(rename = "gen_ai.usage.audio.output_tokens", skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<u64>,
    #[serde(rename = "aitrace.usage.complete")]
    pub usage_complete: bool,
    #[serde(rename = "aitrace.duration_s")]
    pub duration_s: f64,

    #[serde(rename = "http.request.method", skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(rename = "url.path", skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(rename = "http.response.status_code", skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(rename = "server.address", skip_serializing_if = "Option::is_none")]
    pub server_address: Option<String>,
    #[serde(rename = "server.port", skip_serializing_if = "Option::is_none")]
    pub server_port: Option<u16>,
    #[serde(rename = "network.protocol.version", skip_serializing_if = "Option::is_none")]
    pub protocol_version: Option<&'static str>,
    #[serde(rename = "http.request.body.size", skip_serializing_if = "Option::is_none")]
    pub request_size: Option<u64>,
    #[serde(rename = "http.response.body.size", skip_serializing_if = "Option::is_none")]
    pub response_size: Option<u64>,
    #[serde(rename = "tls.library", skip_serializing_if = "Option::is_none")]
    pub tls_library: Option<&'static str>,
    #[serde(rename = "aitrace.role")]
    pub role: &'static str,
    #[serde(rename = "aitrace.sdk.name", skip_serializing_if = "Option::is_none")]
    pub sdk_name: Option<String>,
    #[serde(rename = "aitrace.sdk.version", skip_serializing_if = "Option::is_none")]
    pub sdk_version: Option<String>,
    #[serde(rename = "aitrace.provider.request_id", skip_serializing_if = "Option::is_none")]
    pub provider_request_id: Option<String>,
    #[serde(rename = "openai.organization", skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    #[serde(rename = "openai.project", skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    #[serde(rename = "aitrace.tools.offered", skip_serializing_if = "Option::is_none")]
    pub tools_offered: Option<u32>,
    #[serde(rename = "aitrace.tools.called", skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub tools_called: Vec<String>,
    #[serde(rename = "aitrace.capture")]
    pub capture: &'static str,

    #[serde(rename = "error.type", skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    #[serde(rename = "aitrace.failure.class", skip_serializing_if = "Option::is_none")]
    pub failure_class: Option<&'static str>,
    #[serde(rename = "aitrace.failure.capacity", skip_serializing_if = "Option::is_none")]
    pub failure_capacity: Option<bool>,
    #[serde(rename = "aitrace.failure.retryable", skip_serializing_if = "Option::is_none")]
    pub failure_retryable: Option<bool>,
    #[serde(rename = "aitrace.retry_after_s", skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<f64>,
    /// `aitrace.rate_limit.<dimension>.<limit|remaining|reset_s>` as the provider's headers gave them.
    #[serde(flatten)]
    pub rate_limits: BTreeMap<String, Figure>,
}

/// A whole number, or seconds.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Figure {
    Count(u64),
    Seconds(f64),
}

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

/// Bounds strings and lists, and remembers that it had to.
#[derive(Debug, Default)]
pub struct Cutter {
    pub cut: bool,
}

impl Cutter {
    fn text(&mut self, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        if text.len() <= MAX_STRING {
            return Some(text.to_owned());
        }
        self.cut = true;
        Some(text[..text.floor_char_boundary(MAX_STRING)].to_owned())
    }

    fn some(&mut self, text: Option<&str>) -> Option<String> {
        text.and_then(|t| self.text(t))
    }

    fn list(&mut self, list: &[String]) -> Vec<String> {
        self.cut |= list.len() > MAX_LIST;
        list.iter()
            .take(MAX_LIST)
            .filter_map(|t| self.text(&t[..t.floor_char_boundary(128)]))
            .collect()
    }
}

/// `tls.library` of a flow's library number.
pub const fn library_name(library: u32) -> Option<&'static str> {
    use tracer_common::tls::library;
    Some(match library {
        library::OPENSSL => "openssl",
        library::BORINGSSL => "boringssl",
        library::GNUTLS => "gnutls",
        library::NSS => "nss",
        library::GO => "go",
        library::RUSTLS => "rustls",
        library::PLAIN => "none",
        _ => return None,
    })
}

/// INFO for usage, WARN for a failed call.
pub const fn severity(call: &Call) -> &'static str {
    if call.failure.is_some() { "WARN" } else { "INFO" }
}

impl AiCall {
    /// The event of a call. `creation_time` is the process's start as RFC 3339.
    pub fn new(attributed: &AttributedCall, envelope: Envelope, creation_time: String) -> Self {
        let mut cutter = Cutter::default();
        let call = &attributed.call;
        let who = who(attributed, creation_time, &mut cutter);
        let failure = call.failure.as_ref();
        let mut event = Self {
            who,
            operation: call.operation,
            provider: call.provider,
            request_model: cutter.some(call.request_model.as_deref()),
            response_model: cutter.some(call.response_model.as_deref()),
            stream: call.stream.then_some(true),
            max_tokens: call.max_tokens,
            temperature: call.temperature.filter(|v| v.is_finite()),
            top_p: call.top_p.filter(|v| v.is_finite()),
            response_id: cutter.some(call.response_id.as_deref()),
            finish_reasons: cutter.list(&call.finish_reasons),
            time_to_first_chunk: call.time_to_first_chunk,
            input_tokens: call.usage.input,
            output_tokens: call.usage.output,
            cache_read: call.usage.cache_read,
            cache_write: call.usage.cache_write,
            reasoning: call.usage.reasoning,
            audio_input: call.usage.audio_input,
            audio_output: call.usage.audio_output,
            usage_complete: call.usage_complete,
            duration_s: call.ended.seconds_since(call.started),
            method: cutter.text(&call.method),
            path: cutter.text(&call.path),
            status: call.status,
            server_address: cutter.text(&call.host),
            server_port: call.port,
            protocol_version: Some(call.version).filter(|v| !v.is_empty()),
            // A handshake that failed never came to a request.
            request_size: Some(call.request_size).filter(|_| !call.version.is_empty()),
            response_size: call.status.map(|_| call.response_size),
            tls_library: library_name(call.flow.library),
            role: "client",
            sdk_name: cutter.some(call.sdk.as_ref().map(|(name, _)| &**name)),
            sdk_version: cutter.some(call.sdk.as_ref().and_then(|(_, version)| version.as_deref())),
            provider_request_id: cutter.some(call.provider_request_id.as_deref()),
            organization: cutter.some(call.organization.as_deref()),
            project: cutter.some(call.project.as_deref()),
            tools_offered: call.tools_offered,
            tools_called: cutter.list(&call.tools_called),
            capture: call.capture.as_str(),
            error_type: cutter.some(failure.map(|f| &*f.error_type)),
            failure_class: failure.map(|f| f.class.as_str()),
            failure_capacity: failure.map(|f| f.class.is_capacity()).filter(|c| *c),
            failure_retryable: failure.map(|f| f.retryable),
            retry_after_s: failure.and_then(|f| f.retry_after_s),
            rate_limits: rate_limits(call),
            envelope,
        };
        event.envelope.truncated = cutter.cut.then_some(true);
        event
    }
}

fn who(attributed: &AttributedCall, creation_time: String, cutter: &mut Cutter) -> Who {
    let owner = attributed.owner.as_deref();
    let title = cutter.some(owner.map(|o| &*o.title));
    Who {
        pid: attributed.process.tgid,
        creation_time: Some(creation_time).filter(|t| !t.is_empty()),
        executable_name: cutter.some(owner.and_then(|o| o.executable_name())),
        executable_path: cutter.some(owner.and_then(|o| o.executable_path.as_deref())),
        workload: title.clone(),
        title,
        parent_pid: owner.and_then(|o| o.parent).map(|p| p.tgid),
        owner: cutter.some(attributed.user.as_deref()),
        runtime: owner.and_then(|o| o.runtime),
        cgroup_path: cutter.some(attributed.cgroup_path.as_deref()),
    }
}

fn rate_limits(call: &Call) -> BTreeMap<String, Figure> {
    let limits = &call.rate_limits;
    let mut out = BTreeMap::new();
    let dimensions: [(&str, &Limit); 4] = [
        ("requests", &limits.requests),
        ("tokens", &limits.tokens),
        ("input_tokens", &limits.input_tokens),
        ("output_tokens", &limits.output_tokens),
    ];
    for (dimension, limit) in dimensions {
        let figures = [
            ("limit", limit.limit.map(Figure::Count)),
            ("remaining", limit.remaining.map(Figure::Count)),
            ("reset_s", limit.reset_s.filter(|v| v.is_finite()).map(Figure::Seconds)),
        ];
        for (figure, value) in figures {
            if let Some(value) = value {
                out.insert(format!("aitrace.rate_limit.{dimension}.{figure}"), value);
            }
        }
    }
    out
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
        out.insert(format!("aitrace.books.{stage}.in"), figures.received);
        out.insert(format!("aitrace.books.{stage}.out"), figures.emitted);
        out.insert(format!("aitrace.books.{stage}.in_flight"), figures.in_flight);
        for (reason, count) in &figures.dropped {
            out.insert(format!("aitrace.books.{stage}.dropped.{reason}"), *count);
        }
    }
    for (name, count) in &books.trouble {
        out.insert(format!("aitrace.trouble.{name}"), *count);
    }
    out
}

/// The JSON Schema of one event of any kind.
pub fn json_schema() -> serde_json::Value {
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "oneOf": [
            named("ai.call", schemars::schema_for!(AiCall)),
            named("heartbeat", schemars::schema_for!(HeartbeatEvent)),
        ],
    })
}

fn named(event: &str, schema: schemars::Schema) -> serde_json::Value {
    let mut schema = schema.to_value();
    schema["properties"]["event.name"] = serde_json::json!({ "const": event });
    schema["properties"]["schema"] = serde_json::json!({ "const": SCHEMA });
    if let Some(object) = schema.as_object_mut() {
        object.remove("$schema");
    }
    schema
}
