//! One decode worker: its share of the flows, from queue to calls.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};

use super::books::Ledger;
use super::queue::Consumer;
use super::watch::Told;
use crate::ai::decoder::Said;
use crate::ai::providers::HostTable;
use crate::event::{KernelEvent, Verdict};
use crate::kernel::verdicts::Verdicts;
use crate::keyed::HashKey;
use crate::pipeline::{Output, Pipeline};
use crate::sinks::clock;
use tracer_common::tls::library;

pub(super) struct Worker {
    pipeline: Pipeline,
    queue: Consumer,
    outlet: Outlet,
}

/// Where a worker's results go.
struct Outlet {
    verdicts: Arc<Mutex<Verdicts>>,
    calls: SyncSender<Said>,
    watch: SyncSender<Told>,
    ledger: Arc<Ledger>,
}

impl Worker {
    pub(super) fn new(
        hosts: Arc<HostTable>,
        key: HashKey,
        queue: Consumer,
        verdicts: Arc<Mutex<Verdicts>>,
        calls: SyncSender<Said>,
        watch: SyncSender<Told>,
        ledger: Arc<Ledger>,
    ) -> Self {
        let outlet = Outlet { verdicts, calls, watch, ledger };
        Self { pipeline: Pipeline::keyed(hosts, key), queue, outlet }
    }

    pub(super) fn run(mut self) {
        loop {
            while let Some(event) = self.queue.pop() {
                let counted = !matches!(event, KernelEvent::Exit(_));
                self.pipeline.push(event, &mut |output| self.outlet.put(output));
                if counted {
                    self.outlet.ledger.decode.emit(1);
                }
            }
            self.pipeline.tick(clock::now, &mut |output| self.outlet.put(output));
            if !self.queue.wait() {
                break;
            }
        }
        self.pipeline.finish(clock::now(), &mut |output| self.outlet.put(output));
        self.outlet.ledger.flows(self.pipeline.counts());
    }
}

impl Outlet {
    fn put(&self, output: Output) {
        match output {
            Output::Sent(sent) => {
                if self.calls.try_send(Said::Sent(sent)).is_err() {
                    self.ledger.requests_skipped.add(1);
                }
            }
            Output::Call(call) => {
                self.ledger.calls.receive(1);
                if self.calls.try_send(Said::Call(call)).is_ok() {
                    self.ledger.calls.emit(1);
                } else {
                    self.ledger.calls_full.add(1);
                }
            }
            Output::Verdict(key, verdict) => {
                let set = self.verdicts.lock().is_ok_and(|mut map| map.set(&key, verdict).is_ok());
                if !set {
                    self.ledger.verdicts_failed.add(1);
                }
                if matches!(key.library, library::PLAIN | library::OPAQUE)
                    && verdict != Verdict::Undecided
                {
                    let (sock, ai) = (key.handle, verdict == Verdict::Capture);
                    if self.watch.try_send(Told::Judged { sock, ai }).is_err() {
                        self.ledger.sockets_skipped.add(1);
                    }
                }
            }
        }
    }
}
