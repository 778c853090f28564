//! `aitrace stream`: events to standard output until a signal comes or the reader goes.

use std::path::PathBuf;
use std::time::Duration;

use super::decoding::Decoding;
use crate::attribution::config::Attribution;
use crate::config::Config;
use crate::run;
use crate::sinks::jsonl::Jsonl;
use crate::sinks::worker::Outlet;

#[derive(Debug, clap::Args)]
pub(super) struct StreamArgs {
    /// Memory between the kernel and the agent, MiB: a power of two
    #[arg(long, value_name = "MIB", default_value = "16", value_parser = ring_mib, env = "AITRACE_RING_MIB")]
    ring: u32,
    /// The same in KiB, for tests of what happens when it overflows
    #[arg(long, value_name = "KIB", hide = true, value_parser = ring_kib, conflicts_with = "ring")]
    ring_kib: Option<u32>,
    /// Decoding threads [default: cores - 1]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Seconds between heartbeats
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(1..=3600))]
    heartbeat: u64,
    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
    /// Configuration, of which `[attribution]` counts here
    #[arg(long, value_name = "FILE", env = "AITRACE_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) decoding: Decoding,
}

fn ring_mib(text: &str) -> Result<u32, String> {
    let mib: u32 = text.parse().map_err(|_| "a number of MiB, such as 16".to_owned())?;
    if mib.is_power_of_two() && mib <= 1024 {
        Ok(mib << 20)
    } else {
        Err("the kernel takes powers of two: 1, 2, 4, 8, 16 ... 1024".to_owned())
    }
}

fn ring_kib(text: &str) -> Result<u32, String> {
    let kib: u32 = text.parse().map_err(|_| "a number of KiB, such as 64".to_owned())?;
    if kib.is_power_of_two() && (4..=1 << 20).contains(&kib) {
        Ok(kib << 10)
    } else {
        Err("the kernel takes powers of two from 4".to_owned())
    }
}

impl StreamArgs {
    pub(super) fn options(&self) -> anyhow::Result<run::Options> {
        let attribution = match &self.config {
            Some(file) => Config::load(Some(file))?.attribution,
            None => Attribution::default(),
        };
        Ok(run::Options {
            ring_bytes: self.ring_kib.unwrap_or(self.ring),
            workers: self.workers,
            semconv: self.decoding.semconv(),
            prices: self.decoding.prices.clone(),
            heartbeat: Duration::from_secs(self.heartbeat),
            duration: self.duration.map(Duration::from_secs),
            attribution,
            ..run::Options::default()
        })
    }

    pub(super) fn run(self) -> anyhow::Result<()> {
        let outlet = Outlet::lossless(Jsonl::new("stdout", std::io::stdout()));
        run::stream(&self.options()?, self.decoding.hosts()?, vec![outlet], None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ring_sizes_are_what_the_kernel_takes() {
        assert_eq!(ring_mib("16"), Ok(16 << 20));
        assert!(ring_mib("3").is_err() && ring_mib("x").is_err() && ring_kib("64").is_ok());
    }
}
