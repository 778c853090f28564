//! Programs that carry their TLS stack inside: Go, Rust, Bun, Deno.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::Wire::{Http1, Http2};
use super::{Ask, Client, Coverage, SCRIPT, Wire};
use crate::clients::program;
use crate::golang::{self, BUILDS};
use crate::runtimes::{bun, deno, rustls_clients, stripped};
use crate::sandbox::Sandbox;

const UNNAMED: Coverage =
    Coverage::Uncovered("rustls without symbols: its functions are not told apart");

const fn go(
    name: &'static str,
    wires: &'static [Wire],
    prepare: fn(&Sandbox) -> Result<PathBuf>,
) -> Client {
    Client {
        name,
        stack: "Go crypto/tls",
        library: "go",
        wires,
        streams: true,
        coverage: Coverage::Covered,
        prepare,
        command: go_command,
    }
}

const fn rust(
    name: &'static str,
    coverage: Coverage,
    prepare: fn(&Sandbox) -> Result<PathBuf>,
) -> Client {
    Client {
        name,
        stack: "rustls 0.23, linked in",
        library: "rustls",
        wires: &[Http1, Http2],
        streams: true,
        coverage,
        prepare,
        command: rust_command,
    }
}

pub(super) const ROWS: &[Client] = &[
    go("Go net/http", &[Http1, Http2], |sandbox| {
        golang::build("go_client", BUILDS[0], sandbox.folder())
    }),
    go("Go net/http, stripped", &[Http1, Http2], |sandbox| {
        golang::build("go_client", BUILDS[1], sandbox.folder())
    }),
    go("Go net/http, position-independent, stripped", &[Http1, Http2], |sandbox| {
        golang::build("go_client", BUILDS[3], sandbox.folder())
    }),
    go("Go net/http with cgo, position-independent, stripped", &[Http1, Http2], |sandbox| {
        golang::build("go_client", BUILDS[5], sandbox.folder())
    }),
    go("Go openai SDK", &[Http2], |sandbox| {
        golang::build("go_openai", BUILDS[0], sandbox.folder())
    }),
    rust("Rust reqwest with rustls", Coverage::Covered, |_| Ok(rustls_clients()?.join("reqwest"))),
    rust("Rust reqwest with rustls, stripped", UNNAMED, |sandbox| {
        stripped(&rustls_clients()?.join("reqwest"), sandbox.folder().join("reqwest-stripped"))
    }),
    Client {
        name: "Bun fetch",
        stack: "BoringSSL, linked in, stripped",
        library: "boringssl",
        wires: &[Http1],
        streams: true,
        coverage: Coverage::Covered,
        prepare: |_| bun(),
        command: |sandbox, bun, ask| fetch(sandbox.command(bun), ask),
    },
    Client {
        name: "Deno fetch",
        stack: "rustls, linked in, stripped",
        library: "rustls",
        wires: &[Http2],
        streams: true,
        coverage: UNNAMED,
        prepare: |_| deno(),
        command: |sandbox, deno, ask| {
            let mut command = sandbox.command(deno);
            command.args(["run", "--no-lock", "--allow-all"]);
            fetch(command, ask)
        },
    },
];

fn go_command(sandbox: &Sandbox, program: &PathBuf, ask: Ask) -> Command {
    let mut command = sandbox.command(program);
    command.args(["-sim", SCRIPT]).arg(format!("-stream={}", ask.stream));
    if ask.wire == Http1 {
        command.arg("-http1");
    }
    command
}

fn rust_command(sandbox: &Sandbox, program: &PathBuf, ask: Ask) -> Command {
    let mut command = sandbox.command(program);
    command.args(["--sim", SCRIPT]);
    if ask.stream {
        command.arg("--stream");
    }
    if ask.wire == Http1 {
        command.arg("--http1");
    }
    command
}

fn fetch(mut command: Command, ask: Ask) -> Command {
    command.arg(program("fetch.js")).args(["--sim", SCRIPT]);
    if ask.stream {
        command.arg("--stream");
    }
    command
}
