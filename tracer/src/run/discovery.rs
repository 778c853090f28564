//! Finds and attaches libraries while the agent runs.

use std::sync::mpsc::Receiver;

use super::readable::Readable;
use crate::discover::scan::{Found, Scanner};
use crate::kernel::attach::Programs;

pub(super) struct Discovery {
    programs: Programs,
    scanner: Scanner,
    readable: Readable,
}

impl Discovery {
    pub(super) const fn new(programs: Programs, scanner: Scanner, readable: Readable) -> Self {
        Self { programs, scanner, readable }
    }

    /// What is there already.
    pub(super) fn startup(&mut self) {
        let found = self.scanner.startup();
        self.attach(&found);
    }

    /// What comes, until the other end is dropped. Then everything is detached.
    pub(super) fn run(mut self, processes: &Receiver<u32>) {
        while let Ok(pid) = processes.recv() {
            let found = self.scanner.process(pid);
            self.attach(&found);
        }
    }

    fn attach(&mut self, found: &Found) {
        for target in &found.targets {
            let report = self.programs.attach(target);
            if report.attached > 0 {
                self.readable.add(&target.shown);
            }
            tracing::info!(file = target.shown, hooks = report.attached, "attached");
            for refusal in report.refused {
                tracing::warn!(
                    file = target.shown,
                    symbols = ?refusal.symbols,
                    error = %refusal.error,
                    "not attached"
                );
            }
        }
        for refusal in &found.refusals {
            tracing::info!(file = refusal.path, reason = refusal.reason, "not probed");
        }
    }
}
