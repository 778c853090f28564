//! The vendor-neutral call: what every wire family's decoder fills in. Absent is `None`, never 0 or "".

use super::history::Prompt;
use super::providers::Provider;
use crate::event::{BootTime, FlowKey, Origin};
use crate::http::{Outcome, headers::Secret};

/// Token counts, normalised: `input` is the total with cached tokens, `output` the total with reasoning.
/// Last report wins; a part that a later report lacks stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub input: Option<u64>,
    pub output: Option<u64>,
    /// Subsets of `input`.
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
    /// Subset of `output`.
    pub reasoning: Option<u64>,
    /// Subset of `cache_write`: to be kept for an hour.
    pub cache_write_hour: Option<u64>,
    pub audio_input: Option<u64>,
    pub audio_output: Option<u64>,
    pub image_input: Option<u64>,
    /// Searches of the web, which some charge for.
    pub searches: Option<u64>,
}

impl Usage {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One dimension of a rate limit as the provider's headers gave it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limit {
    pub limit: Option<u64>,
    pub remaining: Option<u64>,
    /// Seconds until it is full again.
    pub reset_s: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RateLimits {
    pub requests: Limit,
    pub tokens: Limit,
    pub input_tokens: Limit,
    pub output_tokens: Limit,
}

/// `aitrace.failure.class`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureClass {
    RateLimit,
    QuotaExhausted,
    ConcurrencyLimit,
    Overloaded,
    Timeout,
    ContextLength,
    ContentFilter,
    Auth,
    PermissionDenied,
    ModelNotFound,
    NotFound,
    InvalidRequest,
    RequestTooLarge,
    Conflict,
    ServerError,
    NetworkError,
    ClientCancelled,
    UnknownError,
}

impl FailureClass {
    /// The name in events, EVENTS `aitrace.failure.class`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit",
            Self::QuotaExhausted => "quota_exhausted",
            Self::ConcurrencyLimit => "concurrency_limit",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
            Self::ContextLength => "context_length",
            Self::ContentFilter => "content_filter",
            Self::Auth => "auth",
            Self::PermissionDenied => "permission_denied",
            Self::ModelNotFound => "model_not_found",
            Self::NotFound => "not_found",
            Self::InvalidRequest => "invalid_request",
            Self::RequestTooLarge => "request_too_large",
            Self::Conflict => "conflict",
            Self::ServerError => "server_error",
            Self::NetworkError => "network_error",
            Self::ClientCancelled => "client_cancelled",
            Self::UnknownError => "unknown_error",
        }
    }

    /// Out of capacity, not broken.
    pub const fn is_capacity(self) -> bool {
        matches!(
            self,
            Self::RateLimit | Self::QuotaExhausted | Self::ConcurrencyLimit | Self::Overloaded
        )
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub class: FailureClass,
    /// `error.type`: the provider's own code, else the status, else the transport's word, else `_OTHER`.
    /// Never a message: providers echo keys in messages.
    pub error_type: String,
    pub retryable: bool,
    /// From `retry-after` and its kin, headers or body.
    pub retry_after_s: Option<f64>,
}

/// `aitrace.capture`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Capture {
    #[default]
    Complete,
    /// A cap was reached.
    Truncated,
    Gap,
    LateAttach,
    Opaque,
}

impl Capture {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Truncated => "truncated",
            Self::Gap => "gap",
            Self::LateAttach => "late_attach",
            Self::Opaque => "opaque",
        }
    }
}

/// A request that has been sent whole; its answer is on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub flow: FlowKey,
    pub cgroup_id: u64,
    /// First byte of the request, and its last.
    pub started: BootTime,
    pub at: BootTime,
    /// Digest of what is asked ([`Prompt::last_text`]).
    pub text: u128,
}

/// One HTTP attempt to an AI provider, ended in any way.
#[derive(Clone, Debug)]
pub struct Call {
    pub flow: FlowKey,
    /// When the kernel saw it: identity for attribution.
    pub cgroup_id: u64,
    /// First byte of the request.
    pub started: BootTime,
    /// Last byte, or the verdict that it ended.
    pub ended: BootTime,
    pub outcome: Outcome,

    /// `gen_ai.operation.name` and `gen_ai.provider.name`, as in EVENTS.
    pub operation: &'static str,
    pub provider: &'static str,
    pub request_model: Option<String>,
    pub response_model: Option<String>,
    /// Streaming was asked for.
    pub stream: bool,
    pub max_tokens: Option<u64>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub response_id: Option<String>,
    /// Raw, one per choice, in order of the choices.
    pub finish_reasons: Vec<String>,
    /// Names in order.
    pub tools_called: Vec<String>,
    pub tools_offered: Option<u32>,
    /// Request's last byte to the first content chunk, seconds.
    pub time_to_first_chunk: Option<f64>,
    pub usage: Usage,
    /// As served, else as asked for.
    pub service_tier: Option<String>,
    /// What the provider says that it takes, US dollars.
    pub reported_cost: Option<f64>,
    /// False when the figures are a lower bound: loss, cut stream, late attach.
    pub usage_complete: bool,

    pub method: String,
    /// Never with a query.
    pub path: String,
    pub status: Option<u16>,
    pub host: String,
    pub port: Option<u16>,
    /// `network.protocol.version`
    pub version: &'static str,
    /// Wire bytes of the bodies.
    pub request_size: u64,
    pub response_size: u64,

    pub sdk: Option<(String, Option<String>)>,
    pub provider_request_id: Option<String>,
    pub organization: Option<String>,
    pub project: Option<String>,
    pub credential: Option<Secret>,
    pub prompt: Option<Box<Prompt>>,

    pub failure: Option<Failure>,
    pub rate_limits: RateLimits,
    pub capture: Capture,
}

impl Call {
    /// An attempt whose TLS handshake failed: nothing of HTTP is known.
    pub fn unanswered(flow: FlowKey, origin: Origin, provider: &'static Provider) -> Self {
        Self {
            flow,
            cgroup_id: origin.cgroup_id,
            started: flow.opened.min(origin.at),
            ended: origin.at,
            outcome: Outcome::Cut,
            operation: "other",
            provider: provider.otel,
            request_model: None,
            response_model: None,
            stream: false,
            max_tokens: None,
            temperature: None,
            top_p: None,
            response_id: None,
            finish_reasons: Vec::new(),
            tools_called: Vec::new(),
            tools_offered: None,
            time_to_first_chunk: None,
            usage: Usage::default(),
            service_tier: None,
            reported_cost: None,
            usage_complete: false,
            method: String::new(),
            path: String::new(),
            status: None,
            host: String::new(),
            port: None,
            version: "",
            request_size: 0,
            response_size: 0,
            sdk: None,
            provider_request_id: None,
            organization: None,
            project: None,
            credential: None,
            prompt: None,
            failure: Some(Failure {
                class: FailureClass::NetworkError,
                error_type: "tls_handshake_failed".to_owned(),
                retryable: false,
                retry_after_s: None,
            }),
            rate_limits: RateLimits::default(),
            capture: Capture::Complete,
        }
    }
}
