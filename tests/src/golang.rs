//! Go programs for tests: built on this machine, in the forms that Go programs are shipped in.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::clients::program;

/// How a program is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    pub name: &'static str,
    /// `-buildmode`
    pub mode: &'static str,
    pub cgo: bool,
    pub stripped: bool,
    /// A release to have from the module proxy; `None`: the one installed.
    pub release: Option<&'static str>,
}

const PLAIN: Build =
    Build { name: "plain", mode: "exe", cgo: false, stripped: false, release: None };

/// The forms of the installed release.
pub const BUILDS: [Build; 6] = [
    PLAIN,
    Build { name: "stripped", stripped: true, ..PLAIN },
    Build { name: "pie", mode: "pie", ..PLAIN },
    Build { name: "pie-stripped", mode: "pie", stripped: true, ..PLAIN },
    Build { name: "cgo-pie", mode: "pie", cgo: true, ..PLAIN },
    Build { name: "cgo-pie-stripped", mode: "pie", cgo: true, stripped: true, ..PLAIN },
];

/// The forms of a C library written in Go.
pub const LIBRARY: [Build; 2] = [
    Build { name: "shared", mode: "c-shared", cgo: true, ..PLAIN },
    Build { name: "shared-stripped", mode: "c-shared", cgo: true, stripped: true, ..PLAIN },
];

/// Releases whose symbol tables, calling conventions and connections' layouts differ.
pub const RELEASES: [&str; 4] = ["go1.16.15", "go1.17.13", "go1.18.10", "go1.21.13"];

/// A stripped program of an older release.
pub const fn of(release: &'static str) -> Build {
    Build { name: release, stripped: true, release: Some(release), ..PLAIN }
}

/// Go's command.
pub fn command() -> Command {
    let known = Path::new("/usr/local/go/bin/go");
    let mut go = Command::new(if known.exists() { known } else { Path::new("go") });
    // Not the environment's flags: an old release knows fewer.
    go.env("GOFLAGS", "-mod=mod");
    go
}

/// Builds a folder of `tests/programs` into `folder`.
pub fn build(source: &str, build: Build, folder: &Path) -> Result<PathBuf> {
    let output = folder.join(format!("{source}-{}", build.name));
    let mut go = command();
    go.current_dir(program(source)).args(["build", "-buildmode", build.mode]);
    go.env("CGO_ENABLED", if build.cgo { "1" } else { "0" });
    go.env("GOTOOLCHAIN", build.release.unwrap_or("local"));
    if build.stripped {
        go.args(["-ldflags", "-s -w"]);
    }
    if let Some(release) = build.release {
        let version = command().arg("version").env("GOTOOLCHAIN", release).output()?;
        let version = String::from_utf8_lossy(&version.stdout).into_owned();
        ensure!(version.contains(release), "{release} cannot be had: {version}");
    }
    let cgo: &[&str] = if build.cgo { &["-tags", "cgo"] } else { &[] };
    let built = go.args(cgo).arg("-o").arg(&output).arg(".").output().context("go: not there?")?;
    ensure!(built.status.success(), "{build:?}: {}", String::from_utf8_lossy(&built.stderr));
    Ok(output)
}
