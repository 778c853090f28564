//! The books of a run: counters that its threads share, read by the heartbeat.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::flow::table::Counts;
use crate::kernel::counters::Counters;
use crate::kernel::drain::DrainCounts;
use crate::telemetry::{Books, Counter, StageCounters, snapshot};

pub(super) struct Ledger {
    kernel: Counters,
    drained: Arc<DrainCounts>,
    /// Flow events handed to workers, and dropped before them.
    routed: Counter,
    queue_full: Counter,
    /// Process events handed to the output, and dropped before it.
    laned: Counter,
    lane_full: Counter,
    pub(super) decode: StageCounters,
    pub(super) calls: StageCounters,
    pub(super) calls_full: Counter,
    /// Events handed to the sinks, of calls.
    pub(super) output: StageCounters,
    pub(super) discoveries_skipped: Counter,
    pub(super) exits_skipped: Counter,
    pub(super) sockets_skipped: Counter,
    /// Opaque calls of processes whose plaintext is seen as well.
    pub(super) seen_in_plaintext: Counter,
    pub(super) verdicts_failed: Counter,
    pub(super) processes_unknown: Counter,
    /// Requests on their way that the output was not told of.
    pub(super) requests_skipped: Counter,
    pub(super) events_not_encoded: Counter,
    /// Rounds of the output: it stands still when the run hangs.
    pub(super) turns: Counter,
    gaps: AtomicU64,
    gap_bytes: AtomicU64,
    flows_evicted: AtomicU64,
}

impl Ledger {
    pub(super) fn new(kernel: Counters, drained: Arc<DrainCounts>) -> Self {
        Self {
            kernel,
            drained,
            routed: Counter::default(),
            queue_full: Counter::default(),
            laned: Counter::default(),
            lane_full: Counter::default(),
            decode: StageCounters::default(),
            calls: StageCounters::default(),
            calls_full: Counter::default(),
            output: StageCounters::default(),
            discoveries_skipped: Counter::default(),
            exits_skipped: Counter::default(),
            sockets_skipped: Counter::default(),
            seen_in_plaintext: Counter::default(),
            verdicts_failed: Counter::default(),
            processes_unknown: Counter::default(),
            requests_skipped: Counter::default(),
            events_not_encoded: Counter::default(),
            turns: Counter::default(),
            gaps: AtomicU64::new(0),
            gap_bytes: AtomicU64::new(0),
            flows_evicted: AtomicU64::new(0),
        }
    }

    pub(super) fn routed(&self, fits: bool) {
        if fits {
            self.routed.add(1);
            self.decode.receive(1);
        } else {
            self.queue_full.add(1);
        }
    }

    pub(super) fn laned(&self, fits: bool) {
        if fits {
            self.laned.add(1);
        } else {
            self.lane_full.add(1);
        }
    }

    /// A worker's flow table, when it ends.
    pub(super) fn flows(&self, counts: &Counts) {
        self.gaps.fetch_add(counts.gaps, Ordering::Relaxed);
        self.gap_bytes.fetch_add(counts.gap_bytes, Ordering::Relaxed);
        self.flows_evicted.fetch_add(counts.evicted, Ordering::Relaxed);
    }

    /// A snapshot. Read from the end to the beginning, so that nothing seems to have left a stage
    /// before it came in.
    pub(super) fn books(&self) -> Books {
        let written = self.output.emitted();
        let plain = self.seen_in_plaintext.get();
        let output = snapshot(self.calls.emitted(), written, &[("seen_in_plaintext", plain)]);
        let full = self.calls_full.get();
        let calls = snapshot(self.calls.received(), self.calls.emitted(), &[("queue_full", full)]);
        let decoded = self.decode.emitted();
        let decode = snapshot(self.decode.received(), decoded, &[]);
        let handed = self.routed.get() + self.laned.get();
        let drops = [
            ("queue_full", self.queue_full.get()),
            ("process_queue_full", self.lane_full.get()),
            ("malformed", self.drained.malformed.get()),
        ];
        let received = self.drained.received.get();
        let drain = snapshot(received, handed, &drops);
        let kernel = self.kernel.books();
        let ring = snapshot(kernel.emitted, received, &[]);
        let mut trouble: BTreeMap<_, _> = self.kernel.trouble().collect();
        let own = [
            ("discoveries_skipped", self.discoveries_skipped.get()),
            ("exits_skipped", self.exits_skipped.get()),
            ("sockets_skipped", self.sockets_skipped.get()),
            ("verdicts_failed", self.verdicts_failed.get()),
            ("processes_unknown", self.processes_unknown.get()),
            ("requests_skipped", self.requests_skipped.get()),
            ("events_not_encoded", self.events_not_encoded.get()),
            ("gaps", self.gaps.load(Ordering::Relaxed)),
            ("gap_bytes", self.gap_bytes.load(Ordering::Relaxed)),
            ("flows_evicted", self.flows_evicted.load(Ordering::Relaxed)),
        ];
        trouble.extend(own.into_iter().filter(|(_, count)| *count > 0));
        Books {
            stages: vec![
                ("kernel", kernel),
                ("ring", ring),
                ("drain", drain),
                ("decode", decode),
                ("calls", calls),
                ("output", output),
            ],
            sinks: BTreeMap::new(),
            trouble,
        }
    }
}
