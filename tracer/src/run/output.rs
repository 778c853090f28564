//! The last stage: who made each call, then the event, then every sink.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tracer_common::tls::library;

use super::books::Ledger;
use super::queue::Consumer;
use super::waiting::Waiting;
use crate::ai::call::{Call, Sent};
use crate::ai::decoder::Said;
use crate::ai::providers::HostTable;
use crate::attribution::listeners::{Listeners, may_be_here};
use crate::attribution::owners::Owners;
use crate::correlate::{Derived, Party, Stage};
use crate::event::{BootTime, ProcessKey};
use crate::record::{AttributedCall, Heartbeat, Record};
use crate::sinks::clock::{self, WallClock};
use crate::sinks::encoder::Encoder;
use crate::sinks::worker::{Ended, SharedFanout, lock};
use crate::sockets::addresses::Addresses;
use crate::sockets::failure;
use crate::sockets::table::{Peer, SocketTable};

/// While calls wait for the names of their containers, so often is looked.
const SOON: Duration = Duration::from_millis(5);
/// Process events are taken in at least so often.
const TICK: Duration = Duration::from_millis(200);

/// What the stage knows of calls beside what they say.
pub(super) struct Knowing {
    pub(super) owners: Owners,
    pub(super) stage: Stage,
    pub(super) hosts: Arc<HostTable>,
}

pub(super) struct Output {
    encoder: Encoder,
    fanout: SharedFanout,
    processes: Consumer,
    owners: Owners,
    waiting: Waiting,
    stage: Stage,
    clock: WallClock,
    sockets: SocketTable,
    listeners: Listeners,
    addresses: Addresses,
    hosts: Arc<HostTable>,
    ledger: Arc<Ledger>,
    heartbeat: Duration,
    started: Instant,
}

impl Output {
    pub(super) fn new(
        encoder: Encoder,
        fanout: SharedFanout,
        processes: Consumer,
        ledger: Arc<Ledger>,
        heartbeat: Duration,
        knowing: Knowing,
    ) -> Self {
        let Knowing { owners, stage, hosts } = knowing;
        Self {
            encoder,
            fanout,
            processes,
            owners,
            waiting: Waiting::default(),
            stage,
            clock: WallClock::sample(),
            sockets: SocketTable::default(),
            listeners: Listeners::default(),
            addresses: Addresses::default(),
            hosts,
            ledger,
            heartbeat,
            started: Instant::now(),
        }
    }

    /// Runs until the workers are gone, or a vital sink is: that stops the run.
    pub(super) fn run(
        mut self,
        calls: &Receiver<Said>,
        stop: &AtomicBool,
        drain: Duration,
    ) -> io::Result<()> {
        if self.take(calls) == Err(Ended) {
            stop.store(true, Ordering::Release);
        }
        // Taken out first: who asks for the books meanwhile is not held up.
        let mut fanout = std::mem::take(&mut *lock(&self.fanout));
        fanout.finish(drain)
    }

    fn take(&mut self, calls: &Receiver<Said>) -> Result<(), Ended> {
        self.beat()?;
        let mut next = Instant::now() + self.heartbeat;
        loop {
            self.ledger.turns.add(1);
            match calls.recv_timeout(if self.waiting.is_empty() { TICK } else { SOON }) {
                Ok(Said::Sent(sent)) => self.sent(&sent),
                Ok(Said::Call(call)) => self.call(*call)?,
                Err(RecvTimeoutError::Timeout) => self.take_processes(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.take_processes();
                    self.failed_connections(BootTime(u64::MAX))?;
                    while !self.waiting.is_empty() {
                        std::thread::sleep(SOON);
                        self.answered()?;
                    }
                    return self.beat();
                }
            }
            self.failed_connections(clock::now())?;
            if self.waiting.is_due(Instant::now(), SOON) {
                self.answered()?;
            }
            if Instant::now() >= next {
                self.clock = WallClock::sample();
                self.encoder.set_clock(self.clock);
                self.beat()?;
                next += self.heartbeat;
            }
        }
    }

    fn take_processes(&mut self) {
        while let Some(event) = self.processes.pop() {
            self.owners.push(&event);
            self.sockets.push(&event);
        }
    }

    fn call(&mut self, call: Call) -> Result<(), Ended> {
        // What happened before the call has been queued before it.
        self.take_processes();
        if call.flow.library == library::OPAQUE && self.sockets.reads(&call.flow.process) {
            // What it says has been read where it was plain.
            self.ledger.seen_in_plaintext.add(1);
            return Ok(());
        }
        let peer = self.sockets.peer(&call.flow);
        if let Some(remote) = peer.and_then(|peer| peer.remote()) {
            self.addresses.learn(remote, &call.host);
        }
        self.put(call, peer)
    }

    /// A request is on its way: if it goes to a process of this host, that one may ask a provider.
    fn sent(&mut self, sent: &Sent) {
        self.take_processes();
        let process = sent.flow.process;
        let servers = self.servers(process, self.sockets.peer(&sent.flow), sent.at);
        if !servers.is_empty() {
            let caller = Party { pid: process.tgid, workload: self.owners.label(process) };
            self.stage.sent(sent, caller, &servers);
        }
    }

    /// Processes of this host at the other end.
    fn servers(&mut self, client: ProcessKey, peer: Option<Peer>, now: BootTime) -> Arc<[u32]> {
        match peer.and_then(|peer| peer.remote()) {
            Some(remote) if may_be_here(&remote.ip()) => {
                self.listeners.at(client.tgid, remote, now)
            }
            _ => Arc::default(),
        }
    }

    fn listener(&mut self, client: ProcessKey, peer: Option<Peer>, at: BootTime) -> Option<Party> {
        let pid = *self.servers(client, peer, at).first()?;
        Some(Party { pid, workload: self.owners.label_of(pid) })
    }

    fn put(&mut self, call: Call, peer: Option<Peer>) -> Result<(), Ended> {
        let ended = self.clock.unix_ns(call.ended);
        let answer = self.owners.of_call(&call);
        let derived = Derived::default();
        let mut attributed = AttributedCall { call, owner: answer.owner, peer, derived };
        let process = attributed.owner.key;
        attributed.derived.peer = self.listener(process, peer, attributed.call.ended);
        self.stage.push(&mut attributed, ended);
        match answer.pending {
            Some(_) if !self.waiting.is_full() => {
                self.waiting.push(attributed);
                Ok(())
            }
            _ => self.write_call(attributed),
        }
    }

    /// Writes the calls whose container's name has come, or has not come in time.
    fn answered(&mut self) -> Result<(), Ended> {
        for _ in 0..self.waiting.len() {
            let Some(mut attributed) = self.waiting.pop() else { break };
            let answer = self.owners.of_call(&attributed.call);
            attributed.owner = answer.owner;
            match answer.pending {
                Some(_) => self.waiting.push(attributed),
                None => self.write_call(attributed)?,
            }
        }
        Ok(())
    }

    fn write_call(&mut self, attributed: AttributedCall) -> Result<(), Ended> {
        if attributed.owner.process.is_none() {
            self.ledger.processes_unknown.add(1);
        }
        self.emit(Record::Call(Box::new(attributed)))?;
        self.ledger.output.emit(1);
        Ok(())
    }

    /// Connections to providers that never came to be.
    fn failed_connections(&mut self, now: BootTime) -> Result<(), Ended> {
        while let Some(failed) = self.sockets.poll(now) {
            let Some(remote) = failed.pair.remote() else { continue };
            let literal = remote.ip().to_string();
            let host = self.addresses.host(&remote).unwrap_or(&literal);
            let Some(call) = failure::call(&failed, host, &self.hosts) else { continue };
            self.ledger.calls.receive(1);
            self.ledger.calls.emit(1);
            self.put(call, Some(Peer::Exact(failed.pair)))?;
        }
        Ok(())
    }

    fn beat(&mut self) -> Result<(), Ended> {
        let mut books = self.ledger.books();
        books.sinks = lock(&self.fanout).books();
        let evicted = self.stage.counts();
        books.trouble.extend([
            ("runs_evicted", evicted.runs_evicted),
            ("attempts_evicted", evicted.attempts_evicted),
            ("requests_evicted", evicted.asks_evicted),
        ]);
        let heartbeat =
            Heartbeat { at: clock::now(), uptime_s: self.started.elapsed().as_secs_f64(), books };
        self.emit(Record::Heartbeat(Box::new(heartbeat)))
    }

    fn emit(&mut self, record: Record) -> Result<(), Ended> {
        match self.encoder.encode(record) {
            Ok(event) => lock(&self.fanout).send(&event),
            Err(error) => {
                self.ledger.events_not_encoded.add(1);
                tracing::error!(%error, "an event cannot be written");
                Ok(())
            }
        }
    }
}
