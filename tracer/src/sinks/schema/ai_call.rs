//! `ai.call`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::derived::DerivedKeys;
use super::{Cutter, Envelope, Who};
use crate::ai::call::{Call, Capture, Limit};
use crate::record::AttributedCall;

/// `ai.call`: one HTTP attempt to an AI provider, ended in any way.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AiCall {
    #[serde(flatten)]
    pub envelope: Envelope,
    #[serde(flatten)]
    pub who: Who,
    #[serde(flatten)]
    pub derived: DerivedKeys,

    /// Absent where the call's plaintext could not be read.
    #[serde(rename = "gen_ai.operation.name", skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
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
    #[serde(rename = "network.peer.address", skip_serializing_if = "Option::is_none")]
    pub peer_address: Option<String>,
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
        library::OPAQUE => "opaque",
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
        let who = Who::new(&attributed.owner, creation_time, &mut cutter);
        let failure = call.failure.as_ref();
        let remote = attributed.peer.and_then(|peer| peer.remote());
        let mut event = Self {
            who,
            derived: DerivedKeys::new(attributed, &mut cutter),
            operation: Some(call.operation).filter(|_| call.capture != Capture::Opaque),
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
            server_port: call.port.or_else(|| remote.map(|at| at.port())),
            peer_address: remote.map(|at| at.ip().to_string()),
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
