//! `cargo xtask month`: the report over a made-up month, compared with sums made on the way.

use std::path::PathBuf;

use anyhow::Result;

use crate::command::{cargo, run as execute, target};
use crate::setup;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Calls in the month
    #[arg(long, default_value_t = 2_000_000)]
    calls: u64,
    /// Keep the page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    setup::ensure(setup::Need::Build)?;
    let mut build = cargo();
    build.args(["build", "--release", "--bin", "aitrace", "--bin", "aitrace-month"]);
    execute(setup::with_compiler(&mut build))?;
    let mut month = std::process::Command::new(target().join("release/aitrace-month"));
    execute(month.arg(args.calls.to_string()).args(&args.html))
}
