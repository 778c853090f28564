//! Programs in Python, JavaScript and Ruby.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::Wire::{Http1, Http2};
use super::native::{URL, body, installed};
use super::{Ask, Client, Coverage, SCRIPT, Wire};
use crate::clients::{program, python, root};
use crate::sandbox::Sandbox;

const fn python_row(name: &'static str, command: fn(&Sandbox, &PathBuf, Ask) -> Command) -> Client {
    Client {
        name,
        stack: "OpenSSL 3, shared",
        library: "openssl",
        wires: &[Http1],
        streams: true,
        coverage: Coverage::Covered,
        prepare: |_| python(),
        command,
    }
}

const fn node_row(
    name: &'static str,
    wires: &'static [Wire],
    command: fn(&Sandbox, &PathBuf, Ask) -> Command,
) -> Client {
    Client {
        name,
        stack: "OpenSSL 3, linked into node",
        library: "openssl",
        wires,
        streams: true,
        coverage: Coverage::Covered,
        prepare: |_| node_modules(),
        command,
    }
}

pub(super) const ROWS: &[Client] = &[
    Client {
        name: "Python http.client, the system's Python",
        prepare: |_| installed("/usr/bin/python3"),
        ..python_row("", |sandbox, python, ask| {
            python_client(sandbox, python, "client_http_client.py", &[], ask)
        })
    },
    python_row("Python requests", |sandbox, python, ask| {
        python_client(sandbox, python, "client_requests.py", &[], ask)
    }),
    python_row("Python httpx, asynchronous", |sandbox, python, ask| {
        python_client(sandbox, python, "client_httpx.py", &["--asynchronous"], ask)
    }),
    python_row("Python openai SDK", |sandbox, python, ask| {
        python_client(sandbox, python, "client_openai.py", &[], ask)
    }),
    python_row("Python anthropic SDK", |sandbox, python, ask| {
        python_client(sandbox, python, "client_anthropic.py", &["--api", "messages"], ask)
    }),
    Client {
        stack: "OpenSSL 3, bundled in the wheel",
        wires: &[Http1, Http2],
        ..python_row("Python pycurl, a wheel with its own libssl", |sandbox, python, ask| {
            let mut command = sandbox.command(python);
            command.arg(program("client_pycurl.py")).arg(sandbox.authority());
            command.args([URL, if ask.wire == Http2 { "2" } else { "1" }]);
            command.args([&body(ask.stream), SCRIPT]);
            command
        })
    },
    node_row("Node https and http2", &[Http1, Http2], |sandbox, modules, ask| {
        node(sandbox, modules, if ask.wire == Http2 { "http2" } else { "https" }, ask)
    }),
    node_row("Node fetch", &[Http1], |sandbox, modules, ask| node(sandbox, modules, "fetch", ask)),
    node_row("Node openai SDK", &[Http1], |sandbox, modules, ask| {
        node(sandbox, modules, "openai", ask)
    }),
    node_row("Node anthropic SDK", &[Http1], |sandbox, modules, ask| {
        node(sandbox, modules, "anthropic", ask)
    }),
    Client {
        name: "Ruby net/http",
        stack: "OpenSSL 3, shared",
        library: "openssl",
        wires: &[Http1],
        streams: true,
        coverage: Coverage::Covered,
        prepare: |_| installed("/usr/bin/ruby"),
        command: |sandbox, ruby, ask| {
            let mut command = sandbox.command(ruby);
            command.arg(program("client.rb")).args([URL, &body(ask.stream), SCRIPT]);
            command
        },
    },
];

fn python_client(
    sandbox: &Sandbox,
    python: &Path,
    file: &str,
    arguments: &[&str],
    ask: Ask,
) -> Command {
    let mut command = sandbox.command(python);
    command.arg(program(file)).args(arguments).args(["--sim", SCRIPT]);
    if ask.stream {
        command.arg("--stream");
        if !arguments.contains(&"messages") {
            command.arg("--usage");
        }
    }
    command
}

/// Where `cargo xtask setup` put the npm packages of the tests.
fn node_modules() -> Result<PathBuf> {
    let folder = std::env::var_os("AITRACE_NODE_MODULES")
        .map_or_else(|| root().join(".node/node_modules"), PathBuf::from);
    ensure!(folder.join("openai").exists(), "no {}: run `cargo xtask setup`", folder.display());
    Ok(folder)
}

fn node(sandbox: &Sandbox, modules: &Path, how: &str, ask: Ask) -> Command {
    let mut command = sandbox.command("node");
    command.arg(program("client.mjs")).arg(how).arg(modules);
    command.args([if ask.stream { "stream" } else { "whole" }, SCRIPT]);
    command
}
