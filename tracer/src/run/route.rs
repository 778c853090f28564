//! Which thread gets an event.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::books::Ledger;
use super::queue::Producer;
use crate::event::{FlowKey, KernelEvent};

pub(super) struct Router {
    workers: Vec<Producer>,
    lane: Producer,
    discovery: SyncSender<u32>,
    ledger: Arc<Ledger>,
}

impl Router {
    pub(super) const fn new(
        workers: Vec<Producer>,
        lane: Producer,
        discovery: SyncSender<u32>,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self { workers, lane, discovery, ledger }
    }

    /// Hands an event on; never blocks.
    pub(super) fn route(&mut self, event: KernelEvent) {
        if let Some(key) = flow(&event) {
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
            _ => {}
        }
        let fits = matches!(event, KernelEvent::Map(_)) || self.lane.push(event);
        self.ledger.laned(fits);
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
        | KernelEvent::GpuClose(_) => None,
    }
}
