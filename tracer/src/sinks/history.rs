//! Events into the host's history.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Event, Sink, SinkError};
use crate::reader::read;
use crate::store::{History, Limits, OpenError, Opened};

/// A crash loses at most so much.
const BATCH: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct HistorySink {
    /// Taken when the sink ends.
    history: Option<History>,
    written: Instant,
    failing: bool,
}

fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

impl HistorySink {
    /// Opens or makes the file, and says what it met.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open(path: &Path, limits: Limits) -> Result<(Self, Opened), OpenError> {
        let (history, opened) = History::open(path, limits, now_ns())?;
        if let Some(aside) = &opened.set_aside {
            tracing::error!(file = %aside.display(), "the history was damaged: set aside, a new one begun");
        }
        if let Some(unclean) = &opened.unclean {
            tracing::warn!(
                last_seq = unclean.last_seq,
                "the last run did not end by itself: up to a second of its history is missing"
            );
        }
        let sink = Self { history: Some(history), written: Instant::now(), failing: false };
        Ok((sink, opened))
    }

    /// Writes the batch. What cannot be written is counted by the history and is not tried again: the
    /// other sinks have it.
    fn store(&mut self) {
        self.written = Instant::now();
        let Some(history) = &mut self.history else { return };
        match history.write(now_ns()) {
            Ok(()) => self.failing = false,
            Err(error) => {
                if !self.failing {
                    tracing::error!(%error, dropped = history.counts().dropped_write, "history not written");
                }
                self.failing = true;
            }
        }
    }
}

impl Sink for HistorySink {
    fn name(&self) -> &'static str {
        "history"
    }

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        let Some(history) = &mut self.history else { return Ok(()) };
        // Our own line: it can be read.
        let full = read(&event.line).is_ok_and(|event| history.push(event));
        if full {
            self.store();
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        if self.written.elapsed() >= BATCH {
            self.store();
        }
        Ok(())
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        self.store();
        Ok(())
    }
}

impl Drop for HistorySink {
    fn drop(&mut self) {
        if let Some(history) = self.history.take()
            && let Err(error) = history.close(now_ns())
        {
            tracing::error!(%error, "the last second of the history is not written");
        }
    }
}
