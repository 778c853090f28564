//! Programs in C: curl, wget, and small ones of our own that are built here.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Wire::{Http1, Http2};
use super::{Ask, Client, Coverage, SCRIPT};
use crate::clients::program;
use crate::sandbox::Sandbox;

pub(super) const ROWS: &[Client] = &[
    Client {
        name: "curl",
        stack: "OpenSSL 3, shared",
        library: "openssl",
        wires: &[Http1, Http2],
        streams: true,
        coverage: Coverage::Covered,
        prepare: |_| installed("/usr/bin/curl"),
        command: curl,
    },
    Client {
        name: "wget",
        stack: "GnuTLS",
        library: "gnutls",
        wires: &[Http1],
        streams: true,
        coverage: Coverage::Covered,
        prepare: |_| installed("/usr/bin/wget"),
        command: wget,
    },
    Client {
        name: "libcurl of GnuTLS",
        stack: "GnuTLS",
        library: "gnutls",
        wires: &[Http1, Http2],
        streams: true,
        coverage: Coverage::Covered,
        prepare: |_| installed("/usr/lib/x86_64-linux-gnu/libcurl-gnutls.so.4"),
        command: libcurl,
    },
    Client {
        name: "libcurl of NSS",
        stack: "NSS",
        library: "nss",
        wires: &[Http1, Http2],
        streams: true,
        coverage: Coverage::Covered,
        prepare: |_| installed("/usr/lib/x86_64-linux-gnu/libcurl-nss.so.4"),
        command: libcurl,
    },
    Client {
        name: "C program",
        stack: "OpenSSL 3, linked in, stripped of nothing",
        library: "openssl",
        wires: &[Http1],
        streams: true,
        coverage: Coverage::Covered,
        prepare: |sandbox| c_client(sandbox, &["-static"]),
        command: own,
    },
];

/// A file that a package brings.
pub(super) fn installed(path: &str) -> Result<PathBuf> {
    ensure!(Path::new(path).exists(), "no {path}");
    Ok(path.into())
}

/// The body of a chat request.
pub(super) fn body(stream: bool) -> String {
    let stream =
        if stream { r#","stream":true,"stream_options":{"include_usage":true}"# } else { "" };
    format!(r#"{{"model":"gpt-4o-mini"{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#)
}

pub(super) const URL: &str = "https://api.openai.com/v1/chat/completions";

fn curl(sandbox: &Sandbox, program: &PathBuf, ask: Ask) -> Command {
    let mut command = sandbox.command(program);
    let version = if ask.wire == Http2 { "--http2" } else { "--http1.1" };
    command.args(["-sSf", version, URL, "-d", &body(ask.stream)]);
    command.args(["-H", "content-type: application/json", "-H", &format!("x-sim: {SCRIPT}")]);
    command
}

fn wget(sandbox: &Sandbox, program: &PathBuf, ask: Ask) -> Command {
    let mut command = sandbox.command(program);
    command.args(["-q", "-O", "-", "--header", "content-type: application/json"]);
    command.arg(format!("--header=x-sim: {SCRIPT}"));
    command.arg(format!("--post-data={}", body(ask.stream))).arg("--ca-certificate");
    command.arg(sandbox.authority()).arg(URL);
    command
}

/// A libcurl by way of a program that loads nothing else of TLS.
fn libcurl(sandbox: &Sandbox, library: &PathBuf, ask: Ask) -> Command {
    let mut command = sandbox.command("/usr/bin/python3");
    command.arg(program("client_libcurl.py")).arg(library).arg(sandbox.authority());
    command.args([URL, if ask.wire == Http2 { "2" } else { "1" }, &body(ask.stream), SCRIPT]);
    command
}

/// Builds the small client against OpenSSL.
pub(super) fn c_client(sandbox: &Sandbox, how: &[&str]) -> Result<PathBuf> {
    let output = sandbox.folder().join(format!("client{}", how.concat()));
    let built = Command::new("cc")
        .args(["-O2", "-o"])
        .arg(&output)
        .arg(program("client_openssl.c"))
        .args(how)
        .args(["-lssl", "-lcrypto", "-lpthread", "-ldl"])
        .output()
        .context("cc")?;
    ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Ok(output)
}

pub(super) fn own(sandbox: &Sandbox, program: &PathBuf, ask: Ask) -> Command {
    let mut command = sandbox.command(program);
    command.args(["api.openai.com", "/v1/chat/completions", &body(ask.stream), SCRIPT, "1"]);
    command
}
