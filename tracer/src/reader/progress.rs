//! `call.progress`: a call in flight. Only on the agent's live socket, in no file and no sink.

use serde::Deserialize;

use super::who::WhoKeys;

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct ProgressEvent {
    pub timestamp: String,
    #[serde(flatten)]
    pub who: WhoKeys,
    /// The same in each line about one call.
    #[serde(rename = "aitrace.call.id", default)]
    pub id: String,
    #[serde(rename = "gen_ai.provider.name", default)]
    pub provider: String,
    #[serde(rename = "gen_ai.request.model")]
    pub model: Option<String>,
    /// Seconds since the request's first byte.
    #[serde(rename = "aitrace.call.age_s", default)]
    pub age_s: f64,
    /// Content chunks so far: about a token each.
    #[serde(rename = "aitrace.call.chunks", default)]
    pub chunks: u64,
    /// Tokens the provider has reported so far.
    #[serde(rename = "gen_ai.usage.output_tokens")]
    pub output_tokens: Option<u64>,
}
