//! Compiles tracer-ebpf for the BPF target, so that the programs and their loader always ship together.
//!
//! Which compiler: `AITRACE_BPF_TOOLCHAIN` (set by `cargo xtask`), else the `debian-bpf` toolchain
//! when rustup knows it, else the nightly that `.cargo/config.toml` names, with rust-src.

use std::{env, process::Command};

use anyhow::{Context as _, Result};
use aya_build::{Package, Toolchain};

/// Debian's rustc has a prebuilt `core` for bpfel-unknown-none under this name; see README.
const DEBIAN: &str = "debian-bpf";

fn main() -> Result<()> {
    println!("cargo:rerun-if-env-changed=AITRACE_BPF_TOOLCHAIN");
    let toolchain = env::var("AITRACE_BPF_TOOLCHAIN").unwrap_or_else(|_| detect());
    if toolchain == DEBIAN {
        // A crate list, not `1`: with `1` aya-build would ask for build-std, which needs rust-src.
        // SAFETY: a build script has one thread here.
        unsafe { env::set_var("RUSTC_BOOTSTRAP", "aya_ebpf") };
    }
    let root_dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../tracer-ebpf");
    aya_build::build_ebpf(
        [Package { name: "tracer-ebpf", root_dir, ..Default::default() }],
        Toolchain::Custom(&toolchain),
    )
    .with_context(|| {
        format!("building tracer-ebpf with toolchain {toolchain}; `cargo xtask setup` installs what it needs")
    })
}

fn detect() -> String {
    let listed = Command::new("rustup").args(["toolchain", "list"]).output();
    let has_debian = listed.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).lines().any(|line| line.starts_with(DEBIAN))
    });
    if has_debian {
        return DEBIAN.to_owned();
    }
    env::var("AITRACE_BPF_NIGHTLY").unwrap_or_else(|_| "nightly".to_owned())
}
