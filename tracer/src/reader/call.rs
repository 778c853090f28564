//! `ai.call`, read back.

use serde::Deserialize;

use super::who::WhoKeys;

/// What consumers use of a call. Names as in EVENTS; tokens are totals.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct CallEvent {
    /// RFC 3339, when the call ended.
    pub timestamp: String,
    #[serde(rename = "event.id", default)]
    pub id: String,
    #[serde(default)]
    pub seq: u64,
    #[serde(flatten)]
    pub who: WhoKeys,

    #[serde(rename = "gen_ai.operation.name", default)]
    pub operation: String,
    #[serde(rename = "gen_ai.provider.name", default)]
    pub provider: String,
    #[serde(rename = "gen_ai.request.model")]
    pub request_model: Option<String>,
    #[serde(rename = "gen_ai.response.model")]
    pub response_model: Option<String>,
    #[serde(rename = "gen_ai.request.stream", default)]
    pub stream: bool,
    #[serde(rename = "gen_ai.request.max_tokens")]
    pub max_tokens: Option<u64>,
    #[serde(rename = "gen_ai.response.finish_reasons", default)]
    pub finish_reasons: Vec<String>,
    /// Seconds.
    #[serde(rename = "gen_ai.response.time_to_first_chunk")]
    pub time_to_first_chunk: Option<f64>,
    #[serde(rename = "gen_ai.usage.input_tokens")]
    pub input_tokens: Option<u64>,
    #[serde(rename = "gen_ai.usage.output_tokens")]
    pub output_tokens: Option<u64>,
    #[serde(rename = "gen_ai.usage.cache_read.input_tokens")]
    pub cache_read: Option<u64>,
    #[serde(
        rename = "gen_ai.usage.cache_write.input_tokens",
        alias = "gen_ai.usage.cache_creation.input_tokens"
    )]
    pub cache_write: Option<u64>,
    #[serde(rename = "gen_ai.usage.reasoning.output_tokens")]
    pub reasoning: Option<u64>,
    /// False: the figures are a lower bound.
    #[serde(rename = "aitrace.usage.complete", default)]
    pub usage_complete: bool,
    #[serde(rename = "aitrace.cost.usd")]
    pub cost_usd: Option<f64>,
    #[serde(rename = "aitrace.duration_s", default)]
    pub duration_s: f64,

    #[serde(rename = "http.response.status_code")]
    pub status: Option<u16>,
    #[serde(rename = "server.address")]
    pub server_address: Option<String>,
    #[serde(rename = "network.peer.address")]
    pub peer_address: Option<String>,
    #[serde(rename = "server.port")]
    pub server_port: Option<u16>,
    #[serde(rename = "aitrace.role", default)]
    pub role: String,
    #[serde(rename = "aitrace.peer.pid")]
    pub peer_pid: Option<u32>,
    #[serde(rename = "aitrace.key.fingerprint")]
    pub key: Option<String>,
    #[serde(rename = "aitrace.session.id")]
    pub session: Option<String>,
    #[serde(rename = "aitrace.session.turn")]
    pub turn: Option<u64>,
    #[serde(rename = "aitrace.retry.of")]
    pub retry_of: Option<String>,
    #[serde(rename = "aitrace.retry.attempt")]
    pub retry_attempt: Option<u32>,
    #[serde(rename = "aitrace.retry.honoured")]
    pub retry_honoured: Option<bool>,
    #[serde(rename = "aitrace.duplicate.of")]
    pub duplicate_of: Option<String>,
    /// Keyed hash of the prompt's beginning: calls that could share a cache have the same.
    #[serde(rename = "aitrace.prompt.prefix")]
    pub prefix: Option<String>,
    /// False: another event has the same spend.
    #[serde(rename = "aitrace.counted")]
    pub counted: Option<bool>,
    #[serde(rename = "aitrace.tools.called", default)]
    pub tools_called: Vec<String>,
    #[serde(rename = "aitrace.capture", default)]
    pub capture: String,

    #[serde(rename = "error.type")]
    pub error_type: Option<String>,
    #[serde(rename = "aitrace.failure.class")]
    pub failure_class: Option<String>,
    #[serde(rename = "aitrace.failure.capacity", default)]
    pub failure_capacity: bool,
    #[serde(rename = "aitrace.failure.retryable")]
    pub failure_retryable: Option<bool>,
    #[serde(rename = "aitrace.retry_after_s")]
    pub retry_after_s: Option<f64>,
    #[serde(rename = "aitrace.rate_limit.requests.limit")]
    pub requests_limit: Option<u64>,
    #[serde(rename = "aitrace.rate_limit.requests.remaining")]
    pub requests_remaining: Option<u64>,
    #[serde(rename = "aitrace.rate_limit.tokens.limit")]
    pub tokens_limit: Option<u64>,
    #[serde(rename = "aitrace.rate_limit.tokens.remaining")]
    pub tokens_remaining: Option<u64>,
}

impl CallEvent {
    /// Whether it counts in totals: the server's end of a call on this host is the same call again, and
    /// a gateway's own call is its caller's.
    pub fn is_counted(&self) -> bool {
        self.role != "server" && self.counted != Some(false)
    }

    /// The model a person means: as answered, else as asked for.
    pub fn model(&self) -> Option<&str> {
        self.response_model.as_deref().or(self.request_model.as_deref())
    }
}
