//! The command line: what a person types, and what comes back as an exit code.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::ai::providers::HostTable;
use crate::kernel::load::LoadError;
use crate::recording::{self, Header, Kind};
use crate::sinks::clock::WallClock;
use crate::sinks::names::Semconv;
use crate::{doctor, replay, run, sinks};

/// sysexits(3): what failed is the machine's permission, or the machine.
const NO_PERMISSION: u8 = 77;
const UNSUPPORTED: u8 = 78;

/// What the AI calls of this host are used for, by whom, and how they fail.
///
/// Reads outbound calls to AI providers inside the kernel (eBPF), with no change to applications,
/// and prints one JSON object a line: usage, failures, and who made each call.
#[derive(Debug, Parser)]
#[command(name = "aitrace", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print events as they happen, one JSON object a line
    Stream(Stream),
    /// Record what happens to a file, for `replay`
    Record(RecordArgs),
    /// Print the events of a recording; needs no privileges
    Replay(ReplayArgs),
    /// Watch calls, spend, failures and GPUs live
    Top(crate::tui::Args),
    /// Explain where the spend went, what failed, and what to change
    Report(crate::report::Args),
    /// Say whether this host can run aitrace, and the one thing to fix if not
    Doctor(Doctor),
    /// Print the JSON Schema of the events
    Schema,
}

#[derive(Debug, Args)]
struct Stream {
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
    #[command(flatten)]
    decoding: Decoding,
}

#[derive(Debug, Args)]
struct RecordArgs {
    /// The file to make; it must not exist
    file: PathBuf,
    /// Record plaintext too, prompts and keys included, so that a replay can decode it anew
    #[arg(long)]
    with_content: bool,
    #[command(flatten)]
    stream: Stream,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    file: PathBuf,
    #[command(flatten)]
    decoding: Decoding,
}

/// What decoding depends on.
#[derive(Debug, Args)]
struct Decoding {
    /// OpenTelemetry names to use
    #[arg(long, value_enum, default_value = "latest")]
    semconv: SemconvArg,
    /// Another host that is a provider, as HOST=PROVIDER; may be repeated
    #[arg(long = "host", value_name = "HOST=PROVIDER")]
    hosts: Vec<String>,
}

#[derive(Debug, Args)]
struct Doctor {
    /// Machine-readable
    #[arg(long)]
    json: bool,
    /// List every probe point, and why it was chosen
    #[arg(long)]
    probes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SemconvArg {
    Latest,
    #[value(name = "1.41")]
    V1_41,
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

impl Cli {
    /// Does what was asked for.
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Stream(stream) => stream.run(),
            Command::Record(record) => record.run(),
            Command::Replay(replay) => replay.run(),
            Command::Top(top) => top.run(),
            Command::Report(report) => report.run(),
            Command::Doctor(doctor) => {
                return doctor::run(doctor.json, doctor.probes, &mut std::io::stdout());
            }
            Command::Schema => schema(),
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("aitrace: {error:#}");
                exit_code(&error)
            }
        }
    }
}

/// 77 and 78 tell a supervisor that trying again is of no use.
fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<LoadError>() {
        Some(LoadError::Permission { .. }) => NO_PERMISSION.into(),
        Some(LoadError::Unsupported(_)) => UNSUPPORTED.into(),
        _ => ExitCode::FAILURE,
    }
}

impl Decoding {
    fn hosts(&self) -> anyhow::Result<Arc<HostTable>> {
        let mut hosts = HostTable::default();
        for entry in &self.hosts {
            let (host, provider) = entry
                .split_once('=')
                .ok_or_else(|| anyhow::anyhow!("--host {entry}: write it as HOST=PROVIDER"))?;
            hosts.add(host, provider).map_err(|e| anyhow::anyhow!("--host {entry}: {e}"))?;
        }
        Ok(Arc::new(hosts))
    }

    const fn semconv(&self) -> Semconv {
        match self.semconv {
            SemconvArg::Latest => Semconv::Latest,
            SemconvArg::V1_41 => Semconv::V1_41,
        }
    }
}

impl Stream {
    fn options(&self) -> run::Options {
        run::Options {
            ring_bytes: self.ring_kib.unwrap_or(self.ring),
            workers: self.workers,
            semconv: self.decoding.semconv(),
            heartbeat: Duration::from_secs(self.heartbeat),
            duration: self.duration.map(Duration::from_secs),
        }
    }

    fn run(self) -> anyhow::Result<()> {
        let output = std::io::BufWriter::new(std::io::stdout());
        run::stream(&self.options(), self.decoding.hosts()?, output, None)
    }
}

impl RecordArgs {
    fn run(self) -> anyhow::Result<()> {
        let kind = if self.with_content { Kind::Content } else { Kind::Reduced };
        let header = Header {
            kind,
            clock_offset_ns: WallClock::sample().offset_ns(),
            host: run::host_name().unwrap_or_default(),
        };
        let shown = self.file.display().to_string();
        let mut file = recording::create(&self.file, &header).context(shown)?;
        let (options, hosts) = (self.stream.options(), self.stream.decoding.hosts()?);
        match kind {
            Kind::Reduced => run::stream(&options, hosts, recording::Lines(file), None),
            Kind::Content => {
                let mut broken = false;
                let tap = move |record: &[u8]| {
                    // Said once; the recording then ends where it broke.
                    if !broken && let Err(error) = recording::write_frame(&mut file, record) {
                        broken = true;
                        tracing::error!(%error, "the recording ends here");
                    }
                };
                run::stream(&options, hosts, std::io::sink(), Some(Box::new(tap)))
            }
        }
    }
}

impl ReplayArgs {
    fn run(self) -> anyhow::Result<()> {
        let output = std::io::BufWriter::new(std::io::stdout());
        replay::run(&self.file, self.decoding.hosts()?, self.decoding.semconv(), output)
    }
}

fn schema() -> anyhow::Result<()> {
    let schema = format!("{:#}\n", sinks::schema::json_schema());
    match std::io::stdout().write_all(schema.as_bytes()) {
        // The reader went away: nothing is wrong.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        assert_eq!(ring_mib("16"), Ok(16 << 20));
        assert!(ring_mib("3").is_err() && ring_mib("x").is_err() && ring_kib("64").is_ok());
    }
}
