//! Real programs as clients, and where they are found.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"))
}

/// A program of `tests/programs`.
pub fn program(name: &str) -> PathBuf {
    root().join("tests/programs").join(name)
}

/// The Python of the virtual environment that `cargo xtask setup` makes.
pub fn python() -> Result<PathBuf> {
    let folder =
        std::env::var_os("AITRACE_VENV").map_or_else(|| root().join(".venv"), PathBuf::from);
    let python = folder.join("bin/python");
    ensure!(python.exists(), "no {}: run `cargo xtask setup`", python.display());
    Ok(python)
}

/// The shared corpus, where this machine has it. Its absence is loud, and fails in CI.
pub fn corpus() -> Result<Option<PathBuf>> {
    let shared =
        std::env::var_os("AITRACE_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let folder = shared.join("corpus/dev");
    if folder.is_dir() {
        return Ok(Some(folder));
    }
    ensure!(std::env::var_os("CI").is_none(), "no corpus at {}", folder.display());
    Ok(None)
}

/// What a client program prints for each call: what it believes it was told.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Heard {
    pub status: Option<u16>,
    pub request_id: Option<String>,
    pub model: Option<String>,
    pub input: Option<u64>,
    pub output: Option<u64>,
    /// Class name of what it raised.
    pub error: Option<String>,
}

/// A client that ended.
#[derive(Debug)]
pub struct Finished {
    pub pid: u32,
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn heard(&self) -> Result<Vec<Heard>> {
        let parse =
            |line| serde_json::from_str(line).with_context(|| format!("client said: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    pub fn succeeded(self) -> Result<Self> {
        ensure!(
            self.status.success(),
            "pid {} ended with {}: {}",
            self.pid,
            self.status,
            self.stderr
        );
        Ok(self)
    }
}

/// A running client; killed when dropped before its end.
#[derive(Debug)]
pub struct Running {
    child: Child,
    readers: Option<[thread::JoinHandle<String>; 2]>,
}

impl Running {
    pub fn spawn(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let (out, err) =
            (child.stdout.take().context("stdout")?, child.stderr.take().context("stderr")?);
        let readers = Some([read_all(out), read_all(err)]);
        Ok(Self { child, readers })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end, at most `limit`.
    pub fn finish(mut self, limit: Duration) -> Result<Finished> {
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                bail!("client {} still runs after {limit:?}", self.pid());
            }
            thread::sleep(Duration::from_millis(2));
        };
        let [stdout, stderr] = self.readers.take().context("output was taken")?;
        let join = |reader: thread::JoinHandle<String>| reader.join().unwrap_or_default();
        Ok(Finished { pid: self.child.id(), status, stdout: join(stdout), stderr: join(stderr) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Runs a client to its end.
pub fn run(command: &mut Command, limit: Duration) -> Result<Finished> {
    Running::spawn(command)?.finish(limit)
}

fn read_all(mut from: impl std::io::Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A broken pipe ends the output; what came before it counts.
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
