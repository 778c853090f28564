//! The `aitrace` command.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What the AI calls of this host are used for, by whom, and how they fail.
#[derive(Parser)]
#[command(name = "aitrace", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the JSON Schema of the events
    Schema,
}

fn main() -> ExitCode {
    let Cli { command: Command::Schema } = Cli::parse();
    let schema = format!("{:#}\n", tracer::sinks::schema::json_schema());
    match std::io::stdout().write_all(schema.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader went away: nothing is wrong.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("aitrace: writing the schema: {error}");
            ExitCode::FAILURE
        }
    }
}
