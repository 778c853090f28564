//! The last thread: who made each call, then the line.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::books::Ledger;
use super::queue::Consumer;
use crate::ai::call::Call;
use crate::attribution::owner::Owners;
use crate::correlate::Stage;
use crate::record::{Heartbeat, Record};
use crate::sinks::clock::{self, WallClock};
use crate::sinks::jsonl::Jsonl;

/// Process events are taken in at least so often.
const TICK: Duration = Duration::from_millis(200);

pub(super) struct Output<W> {
    jsonl: Jsonl<W>,
    processes: Consumer,
    owners: Owners,
    stage: Stage,
    clock: WallClock,
    ledger: Arc<Ledger>,
    heartbeat: Duration,
    started: Instant,
}

impl<W: Write> Output<W> {
    pub(super) fn new(
        jsonl: Jsonl<W>,
        processes: Consumer,
        stage: Stage,
        ledger: Arc<Ledger>,
        heartbeat: Duration,
    ) -> Self {
        let owners = Owners::default();
        let (clock, started) = (WallClock::sample(), Instant::now());
        Self { jsonl, processes, owners, stage, clock, ledger, heartbeat, started }
    }

    /// Writes until the workers are gone. An error stops the run.
    pub(super) fn run(mut self, calls: &Receiver<Box<Call>>, stop: &AtomicBool) -> io::Result<()> {
        let result = self.write(calls);
        if result.is_err() {
            stop.store(true, Ordering::Release);
        }
        result
    }

    fn write(&mut self, calls: &Receiver<Box<Call>>) -> io::Result<()> {
        self.beat()?;
        let mut next = Instant::now() + self.heartbeat;
        loop {
            match calls.recv_timeout(TICK) {
                Ok(call) => {
                    self.call(*call)?;
                    // A burst is one write, a lone call is seen at once.
                    while let Ok(call) = calls.try_recv() {
                        self.call(*call)?;
                    }
                    self.jsonl.flush()?;
                }
                Err(RecvTimeoutError::Timeout) => self.take_processes(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.take_processes();
                    return self.beat();
                }
            }
            if Instant::now() >= next {
                self.clock = WallClock::sample();
                self.jsonl.set_clock(self.clock);
                self.beat()?;
                next += self.heartbeat;
            }
        }
    }

    fn take_processes(&mut self) {
        while let Some(event) = self.processes.pop() {
            self.owners.push(&event);
        }
    }

    fn call(&mut self, call: Call) -> io::Result<()> {
        // What happened before the call has been queued before it.
        self.take_processes();
        let ended = self.clock.unix_ns(call.ended);
        let mut attributed = self.owners.attribute(call);
        self.stage.push(&mut attributed, ended);
        if attributed.owner.is_none() {
            self.ledger.processes_unknown.add(1);
        }
        self.jsonl.write(&Record::Call(Box::new(attributed)))?;
        self.ledger.output.emit(1);
        Ok(())
    }

    fn beat(&mut self) -> io::Result<()> {
        let heartbeat = Heartbeat {
            at: clock::now(),
            uptime_s: self.started.elapsed().as_secs_f64(),
            books: self.ledger.books(),
        };
        self.jsonl.write(&Record::Heartbeat(Box::new(heartbeat)))?;
        self.jsonl.flush()
    }
}
