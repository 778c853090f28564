//! `aitrace run`: the agent as a service.

use std::path::PathBuf;
use std::time::Duration;

use crate::daemon;

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// The configuration [default: /etc/aitrace/config.toml, where it exists]
    #[arg(long, value_name = "FILE", env = "AITRACE_CONFIG")]
    config: Option<PathBuf>,
    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
}

impl RunArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        daemon::run(self.config, self.duration.map(Duration::from_secs))
    }
}
