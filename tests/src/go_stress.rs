//! Go under probes where it hurts: `tests/programs/go_stress` traced, every call counted.
//!
//! The events of a long run do not fit in memory: they are counted as they come.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::golang::{self, BUILDS};

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Goroutines, each with a connection.
    pub connections: u64,
    /// Calls on each.
    pub calls: u64,
    /// Most calls a second; 0: as fast as it goes.
    pub rate: u64,
    pub limit: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Calls the program says it made, and that were reported of it.
    pub made: u64,
    pub reported: u64,
    /// Output tokens of them, and what they should sum up to.
    pub tokens: u64,
    pub tokens_told: u64,
    /// Calls whose capture is not complete.
    pub incomplete: u64,
    /// The program's own words: calls, seconds, collections.
    pub said: String,
    /// The agent's last heartbeat.
    pub books: Value,
}

impl Outcome {
    /// Nothing crashed (that is an error of [`run`]), nothing was lost, nothing was wrong.
    pub fn is_exact(&self) -> bool {
        self.made == self.reported
            && self.tokens == self.tokens_told
            && self.incomplete == 0
            && self.books["aitrace.books.closed"] == true
    }
}

/// Ends a child that is left over.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            // SAFETY: kill(2) on a child that has not been waited for.
            unsafe { libc::kill(self.0.id() as libc::pid_t, libc::SIGTERM) };
            let _ended = self.0.wait();
        }
    }
}

/// Runs the program under the agent at `aitrace`.
pub fn run(aitrace: &Path, form: Form) -> Result<Outcome> {
    crate::alone::wait()?;
    let folder = tempfile::tempdir()?;
    let program = golang::build("go_stress", BUILDS[1], folder.path())?;
    let mut agent = Command::new(aitrace);
    agent.args(["stream", "--ring", "256"]).env("AITRACE_LOG", "warn");
    let mut agent = Ending(agent.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let mut lines = BufReader::new(agent.0.stdout.take().context("stdout")?);
    let mut first = String::new();
    lines.read_line(&mut first)?;
    ensure!(first.contains("heartbeat"), "the agent does not start: {first}");

    let mut stress = Command::new(&program);
    stress.args(["-idle", "3s", "-connections", &form.connections.to_string()]);
    stress.args(["-calls", &form.calls.to_string(), "-rate", &form.rate.to_string()]);
    // Stacks that start as small as they can, and a collector that never rests.
    stress.env("GODEBUG", "adaptivestackstart=0").env("GOGC", "1");
    let stress = stress.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut stress = Ending(stress.spawn()?);
    let pid = u64::from(stress.0.id());
    let counter = std::thread::spawn(move || count(lines, pid));

    let deadline = Instant::now() + form.limit;
    let status = loop {
        if let Some(status) = stress.0.try_wait()? {
            break status;
        }
        ensure!(Instant::now() < deadline, "the program still runs after {:?}", form.limit);
        std::thread::sleep(Duration::from_millis(20));
    };
    let text = |pipe: Option<&mut dyn std::io::Read>| {
        let mut text = String::new();
        // What is no text is of no interest here.
        let _read = pipe.map(|pipe| pipe.read_to_string(&mut text));
        text
    };
    let said = text(stress.0.stdout.as_mut().map(|out| out as _));
    let complaint = text(stress.0.stderr.as_mut().map(|err| err as _));
    ensure!(status.success(), "the traced program ended with {status}: {complaint:.2000}");
    let words: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
    // What waits in the agent's queues is read within its next batch.
    std::thread::sleep(Duration::from_secs(2));
    drop(agent);
    let counted = counter.join().map_err(|_| anyhow::anyhow!("the counter panicked"))??;
    let told: u64 = (0..form.calls).map(|n| n % 100 + 1).sum();
    Ok(Outcome {
        made: words["calls"].as_u64().context("calls")?,
        reported: counted.calls,
        tokens: counted.tokens,
        tokens_told: told * form.connections,
        incomplete: counted.incomplete,
        said: said.trim().to_owned(),
        books: counted.books,
    })
}

#[derive(Default)]
struct Counted {
    calls: u64,
    tokens: u64,
    incomplete: u64,
    books: Value,
}

/// Counts the calls that a process made; its child, which answers them, has another id. A million lines
/// are not parsed but searched: the keys are what the agent writes.
fn count(lines: impl std::io::BufRead, pid: u64) -> Result<Counted> {
    let own = format!("\"process.pid\":{pid},");
    let mut counted = Counted::default();
    for line in lines.lines() {
        let line = line?;
        if line.contains("\"event.name\":\"heartbeat\"") {
            counted.books = serde_json::from_str(&line)?;
        } else if line.contains("\"event.name\":\"ai.call\"") && line.contains(&own) {
            counted.calls += 1;
            counted.tokens += number(&line, "\"gen_ai.usage.output_tokens\":").unwrap_or(0);
            counted.incomplete += u64::from(!line.contains("\"aitrace.capture\":\"complete\""));
        }
    }
    Ok(counted)
}

fn number(line: &str, key: &str) -> Option<u64> {
    let rest = line.split_once(key)?.1;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
