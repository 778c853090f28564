//! The stage after attribution: an id, then what follows from the call and those before it.

use super::{Correlator, Counts};
use crate::event_id::Ids;
use crate::keyed::Fingerprints;
use crate::record::AttributedCall;

#[derive(Debug)]
pub struct Stage {
    ids: Ids,
    correlator: Correlator,
}

impl Stage {
    pub fn new(fingerprints: Fingerprints) -> Self {
        Self { ids: Ids::new(), correlator: Correlator::new(fingerprints) }
    }

    pub const fn counts(&self) -> Counts {
        self.correlator.counts()
    }

    /// `unix_ns`: wall clock of the call's end.
    pub fn push(&mut self, attributed: &mut AttributedCall, unix_ns: u64) {
        let id = self.ids.next(unix_ns);
        self.correlator.push(attributed, id);
    }
}
