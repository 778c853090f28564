//! Programs in C: curl, wget, and small ones of our own that are built here.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::Wire::{Http1, Http2};
use super::{Ask, Client, Coverage, SCRIPT};
use crate::sandbox::Sandbox;

pub(super) const ROWS: &[Client] = &[Client {
    name: "curl",
    stack: "OpenSSL 3, shared",
    library: "openssl",
    wires: &[Http1, Http2],
    streams: true,
    coverage: Coverage::Covered,
    prepare: |_| installed("/usr/bin/curl"),
    command: curl,
}];

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
