//! User space's answers about flows.

use aya::maps::{HashMap, MapData, MapError};
use tracer_common::tls::{Decision, verdict};

use crate::event::{FlowKey, Verdict};

#[derive(Debug)]
pub struct Verdicts {
    decisions: HashMap<MapData, tracer_common::tls::FlowKey, Decision>,
}

const fn kernel_key(key: &FlowKey) -> tracer_common::tls::FlowKey {
    tracer_common::tls::FlowKey {
        handle: key.handle,
        start_ns: key.process.start.0,
        tgid: key.process.tgid,
        library: key.library,
    }
}

impl Verdicts {
    pub(super) const fn new(
        decisions: HashMap<MapData, tracer_common::tls::FlowKey, Decision>,
    ) -> Self {
        Self { decisions }
    }

    /// Answers about a flow; its programs take the answer over at its next byte.
    ///
    /// # Errors
    /// What the kernel says about the map.
    pub fn set(&mut self, key: &FlowKey, decided: Verdict) -> Result<(), MapError> {
        let verdict = match decided {
            Verdict::Undecided => verdict::UNDECIDED,
            Verdict::Capture => verdict::CAPTURE,
            Verdict::Ignore => verdict::IGNORE,
        };
        let decision = Decision { opened_ns: key.opened.0, verdict, reserved: 0 };
        self.decisions.insert(kernel_key(key), decision, 0)
    }
}
