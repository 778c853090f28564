//! The client matrix: which programs are seen, over which protocol, shown by running them.
//!
//! In: [`ROWS`], one [`Client`] each. Out: what each run showed against what its row promises, and the
//! table `docs/coverage.md` made of the rows. To add a client: a row in one of the files here (a
//! program under `tests/programs/` where it needs one); nothing else.

mod compiled;
mod native;
mod script;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::clients::{self, run};
use crate::sandbox::Sandbox;
use crate::simulator::Told;

/// What the simulator is asked to tell: every figure differs.
pub const SCRIPT: &str = "in=120; out=45; cached=20; reasoning=7; events=12";
const LIMIT: Duration = Duration::from_secs(60);

/// All rows, in the order of the table.
pub const ROWS: &[&[Client]] = &[native::ROWS, script::ROWS, compiled::ROWS];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Http1,
    Http2,
    /// HTTP/1.1 without TLS.
    Plain,
}

impl Wire {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Plain => "plain HTTP",
        }
    }

    /// `network.protocol.version`
    const fn version(self) -> &'static str {
        match self {
            Self::Http1 | Self::Plain => "1.1",
            Self::Http2 => "2",
        }
    }
}

/// What a row promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Each call once, with all its figures.
    Covered,
    /// Each call once, without figures, and why: `aitrace.capture` says `opaque`.
    Opaque(&'static str),
    /// Nothing but a reason.
    Uncovered(&'static str),
}

/// One request a client is to make.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub wire: Wire,
    pub stream: bool,
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    pub name: &'static str,
    /// What it speaks TLS with, for the reader.
    pub stack: &'static str,
    /// `tls.library` of its events.
    pub library: &'static str,
    pub wires: &'static [Wire],
    /// Whether it can read a stream.
    pub streams: bool,
    pub coverage: Coverage,
    /// Builds or finds it; the error says what is missing. Runs once, in the sandbox's folder.
    pub prepare: fn(&Sandbox) -> Result<PathBuf>,
    /// One run that makes one call and ends well.
    pub command: fn(&Sandbox, &PathBuf, Ask) -> Command,
}

/// What a run of a row showed.
#[derive(Debug)]
pub struct Shown {
    pub told: Vec<Told>,
    pub pids: Vec<u32>,
}

impl Client {
    pub fn asks(&self) -> Vec<Ask> {
        let streams = if self.streams { &[false, true][..] } else { &[false] };
        let asks = self
            .wires
            .iter()
            .flat_map(|wire| streams.iter().map(|stream| Ask { wire: *wire, stream: *stream }));
        asks.collect()
    }

    /// Runs every ask of the row.
    pub fn play(&self, sandbox: &Sandbox, program: &PathBuf) -> Result<Shown> {
        sandbox.simulator.take_told();
        let mut pids = Vec::new();
        for ask in self.asks() {
            let finished = run(&mut (self.command)(sandbox, program, ask), LIMIT)
                .and_then(clients::Finished::succeeded)?;
            pids.push(finished.pid);
        }
        let told = sandbox.simulator.take_told();
        ensure!(told.len() == self.asks().len(), "{} calls reached the simulator", told.len());
        Ok(Shown { told, pids })
    }

    /// Compares what was reported with what the row promises.
    pub fn check(&self, shown: &Shown, calls: &[&Value]) -> Result<()> {
        for (ask, told) in self.asks().iter().zip(&shown.told) {
            let found: Vec<_> = calls
                .iter()
                .filter(|call| call["aitrace.provider.request_id"] == told.request_id)
                .collect();
            match self.coverage {
                Coverage::Covered => {
                    ensure!(found.len() == 1, "{ask:?} is reported {} times", found.len());
                    exact(told, found[0], self.library, ask.wire)?;
                }
                Coverage::Opaque(_) => {
                    let own = calls.iter().filter(|call| {
                        call["process.pid"]
                            .as_u64()
                            .is_some_and(|pid| shown.pids.contains(&(pid as u32)))
                    });
                    let own: Vec<_> = own.collect();
                    ensure!(own.len() == shown.told.len(), "reported {} times", own.len());
                    let opaque = own.iter().all(|call| call["aitrace.capture"] == "opaque");
                    ensure!(opaque, "not opaque: {own:?}");
                }
                Coverage::Uncovered(_) => ensure!(found.is_empty(), "it is covered: say so"),
            }
        }
        Ok(())
    }
}

/// Every figure of a call.
fn exact(told: &Told, call: &Value, library: &str, wire: Wire) -> Result<()> {
    let count = |key: &str| call[key].as_u64();
    let tokens = [
        ("gen_ai.usage.input_tokens", told.tokens.input),
        ("gen_ai.usage.output_tokens", told.tokens.output),
        ("gen_ai.usage.cache_read.input_tokens", told.tokens.cache_read),
        ("gen_ai.usage.reasoning.output_tokens", told.tokens.reasoning),
        ("http.response.status_code", told.status.map(u64::from)),
    ];
    for (key, wanted) in tokens {
        ensure!(count(key) == wanted, "{key} is not {wanted:?}: {call:#}");
    }
    let words = [
        ("tls.library", library),
        ("gen_ai.provider.name", told.provider.as_str()),
        ("server.address", told.host.as_str()),
        ("network.protocol.version", wire.version()),
        ("aitrace.capture", "complete"),
    ];
    for (key, wanted) in words {
        ensure!(call[key] == wanted, "{key} is not {wanted}: {call:#}");
    }
    Ok(())
}

/// `docs/coverage.md`
pub fn markdown() -> String {
    let mut text = String::from(
        "# What is seen of which client\n\n\
         Each row is run by the tests against the simulator: *covered* means that every call is reported \
         once, with the exact tokens, whole and streamed. Made from the matrix of the tests \
         (`tests/src/matrix/`); `UPDATE_DOCS=1 cargo test -p tests --test docs` writes it.\n\n\
         | client | TLS | over | seen |\n|---|---|---|---|\n",
    );
    for client in ROWS.iter().copied().flatten() {
        let wires: Vec<_> = client.wires.iter().map(|wire| wire.name()).collect();
        let seen = match client.coverage {
            Coverage::Covered => "covered".to_owned(),
            Coverage::Opaque(why) => format!("partial: {why}"),
            Coverage::Uncovered(why) => format!("uncovered: {why}"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {seen} |",
            client.name,
            client.stack,
            wires.join(", ")
        );
    }
    text
}
