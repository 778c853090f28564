//! Programs of other worlds that carry their own TLS library: Bun and Deno from their npm packages, a
//! Rust client from its registry.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::clients::{program, root};

/// Where `cargo xtask setup --tests` puts the npm packages of `tests/programs/js`.
fn npm() -> PathBuf {
    root().join("target/npm/node_modules")
}

pub fn bun() -> Result<PathBuf> {
    // An install script moves it from the one place to the other.
    first(&["bun/bin/bun.exe", "@oven/bun-linux-x64/bin/bun"])
}

pub fn deno() -> Result<PathBuf> {
    first(&["@deno/linux-x64-glibc/deno", "deno/deno"])
}

fn first(places: &[&str]) -> Result<PathBuf> {
    let found = places.iter().map(|place| npm().join(place)).find(|path| path.exists());
    found.with_context(|| format!("no {}: run `cargo xtask setup --tests`", places[0]))
}

/// Builds `tests/programs/rustls_client`; its binaries lie in the folder returned.
pub fn rustls_clients() -> Result<PathBuf> {
    let target = root().join("target/programs");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(program("rustls_client")).env("CARGO_TARGET_DIR", &target);
    let built = cargo.args(["build", "--release", "--locked"]).output().context("cargo")?;
    ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Ok(target.join("release"))
}

/// A copy without symbols.
pub fn stripped(path: &PathBuf, to: PathBuf) -> Result<PathBuf> {
    let done = Command::new("strip").arg("-o").arg(&to).arg(path).status().context("strip")?;
    ensure!(done.success(), "strip {}", path.display());
    Ok(to)
}
