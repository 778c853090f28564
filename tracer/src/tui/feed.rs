//! Where the view's events come from [edge]: a running agent, a capture of its own, or a file.
//!
//! A thread reads lines and parses them; a bounded channel holds what the view has not taken. What
//! does not fit is counted, and shown as lost: the view never holds up the agent.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::reader::{Event, ReadError, parse_rfc3339, read};
use crate::sinks::schema::MAX_LINE;

/// Events that wait for the view.
const WAITING: usize = 65_536;
/// The socket protocol this build speaks; the agent's first line says its own.
pub const SOCKET_VERSION: u64 = 1;

/// What went wrong on the way, shared with the reading thread.
#[derive(Debug, Default)]
pub(super) struct FeedCounts {
    /// The view was too slow for them.
    pub missed: AtomicU64,
    pub unreadable: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Feed {
    pub events: Receiver<Event>,
    pub counts: Arc<FeedCounts>,
    /// Shown in the header.
    pub name: String,
}

/// When a full channel is met.
#[derive(Clone, Copy)]
enum Full {
    /// The source goes on without us: count.
    Count,
    /// The source is a file, which waits.
    Wait,
}

struct Outlet {
    to: SyncSender<Event>,
    counts: Arc<FeedCounts>,
    full: Full,
}

impl Outlet {
    /// False when the view is gone.
    fn line(&self, line: &[u8]) -> bool {
        match read(line) {
            Ok(event) => self.event(event),
            Err(ReadError::TooLong(_) | ReadError::Json(_)) => {
                self.counts.unreadable.fetch_add(1, Ordering::Relaxed);
                true
            }
        }
    }

    fn event(&self, event: Event) -> bool {
        match self.full {
            Full::Wait => self.to.send(event).is_ok(),
            Full::Count => match self.to.try_send(event) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    self.counts.missed.fetch_add(1, Ordering::Relaxed);
                    true
                }
                Err(TrySendError::Disconnected(_)) => false,
            },
        }
    }
}

fn pair(full: Full) -> (Outlet, Receiver<Event>, Arc<FeedCounts>) {
    let (to, events) = sync_channel(WAITING);
    let counts = Arc::new(FeedCounts::default());
    (Outlet { to, counts: Arc::clone(&counts), full }, events, counts)
}

impl Feed {
    /// A running agent's event socket.
    ///
    /// # Errors
    /// When there is none, it may not be read, or it speaks another version.
    pub(super) fn agent(path: &Path) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(path).with_context(|| path.display().to_string())?;
        let mut lines = BufReader::new(stream);
        let mut hello = Vec::new();
        (&mut lines).take(MAX_LINE as u64).read_until(b'\n', &mut hello)?;
        let hello: serde_json::Value =
            serde_json::from_slice(&hello).context("the agent's first line makes no sense")?;
        let version = hello["aitrace.socket.version"].as_u64();
        if version != Some(SOCKET_VERSION) {
            bail!(
                "the agent speaks version {} of the socket, this build version {SOCKET_VERSION}: use the same build",
                version.map_or("?".to_owned(), |version| version.to_string())
            );
        }
        let (outlet, events, counts) = pair(Full::Count);
        thread::Builder::new().name("feed".into()).spawn(move || copy_lines(lines, &outlet))?;
        Ok(Self { events, counts, name: "agent".to_owned() })
    }

    /// A file of events. `speed` times as fast as they happened; 0: at once.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn file(path: &Path, speed: f64) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let (outlet, events, counts) = pair(Full::Wait);
        let name = path.display().to_string();
        thread::Builder::new()
            .name("feed".into())
            .spawn(move || play(BufReader::new(file), speed, &outlet))?;
        Ok(Self { events, counts, name })
    }

    /// A capture of this process's own: needs the privileges of `aitrace stream`.
    ///
    /// # Errors
    /// When the thread cannot be made; a capture that fails ends the feed, and `failed` says why.
    pub(super) fn capture(
        capture: impl FnOnce(Box<dyn Write + Send>) -> anyhow::Result<()> + Send + 'static,
    ) -> anyhow::Result<(Self, Receiver<anyhow::Error>)> {
        let (outlet, events, counts) = pair(Full::Count);
        let (failed, failure) = sync_channel(1);
        thread::Builder::new().name("capture".into()).spawn(move || {
            if let Err(error) = capture(Box::new(Lines { outlet, partial: Vec::new() })) {
                // Nobody left to tell: the view has ended.
                let _gone = failed.send(error);
            }
        })?;
        Ok((Self { events, counts, name: "own capture".to_owned() }, failure))
    }
}

fn copy_lines(mut from: impl io::BufRead, outlet: &Outlet) {
    let mut line = Vec::new();
    loop {
        line.clear();
        // One byte more than allowed, so that a longer line is seen to be one.
        match (&mut from).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if !outlet.line(&line) => return,
            Ok(_) => {}
        }
    }
}

fn play(mut from: impl io::BufRead, speed: f64, outlet: &Outlet) {
    let started = Instant::now();
    let mut first = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut from).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if speed > 0.0
            && let Some(at) = timestamp(&line)
        {
            let first = *first.get_or_insert(at);
            let due = Duration::from_nanos(at.saturating_sub(first)).div_f64(speed);
            thread::sleep(due.saturating_sub(started.elapsed()));
        }
        if !outlet.line(&line) {
            return;
        }
    }
}

fn timestamp(line: &[u8]) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Stamped<'a> {
        timestamp: &'a str,
    }
    parse_rfc3339(serde_json::from_slice::<Stamped<'_>>(line).ok()?.timestamp)
}

/// A writer of lines that parses them: what the capture writes to.
struct Lines {
    outlet: Outlet,
    partial: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            self.partial.extend_from_slice(piece);
            if self.partial.ends_with(b"\n") {
                let alive = self.outlet.line(&self.partial);
                self.partial.clear();
                if !alive {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a running agent listens.
pub(super) fn socket(typed: Option<&PathBuf>) -> PathBuf {
    typed.cloned().unwrap_or_else(|| PathBuf::from("/run/aitrace/events.sock"))
}
