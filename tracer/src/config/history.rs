//! `[history]`: what `aitrace report` reads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store::Limits;

const DAY_S: u64 = 24 * 3600;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct History {
    pub enabled: bool,
    /// `history.db` in the state directory when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Days that single calls stay.
    pub retention_days: u64,
    /// Days that hourly sums stay.
    pub rollup_days: u64,
    /// The file grows to so many MiB; then the oldest single calls go first.
    pub max_mib: u64,
}

impl Default for History {
    fn default() -> Self {
        Self { enabled: true, path: None, retention_days: 7, rollup_days: 396, max_mib: 1024 }
    }
}

impl History {
    /// The first key that is out of range, and why.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let days = 1..=3660;
        if !days.contains(&self.retention_days) {
            return Err(("history.retention_days", "1 to 3660".to_owned()));
        }
        if !days.contains(&self.rollup_days) {
            return Err(("history.rollup_days", "1 to 3660".to_owned()));
        }
        if !(16..=1 << 20).contains(&self.max_mib) {
            return Err(("history.max_mib", "16 to 1048576".to_owned()));
        }
        Ok(())
    }

    pub fn file(&self, state: &Path) -> PathBuf {
        self.path.clone().unwrap_or_else(|| state.join("history.db"))
    }

    pub fn limits(&self) -> Limits {
        Limits {
            retention: Duration::from_secs(self.retention_days * DAY_S),
            rollup_retention: Duration::from_secs(self.rollup_days * DAY_S),
            size: self.max_mib << 20,
            ..Limits::default()
        }
    }
}
