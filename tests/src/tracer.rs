//! The agent under test, as a user runs it: the real binary, its lines, its end.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// The binary beside the running test.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("AITRACE_BIN") {
        return Ok(path.into());
    }
    let exe = std::env::current_exe()?;
    let found = exe.ancestors().map(|dir| dir.join("aitrace")).find(|path| path.is_file());
    found.context("no aitrace binary beside the tests: run `cargo build --bin aitrace`")
}

fn command(level: &str, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command.arg("stream").args(arguments).env("AITRACE_LOG", level);
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    Ok(command)
}

/// An agent that writes to a file, as a log shipper would have it: for benches.
#[derive(Debug)]
pub struct Quiet(Child);

impl Quiet {
    /// Starts it, and waits for its first line in `file`.
    pub fn start(file: &Path) -> Result<Self> {
        crate::alone::wait()?;
        let child = command("off", &[])?.stdout(std::fs::File::create(file)?).spawn()?;
        let quiet = Self(child);
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::fs::metadata(file)?.len() == 0 {
            ensure!(Instant::now() < deadline, "aitrace says nothing");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(quiet)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // SAFETY: kill(2) on a child that has not been waited for.
        unsafe { libc::kill(self.0.id() as libc::pid_t, libc::SIGTERM) };
        let _ = self.0.wait();
    }
}

/// A running `aitrace stream`; ended when dropped.
#[derive(Debug)]
pub struct Tracer {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
    errors: Option<JoinHandle<String>>,
}

/// Everything that came out.
#[derive(Debug)]
pub struct Finished {
    pub status: std::process::ExitStatus,
    pub events: Vec<Value>,
    /// Standard output and standard error, raw.
    pub text: String,
}

impl Finished {
    pub fn calls(&self) -> Vec<&Value> {
        self.named("ai.call")
    }

    pub fn named(&self, name: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["event.name"] == name).collect()
    }

    /// The last heartbeat: the run's books.
    pub fn books(&self) -> &Value {
        self.events
            .iter()
            .rev()
            .find(|event| event["event.name"] == "heartbeat")
            .unwrap_or(&Value::Null)
    }
}

impl Tracer {
    /// Starts with arguments after `stream`, and waits for the first heartbeat: all is attached.
    pub fn start(arguments: &[&str]) -> Result<Self> {
        Self::start_at("warn", arguments)
    }

    /// The same at a log level.
    pub fn start_at(level: &str, arguments: &[&str]) -> Result<Self> {
        crate::alone::wait()?;
        let mut child = command(level, arguments)?.stdout(Stdio::piped()).spawn()?;
        let (out, mut err) =
            (child.stdout.take().context("stdout")?, child.stderr.take().context("stderr")?);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                sink.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let errors = thread::spawn(move || {
            let mut text = String::new();
            // What is no text is of no interest here.
            let _ = std::io::Read::read_to_string(&mut err, &mut text);
            text
        });
        let mut tracer = Self { child, lines, reader: Some(reader), errors: Some(errors) };
        let deadline = Instant::now() + Duration::from_secs(60);
        while tracer.count() == 0 {
            if let Some(status) = tracer.child.try_wait()? {
                let said = tracer.errors.take().map(JoinHandle::join);
                bail!("aitrace ended with {status}: {:?}", said.and_then(Result::ok));
            }
            ensure!(Instant::now() < deadline, "aitrace says nothing");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(tracer)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn count(&self) -> usize {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Calls reported so far.
    pub fn calls(&self) -> usize {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.contains("\"event.name\":\"ai.call\"")).count()
    }

    /// Waits until so many calls are reported, or `limit` has passed.
    pub fn wait_for(&self, calls: usize, limit: Duration) {
        let deadline = Instant::now() + limit;
        while self.calls() < calls && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGTERM, then everything it said.
    pub fn finish(mut self) -> Result<Finished> {
        self.signal(libc::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(60);
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(Instant::now() < deadline, "aitrace does not end");
            thread::sleep(Duration::from_millis(10));
        };
        if let Some(reader) = self.reader.take() {
            ensure!(reader.join().is_ok(), "the reader panicked");
        }
        let errors = self.errors.take().map(JoinHandle::join).and_then(Result::ok);
        let lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        let events = lines
            .iter()
            .map(|line| serde_json::from_str(line).with_context(|| format!("no JSON: {line}")))
            .collect::<Result<Vec<Value>>>()?;
        let text = lines.join("\n") + &errors.unwrap_or_default();
        Ok(Finished { status, events, text })
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: kill(2) on a child that has not been waited for: the id is still its own.
        unsafe { libc::kill(self.child.id() as libc::pid_t, signal) };
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(libc::SIGKILL);
            let _ = self.child.wait();
        }
    }
}
