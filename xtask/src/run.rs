//! `cargo xtask run`: from a clean clone to events.

use anyhow::Result;

use crate::command::{cargo, privileged, root, run as execute};
use crate::setup;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Passed on to `aitrace`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    setup::ensure(setup::Need::Build)?;
    let mut build = cargo();
    build.args(["build", "--release", "--package", "tracer", "--bin", "aitrace"]);
    if let Some(toolchain) = setup::compiler() {
        build.env("AITRACE_BPF_TOOLCHAIN", toolchain);
    }
    execute(&mut build)?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    execute(privileged(target.join("release/aitrace")).args(&args.arguments))
}
