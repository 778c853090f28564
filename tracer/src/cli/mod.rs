//! The command line: what a person types, and what comes back as an exit code. One file per subcommand.

mod config;
mod decoding;
mod doctor;
mod prices;
mod record;
mod replay;
mod run;
mod schema;
mod stream;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::ConfigError;
use crate::kernel::load::LoadError;

/// sysexits(3): what failed is the machine's permission, or the machine, or the configuration.
const NO_PERMISSION: u8 = 77;
const UNSUPPORTED: u8 = 78;
const BAD_CONFIG: u8 = 78;

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
    /// Run as a service: events to the configured sinks, metrics, health, event socket
    Run(run::RunArgs),
    /// Print events as they happen, one JSON object a line
    Stream(stream::StreamArgs),
    /// Record what happens to a file, for `replay`
    Record(record::RecordArgs),
    /// Print the events of a recording; needs no privileges
    Replay(replay::ReplayArgs),
    /// Watch calls, spend, failures and GPUs live
    Top(crate::tui::Args),
    /// Explain where the spend went, what failed, and what to change
    Report(crate::report::Args),
    /// Look up what models cost
    Prices(prices::PricesArgs),
    /// Say whether this host can run aitrace, and the one thing to fix if not
    Doctor(doctor::DoctorArgs),
    /// Check or print the configuration
    Config(config::ConfigArgs),
    /// Print the JSON Schema of the events
    Schema,
}

impl Cli {
    /// Does what was asked for.
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Run(run) => run.run(),
            Command::Stream(stream) => stream.run(),
            Command::Record(record) => record.run(),
            Command::Replay(replay) => replay.run(),
            Command::Top(top) => top.run(),
            Command::Report(report) => report.run(),
            Command::Prices(prices) => prices.run(),
            Command::Doctor(doctor) => return doctor.run(),
            Command::Config(config) => config.run(),
            Command::Schema => schema::run(),
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
    if error.downcast_ref::<ConfigError>().is_some() {
        return BAD_CONFIG.into();
    }
    match error.downcast_ref::<LoadError>() {
        Some(LoadError::Permission { .. }) => NO_PERMISSION.into(),
        Some(LoadError::Unsupported(_)) => UNSUPPORTED.into(),
        _ => ExitCode::FAILURE,
    }
}

/// Prints `text`; a reader that went away is no error.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    match std::io::stdout().write_all(text.as_bytes()) {
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
    }
}
