//! `heartbeat`, read back.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The agent's own state: whether its books are closed, and what was lost.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct HeartbeatEvent {
    pub timestamp: String,
    #[serde(rename = "aitrace.uptime_s", default)]
    pub uptime_s: f64,
    #[serde(rename = "aitrace.books.closed", default)]
    pub closed: bool,
    #[serde(flatten)]
    figures: BTreeMap<String, Value>,
}

impl HeartbeatEvent {
    /// What was dropped, by `stage.reason`; nothing at 0.
    pub fn dropped(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        self.figures.iter().filter_map(|(key, value)| {
            let (stage, reason) = key.strip_prefix("aitrace.books.")?.split_once(".dropped.")?;
            let count = value.as_u64().filter(|count| *count > 0)?;
            Some((format!("{stage}.{reason}"), count))
        })
    }
}
