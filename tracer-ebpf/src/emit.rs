//! The only code that reserves, submits, or counts a loss.
//!
//! `Produced` counts every record that was tried; it ends as `Submitted` or as one of the drops.
//! `seq` is the same number: a hole in a CPU's sequence is a record counted as dropped here.

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_smp_processor_id, bpf_ktime_get_boot_ns,
};
use aya_ebpf::maps::ring_buf::RingBufEntry;
use tracer_common::event::{EventHeader, EventKind};
use tracer_common::loss::Counter;

use crate::config;
use crate::identity::Identity;
use crate::maps::{COUNTERS, EVENTS};

/// Adds to a counter of this CPU and returns the new value.
#[inline(always)]
pub(crate) fn count(counter: Counter, by: u64) -> u64 {
    match COUNTERS.get_ptr_mut(counter as u32) {
        // SAFETY: the pointer is this CPU's slot; programs do not migrate while they run.
        Some(slot) => unsafe {
            *slot += by;
            *slot
        },
        None => 0,
    }
}

/// When the reader is woken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Once enough is waiting; the reader's timer does the rest.
    Batched,
    /// At once: user space has something to decide.
    Now,
}

/// A record under way into the ring.
pub(crate) struct Slot<T: 'static> {
    entry: RingBufEntry<T>,
}

/// Reserves a record; a full ring is counted and ends the matter.
#[inline(always)]
#[must_use = "the verifier wants every reserved record submitted or discarded"]
pub(crate) fn reserve<T: 'static>() -> (u64, Option<Slot<T>>) {
    let seq = count(Counter::Produced, 1);
    match EVENTS.reserve::<T>(0) {
        Some(entry) => (seq, Some(Slot { entry })),
        None => {
            count(Counter::RingFull, 1);
            (seq, None)
        }
    }
}

impl<T: 'static> Slot<T> {
    #[inline(always)]
    pub(crate) fn as_mut_ptr(&mut self) -> *mut T {
        self.entry.as_mut_ptr()
    }

    #[inline(always)]
    pub(crate) fn submit(self, wake: Wake) {
        count(Counter::Submitted, 1);
        let waiting = EVENTS.query(u64::from(BPF_RB_AVAIL_DATA));
        let flags = if wake == Wake::Now || waiting >= config::get().wakeup_bytes {
            BPF_RB_FORCE_WAKEUP
        } else {
            BPF_RB_NO_WAKEUP
        };
        self.entry.submit(u64::from(flags));
    }

    /// Gives a record up because the process's memory could not be read.
    #[inline(always)]
    pub(crate) fn discard_unreadable(self) {
        count(Counter::CopyFault, 1);
        self.entry.discard(u64::from(BPF_RB_NO_WAKEUP));
    }
}

/// The header of a record of `len` meaningful bytes.
#[inline(always)]
pub(crate) fn header(kind: EventKind, who: Identity, seq: u64, len: usize) -> EventHeader {
    // SAFETY: helpers without arguments.
    let (cpu, boot_ns, cgroup_id) = unsafe {
        (bpf_get_smp_processor_id(), bpf_ktime_get_boot_ns(), bpf_get_current_cgroup_id())
    };
    EventHeader {
        kind: kind as u16,
        flags: 0,
        cpu,
        seq,
        boot_ns,
        tgid: who.tgid,
        tid: who.tid,
        start_ns: who.start_ns,
        cgroup_id,
        len: len as u32,
        reserved: 0,
        reserved2: 0,
    }
}
