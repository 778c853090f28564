//! `cargo xtask test`: everything that must pass before a change lands.

use anyhow::{Result, bail};

use crate::command::{cargo, is_root, run as execute};
use crate::setup;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the tests that load eBPF programs (refused when CI=true)
    #[arg(long)]
    unprivileged: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let ci = std::env::var("CI").is_ok_and(|v| v == "true");
    if ci && args.unprivileged {
        bail!("--unprivileged with CI=true would hide tests; leave one of them out");
    }
    setup::ensure(setup::Need::Tests)?;
    // The end-to-end tests run the agent as a user does.
    execute(setup::with_compiler(cargo().args(["build", "--bin", "aitrace"])))?;
    execute(cargo().args(["fmt", "--all", "--check"]))?;
    let host = ["--workspace", "--exclude", "tracer-ebpf"];
    let mut clippy = cargo();
    clippy.arg("clippy").args(host).args(["--all-targets", "--", "-D", "warnings"]);
    execute(setup::with_compiler(&mut clippy))?;
    let mut tests = cargo();
    execute(setup::with_compiler(tests.arg("test").args(host)))?;
    if args.unprivileged {
        eprintln!("xtask: SKIPPED the tests that load eBPF programs, as asked");
        return Ok(());
    }
    privileged_tests(ci)
}

/// Tests marked `#[ignore = "root"]`: they load programs into this kernel.
fn privileged_tests(ci: bool) -> Result<()> {
    if let Some(missing) = missing_for_bpf() {
        if ci {
            bail!("the eBPF tests cannot run here: {missing}");
        }
        eprintln!("xtask: SKIPPED the tests that load eBPF programs: {missing}");
        return Ok(());
    }
    let mut tests = cargo();
    tests.args([
        "test",
        "--workspace",
        "--exclude",
        "tracer-ebpf",
        "--",
        "--ignored",
        "--test-threads=1",
    ]);
    execute(setup::with_compiler(&mut tests))
}

fn missing_for_bpf() -> Option<&'static str> {
    if !is_root() {
        return Some("run as root");
    }
    if !std::path::Path::new("/sys/kernel/btf/vmlinux").exists() {
        return Some("the kernel has no BTF (/sys/kernel/btf/vmlinux)");
    }
    None
}
