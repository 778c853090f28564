//! The project's own commands: `cargo xtask help`.

mod bench;
mod command;
mod fuzz;
mod go_stress;
mod month;
mod run;
mod setup;
mod test;

use clap::{Parser, Subcommand};

/// Builds, runs and checks aitrace on this machine.
#[derive(Parser)]
#[command(name = "cargo xtask", about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing to build (and, with --tests, to test); says what before it does
    Setup {
        /// Also what the tests need: Python environment, TLS clients
        #[arg(long)]
        tests: bool,
    },
    /// Set up, build, and run `aitrace stream` with the privileges it needs
    Run(run::Args),
    /// Measure: `overhead` or `pipeline`
    Bench(bench::Args),
    /// Fuzz every parser, 60 seconds each
    Fuzz(fuzz::Args),
    /// A Go program under stress and the agent: a million calls, none lost (root)
    GoStress(go_stress::Args),
    /// Report over a made-up month (2 million calls): figures, time, memory
    Month(month::Args),
    /// Set up and pass every check and test
    Test(test::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Setup { tests } => {
            setup::ensure(if tests { setup::Need::Tests } else { setup::Need::Build })
        }
        Command::Run(args) => run::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::GoStress(args) => go_stress::run(&args),
        Command::Month(args) => month::run(&args),
        Command::Test(args) => test::run(&args),
    }
}
