//! `cargo xtask bench`: figures, as ratios in one run.

use anyhow::Result;

use crate::command::{cargo, privileged, run as execute, target};
use crate::setup;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(value_enum)]
    what: What,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// What being traced costs a client: requests and CPU, beside bpftrace (root)
    Overhead,
    /// Bytes a second through the pure pipeline, one core
    Pipeline,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match args.what {
        What::Overhead => {
            setup::ensure(setup::Need::Bench)?;
            let mut build = cargo();
            build.args(["build", "--release", "--bin", "aitrace", "--bin", "aitrace-overhead"]);
            execute(setup::with_compiler(&mut build))?;
            execute(&mut privileged(target().join("release/aitrace-overhead")))
        }
        What::Pipeline => {
            setup::ensure(setup::Need::Build)?;
            let mut bench = cargo();
            bench.args(["bench", "--package", "tests", "--bench", "pipeline", "--bench", "http2"]);
            bench.args(["--bench", "correlation"]);
            execute(setup::with_compiler(&mut bench))
        }
    }
}
