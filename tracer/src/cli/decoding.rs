//! Flags that decoding depends on, shared by the commands that decode.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;

use crate::ai::providers::HostTable;
use crate::sinks::names::Semconv;

#[derive(Debug, clap::Args)]
pub(super) struct Decoding {
    /// OpenTelemetry names to use
    #[arg(long, value_enum, default_value = "latest")]
    semconv: SemconvArg,
    /// Another host that is a provider, as HOST=PROVIDER; may be repeated
    #[arg(long = "host", value_name = "HOST=PROVIDER")]
    hosts: Vec<String>,
    /// Prices over the built-in ones: a table of the same form, or LiteLLM's JSON
    #[arg(long, value_name = "FILE", env = "AITRACE_PRICES")]
    pub(super) prices: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SemconvArg {
    Latest,
    #[value(name = "1.41")]
    V1_41,
}

impl Decoding {
    pub(super) fn hosts(&self) -> anyhow::Result<Arc<HostTable>> {
        let mut hosts = HostTable::default();
        for entry in &self.hosts {
            let (host, provider) = entry
                .split_once('=')
                .ok_or_else(|| anyhow::anyhow!("--host {entry}: write it as HOST=PROVIDER"))?;
            hosts.add(host, provider).map_err(|e| anyhow::anyhow!("--host {entry}: {e}"))?;
        }
        Ok(Arc::new(hosts))
    }

    pub(super) const fn semconv(&self) -> Semconv {
        match self.semconv {
            SemconvArg::Latest => Semconv::Latest,
            SemconvArg::V1_41 => Semconv::V1_41,
        }
    }
}
