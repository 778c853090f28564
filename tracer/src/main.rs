//! The `aitrace` command.

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = tracer::cli::Cli::parse();
    // Logs go to standard error: standard output is for events.
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_env("AITRACE_LOG").unwrap_or_else(|_| EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        .init();
    cli.run()
}
