//! What the endpoints and the watchdog know of the run.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A run that has not turned for so long hangs.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Health {
    ready: AtomicBool,
    started: Instant,
    /// Milliseconds after `started` at which the run was last seen alive.
    pulse: AtomicU64,
    sinks: AtomicBool,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            ready: AtomicBool::new(false),
            started: Instant::now(),
            pulse: AtomicU64::new(0),
            sinks: AtomicBool::new(true),
        }
    }
}

impl Health {
    pub(super) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    pub(super) fn set_sinks(&self, usable: bool) {
        self.sinks.store(usable, Ordering::Relaxed);
    }

    pub(super) fn beat(&self) {
        self.pulse.store(self.started.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    pub(super) fn is_alive(&self) -> bool {
        let pulse = Duration::from_millis(self.pulse.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(pulse) < PATIENCE
    }

    /// Programs are attached, and a sink takes events.
    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && self.sinks.load(Ordering::Relaxed) && self.is_alive()
    }
}
