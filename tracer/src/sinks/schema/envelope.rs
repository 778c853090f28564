//! What every event begins with.

use schemars::JsonSchema;
use serde::Serialize;

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
