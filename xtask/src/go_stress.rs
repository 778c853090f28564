//! `cargo xtask go-stress`: a million calls of a Go program that does what hurts, under the agent.

use anyhow::Result;

use crate::command::{cargo, privileged, run as execute, target};
use crate::setup;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Passed on: --connections, --calls, --rate [default: 10,000 goroutines, 100 calls each]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    setup::ensure(setup::Need::Tests)?;
    let mut build = cargo();
    build.args(["build", "--release", "--bin", "aitrace", "--bin", "aitrace-go-stress"]);
    execute(setup::with_compiler(&mut build))?;
    execute(privileged(target().join("release/aitrace-go-stress")).args(&args.arguments))
}
