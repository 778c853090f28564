//! `[agent]`: the run itself.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sinks::names::Semconv;

/// OpenTelemetry names to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Convention {
    #[default]
    #[serde(rename = "latest")]
    Latest,
    #[serde(rename = "1.41")]
    V1_41,
}

impl From<Convention> for Semconv {
    fn from(convention: Convention) -> Self {
        match convention {
            Convention::Latest => Self::Latest,
            Convention::V1_41 => Self::V1_41,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Agent {
    /// Memory between the kernel and the agent, MiB: a power of two up to 1024.
    pub ring_mib: u32,
    /// Decoding threads; cores - 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// Seconds between heartbeats, 1 to 3600.
    pub heartbeat_s: u64,
    /// OpenTelemetry names to use.
    pub semconv: Convention,
    /// Prices over the built-in ones: a table of the same form, or LiteLLM's JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prices: Option<PathBuf>,
    /// Lock and event socket.
    pub runtime_dir: PathBuf,
    /// Spools, history, and the key of fingerprints.
    pub state_dir: PathBuf,
    /// Seconds that sinks may take to empty their queues at the end.
    pub drain_s: u64,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            ring_mib: 16,
            workers: None,
            heartbeat_s: 30,
            semconv: Convention::Latest,
            prices: None,
            runtime_dir: "/run/aitrace".into(),
            state_dir: "/var/lib/aitrace".into(),
            drain_s: 10,
        }
    }
}

impl Agent {
    /// The first key that is out of range, and why.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if !self.ring_mib.is_power_of_two() || self.ring_mib > 1024 {
            return Err(("agent.ring_mib", "a power of two from 1 to 1024".to_owned()));
        }
        if self.workers.is_some_and(|workers| !(1..=256).contains(&workers)) {
            return Err(("agent.workers", "1 to 256".to_owned()));
        }
        if !(1..=3600).contains(&self.heartbeat_s) {
            return Err(("agent.heartbeat_s", "1 to 3600".to_owned()));
        }
        Ok(())
    }
}
