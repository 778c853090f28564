//! Which thread gets an event.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::books::Ledger;
use super::queue::Producer;
use super::readable;
use super::watch::Told;
use crate::attribution::container::place::Place;
use crate::attribution::runtimes::Runtimes;
use crate::event::{FlowKey, KernelEvent, ProcessKey, SocketChange};
use crate::sockets::servers;
use tracer_common::socket::class;

/// Listening processes remembered.
const MAX_SERVING: usize = 16_384;

pub(super) struct Router {
    workers: Vec<Producer>,
    lane: Producer,
    discovery: SyncSender<u32>,
    watch: SyncSender<Told>,
    /// Processes that listen or serve: the watch wants to know their end.
    serving: HashSet<ProcessKey>,
    /// Processes whose TLS connections have been told of.
    connected: HashSet<ProcessKey>,
    runtimes: Option<Runtimes>,
    ledger: Arc<Ledger>,
}

impl Router {
    pub(super) fn new(
        workers: Vec<Producer>,
        lane: Producer,
        discovery: SyncSender<u32>,
        watch: SyncSender<Told>,
        runtimes: Option<Runtimes>,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            workers,
            lane,
            discovery,
            watch,
            serving: HashSet::new(),
            connected: HashSet::new(),
            runtimes,
            ledger,
        }
    }

    /// Hands an event on; never blocks.
    pub(super) fn route(&mut self, event: KernelEvent) {
        if let Some(key) = flow(&event) {
            // Which connection it runs over, the output finds out.
            if matches!(event, KernelEvent::FlowOpen(_)) && !self.lane.push(event.clone()) {
                self.ledger.sockets_skipped.add(1);
            }
            let worker = self.worker(&key);
            let fits = self.workers.get_mut(worker).is_some_and(|queue| queue.push(event));
            self.ledger.routed(fits);
            return;
        }
        match &event {
            KernelEvent::Exec(_) | KernelEvent::Map(_) => {
                let pid = event.origin().process.tgid;
                // Full: the next event of this process, or of another with the same files, comes.
                if self.discovery.try_send(pid).is_err() {
                    self.ledger.discoveries_skipped.add(1);
                }
            }
            KernelEvent::Exit(_) => {
                // Any of them may have flows of this process.
                for worker in &mut self.workers {
                    if !worker.push(event.clone()) {
                        self.ledger.exits_skipped.add(1);
                    }
                }
            }
            // Asked for while it exists: a short-lived one is gone when its call is attributed.
            KernelEvent::CgroupMade(made) => {
                if let Some(found) = Place::of(&made.path).container
                    && found.path == made.path
                    && let Some(runtimes) = &self.runtimes
                {
                    runtimes.ask(&found.id, found.runtime);
                }
            }
            _ => {}
        }
        self.watch(&event);
        let fits = matches!(event, KernelEvent::Map(_)) || self.lane.push(event);
        self.ledger.laned(fits);
    }

    /// What may call for the system-call tracepoints, or end the need for them.
    fn watch(&mut self, event: &KernelEvent) {
        let wanted = match event {
            KernelEvent::Socket(event) => {
                if event.change == SocketChange::Listen && self.serving.len() < MAX_SERVING {
                    self.serving.insert(event.origin.process);
                }
                let first = event.class == class::TLS
                    && event.change == SocketChange::Connect
                    && self.is_new(event.origin.process);
                first || (event.class != class::TLS && event.change != SocketChange::Established)
            }
            KernelEvent::Exec(exec) => {
                let serves = servers::is_server(exec.argv.iter().map(|argument| &**argument));
                if serves {
                    self.serving.insert(exec.origin.process);
                }
                serves || readable::is_never(&exec.path)
            }
            KernelEvent::Exit(exit) => {
                self.connected.remove(&exit.origin.process);
                self.serving.remove(&exit.origin.process)
            }
            _ => false,
        };
        if wanted && self.watch.try_send(Told::Event(event.clone())).is_err() {
            self.ledger.sockets_skipped.add(1);
        }
    }

    /// Whether a process connects for the first time, as far as is remembered.
    fn is_new(&mut self, process: ProcessKey) -> bool {
        if self.connected.len() >= MAX_SERVING {
            self.connected.clear();
        }
        self.connected.insert(process)
    }

    fn worker(&self, key: &FlowKey) -> usize {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        (hasher.finish() % self.workers.len().max(1) as u64) as usize
    }
}

const fn flow(event: &KernelEvent) -> Option<FlowKey> {
    match event {
        KernelEvent::FlowOpen(e) => Some(e.key),
        KernelEvent::Data(e) => Some(e.key),
        KernelEvent::FlowEnd(e) => Some(e.key),
        KernelEvent::Handshake(e) => Some(e.key),
        KernelEvent::Exec(_)
        | KernelEvent::Fork(_)
        | KernelEvent::Exit(_)
        | KernelEvent::Map(_)
        | KernelEvent::GpuCall(_)
        | KernelEvent::GpuClose(_)
        | KernelEvent::Socket(_)
        | KernelEvent::FlowSocket(_)
        | KernelEvent::CgroupMade(_)
        | KernelEvent::CgroupRemoved(_) => None,
    }
}
