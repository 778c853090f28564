//! The sole reader of the ring.
//!
//! In: records in ring order. Out: events, by a callback that must not block. Each record is copied
//! once, into a slab that many records share.

use std::collections::HashMap;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aya::maps::{MapData, RingBuf};
use bytes::{Bytes, BytesMut};

use crate::event::{BootTime, KernelEvent};
use crate::kernel::decode::decode;
use crate::telemetry::Counter;

/// The reader looks at the ring at least so often: the programs wake it only when much is waiting.
const POLL_MS: i32 = 50;
/// Records share slabs of this size.
const SLAB: usize = 256 * 1024;

/// What the reader has seen; shared with the heartbeat.
#[derive(Debug, Default)]
pub struct DrainCounts {
    /// Records read from the ring.
    pub received: Counter,
    /// Records that made no sense.
    pub malformed: Counter,
    /// Records missing in the CPUs' sequences: what the kernel side must have counted as dropped.
    pub missing: Counter,
}

pub struct Drain {
    ring: RingBuf<MapData>,
    counts: Arc<DrainCounts>,
    /// Last sequence number by CPU.
    last: HashMap<u32, u64>,
    /// When the last hole in a sequence was seen.
    lost_at: BootTime,
    slab: BytesMut,
    tap: Option<Tap>,
}

/// Sees each record as it came up.
pub type Tap = Box<dyn FnMut(&[u8]) + Send>;

impl Drain {
    pub(super) fn new(ring: RingBuf<MapData>) -> Self {
        Self {
            ring,
            counts: Arc::default(),
            last: HashMap::new(),
            lost_at: BootTime::default(),
            slab: BytesMut::new(),
            tap: None,
        }
    }

    /// Shows every record to `tap` before it is decoded.
    pub fn tap(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }

    pub fn counts(&self) -> Arc<DrainCounts> {
        Arc::clone(&self.counts)
    }

    /// Reads until `stop`, then what is left. `on_event` must not block.
    pub fn run(&mut self, stop: &AtomicBool, mut on_event: impl FnMut(KernelEvent)) {
        loop {
            // Read before the ring is emptied: what was produced before `stop` is still delivered.
            let stopping = stop.load(Ordering::Acquire);
            self.drain(&mut on_event);
            if stopping {
                return;
            }
            self.wait();
        }
    }

    /// Delivers what is in the ring now.
    pub fn drain(&mut self, on_event: &mut impl FnMut(KernelEvent)) {
        while let Some(item) = self.ring.next() {
            let len = meaningful(&item);
            if self.slab.capacity() < len {
                self.slab = BytesMut::with_capacity(SLAB.max(len));
            }
            self.slab.extend_from_slice(&item[..len]);
            drop(item);
            self.counts.received.add(1);
            let record: Bytes = self.slab.split().freeze();
            if let Some(tap) = &mut self.tap {
                tap(&record);
            }
            match decode(&record) {
                Ok(mut event) => {
                    let origin = event.origin();
                    let last = self.last.insert(origin.cpu, origin.seq).unwrap_or(0);
                    let missing = origin.seq.saturating_sub(last + 1);
                    if missing > 0 {
                        self.counts.missing.add(missing);
                        self.lost_at = origin.at;
                    }
                    if let KernelEvent::Exit(exit) = &mut event {
                        exit.lossy = self.lost_at > exit.origin.process.start;
                    }
                    on_event(event);
                }
                Err(_) => self.counts.malformed.add(1),
            }
        }
    }

    fn wait(&self) {
        let mut poll = libc::pollfd { fd: self.ring.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid pollfd. An error (EINTR) only makes the next look come sooner.
        unsafe { libc::poll(&raw mut poll, 1, POLL_MS) };
    }
}

/// Bytes of a record that mean something: the header's own `len`, never more than there are.
fn meaningful(record: &[u8]) -> usize {
    const LEN: usize = std::mem::offset_of!(tracer_common::event::EventHeader, len);
    let len = record
        .get(LEN..LEN + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(record.len(), |bytes| u32::from_ne_bytes(bytes) as usize);
    len.min(record.len())
}

impl std::fmt::Debug for Drain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drain").field("counts", &self.counts).finish_non_exhaustive()
    }
}
