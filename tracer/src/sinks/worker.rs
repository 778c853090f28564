//! Sinks at work: one thread each, fed by the fan-out [edge].
//!
//! In: events, in order. Out: the same to every sink, as fast as each takes them. A sink that says no
//! keeps its events, and is asked again; its queue fills up meanwhile, and the queue's policy decides.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::queue::{Limits, Queue, WhenFull};
use super::{Event, Sink, SinkError};
use crate::telemetry::StageBooks;

/// Events taken from the queue at a time.
const BATCH: usize = 256;
const IDLE: Duration = Duration::from_secs(1);
/// Pauses before a sink that said no is asked again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A sink and how it is fed.
pub struct Outlet {
    pub sink: Box<dyn Sink>,
    pub limits: Limits,
    /// The run ends when this sink does, and its first error is the run's.
    pub vital: bool,
}

impl Outlet {
    pub fn new(sink: impl Sink + 'static, limits: Limits) -> Self {
        Self { sink: Box::new(sink), limits, vital: false }
    }

    /// Waits for its reader, and ends the run with it: what a person pipes somewhere.
    pub fn lossless(sink: impl Sink + 'static) -> Self {
        let limits = Limits { when_full: WhenFull::Block, ..Limits::default() };
        Self { sink: Box::new(sink), limits, vital: true }
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("sink", &self.sink.name()).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Port {
    name: String,
    queue: Arc<Queue>,
    vital: bool,
    thread: JoinHandle<Result<(), io::Error>>,
}

/// Feeds every sink.
#[derive(Debug, Default)]
pub struct Fanout {
    ports: Vec<Port>,
}

/// A vital sink takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

impl Fanout {
    /// Starts a thread for each sink.
    ///
    /// # Errors
    /// When no thread is to be had.
    pub fn start(outlets: Vec<Outlet>) -> io::Result<Self> {
        let mut fanout = Self::default();
        for outlet in outlets {
            fanout.add(outlet)?;
        }
        Ok(fanout)
    }

    /// One more sink; it sees the events from here on.
    ///
    /// # Errors
    /// When no thread is to be had.
    pub fn add(&mut self, outlet: Outlet) -> io::Result<()> {
        let Outlet { sink, limits, vital } = outlet;
        let name = sink.name().to_owned();
        let queue = Arc::new(Queue::new(limits));
        let worker = Worker { sink, queue: Arc::clone(&queue), vital };
        let thread =
            thread::Builder::new().name(format!("sink-{name}")).spawn(move || worker.run())?;
        self.ports.push(Port { name, queue, vital, thread });
        Ok(())
    }

    /// Gives an event to every sink. May wait for those that block.
    ///
    /// # Errors
    /// [`Ended`]: the run is over, [`Self::finish`] says why.
    pub fn send(&self, event: &Arc<Event>) -> Result<(), Ended> {
        let mut result = Ok(());
        for port in &self.ports {
            if port.queue.push(Arc::clone(event)).is_err() && port.vital {
                result = Err(Ended);
            }
        }
        result
    }

    /// Lets a sink go, which may empty its queue for `patience`.
    pub fn remove(&mut self, name: &str, patience: Duration) {
        let (leaving, staying) = self.ports.drain(..).partition(|port| port.name == name);
        self.ports = staying;
        let mut leaving = Self { ports: leaving };
        if let Err(error) = leaving.finish(patience) {
            tracing::error!(sink = name, %error, "ended badly");
        }
    }

    /// Whether a sink is at work whose last attempt did not fail.
    pub fn has_usable_sink(&self) -> bool {
        self.ports.iter().any(|port| !port.thread.is_finished() && !port.queue.is_troubled())
    }

    /// The books of each sink, by name.
    pub fn books(&self) -> BTreeMap<String, StageBooks> {
        self.ports.iter().map(|port| (port.name.clone(), port.queue.counters.books())).collect()
    }

    /// Lets every sink empty its queue, for `patience` at most; what is left is counted as unsent.
    ///
    /// # Errors
    /// What ended a vital sink.
    pub fn finish(&mut self, patience: Duration) -> io::Result<()> {
        for port in &self.ports {
            port.queue.close();
        }
        let deadline = Instant::now() + patience;
        let mut result = Ok(());
        for port in self.ports.drain(..) {
            while !port.thread.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(1));
            }
            if !port.thread.is_finished() {
                // A sink that hangs in a system call is left behind; the process is about to end.
                port.queue.abandon();
                tracing::error!(sink = port.name, "did not end in time");
                continue;
            }
            let ended = port.thread.join();
            let ended =
                ended.unwrap_or_else(|_| Err(io::Error::other("the thread of a sink panicked")));
            if let Err(error) = ended
                && port.vital
            {
                result = Err(error);
            }
        }
        result
    }
}

/// Sinks that can change while events flow.
pub type SharedFanout = Arc<Mutex<Fanout>>;

/// The fan-out, whoever panicked while holding it.
pub fn lock(fanout: &SharedFanout) -> MutexGuard<'_, Fanout> {
    fanout.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Worker {
    sink: Box<dyn Sink>,
    queue: Arc<Queue>,
    vital: bool,
}

impl Worker {
    fn run(mut self) -> io::Result<()> {
        let result = self.serve();
        self.queue.abandon();
        match result {
            Ok(()) | Err(SinkError::Closed) => Ok(()),
            Err(SinkError::Io(error)) => Err(error),
        }
    }

    fn serve(&mut self) -> Result<(), SinkError> {
        let mut batch = VecDeque::with_capacity(BATCH);
        while self.queue.take(&mut batch, BATCH, IDLE) {
            if batch.is_empty() {
                self.insist(&mut Held::default(), |sink| sink.idle())?;
                continue;
            }
            let mut held = Held { taken: 0, waiting: batch.len() as u64 };
            while let Some(event) = batch.front() {
                let event = Arc::clone(event);
                self.insist(&mut held, |sink| sink.write(&event))?;
                batch.pop_front();
                held.waiting -= 1;
                held.taken += 1;
            }
            self.insist(&mut held, |sink| sink.flush())?;
            self.queue.counters.emitted.add(held.taken);
        }
        Ok(())
    }

    /// Does something until it is done, the sink is closed, or the run is over.
    fn insist(
        &mut self,
        held: &mut Held,
        mut action: impl FnMut(&mut dyn Sink) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let ending = self.queue.is_closed();
            let Err(error) = action(&mut *self.sink) else {
                if pause != FIRST_PAUSE {
                    self.queue.set_troubled(false);
                    tracing::warn!(sink = self.sink.name(), "takes events again");
                }
                return Ok(());
            };
            self.queue.counters.errors.add(1);
            // Asked once more after the end of the events, then never again.
            let last = self.vital || ending;
            if last || matches!(error, SinkError::Closed) {
                self.queue.counters.unsent.add(held.taken + held.waiting);
                return Err(error);
            }
            self.queue.set_troubled(true);
            if pause == FIRST_PAUSE {
                tracing::warn!(sink = self.sink.name(), %error, "will be tried again");
            }
            self.queue.pause(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Events between the queue and the far side.
#[derive(Default)]
struct Held {
    /// With the sink, not yet flushed.
    taken: u64,
    /// With the worker.
    waiting: u64,
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
