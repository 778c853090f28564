//! The stage after attribution: what it cost, an id, then what follows from the call and those before it.

use std::sync::Arc;

use super::{Correlator, Counts, Party};
use crate::ai::call::Sent;
use crate::cost::{Prices, Pricing};
use crate::event_id::Ids;
use crate::keyed::Fingerprints;
use crate::record::AttributedCall;

#[derive(Debug)]
pub struct Stage {
    ids: Ids,
    pricing: Pricing,
    correlator: Correlator,
}

impl Stage {
    pub fn new(fingerprints: Fingerprints, prices: Arc<Prices>) -> Self {
        let (pricing, correlator) = (Pricing::new(prices), Correlator::new(fingerprints));
        Self { ids: Ids::new(), pricing, correlator }
    }

    pub const fn counts(&self) -> Counts {
        self.correlator.counts()
    }

    /// A request to a process of this host has been sent; `servers`: who listens there.
    pub fn sent(&mut self, sent: &Sent, caller: Party, servers: &[u32]) {
        self.correlator.sent(sent, caller, servers);
    }

    /// `unix_ns`: wall clock of the call's end.
    pub fn push(&mut self, attributed: &mut AttributedCall, unix_ns: u64) {
        attributed.derived.cost = self.pricing.cost(&attributed.call);
        let id = self.ids.next(unix_ns);
        self.correlator.push(attributed, id);
    }
}
