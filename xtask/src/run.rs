//! `cargo xtask run`: from a clean clone to events.

use anyhow::Result;

use crate::command::{cargo, privileged, run as execute, target};
use crate::setup;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also start a simulated provider and real clients of it, show their events, and end
    #[arg(long)]
    demo: bool,
    /// Passed on to `aitrace` [default: stream]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    setup::ensure(if args.demo { setup::Need::Demo } else { setup::Need::Build })?;
    let mut build = cargo();
    build.args(["build", "--release", "--bin", "aitrace"]);
    if args.demo {
        build.args(["--bin", "aitrace-demo"]);
    }
    execute(setup::with_compiler(&mut build))?;
    let release = target().join("release");
    if args.demo {
        return execute(&mut privileged(release.join("aitrace-demo")));
    }
    let mut aitrace = privileged(release.join("aitrace"));
    if args.arguments.is_empty() {
        aitrace.arg("stream");
    }
    execute(aitrace.args(&args.arguments))
}
