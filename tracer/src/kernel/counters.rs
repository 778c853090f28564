//! What the programs counted, summed over the CPUs.

use aya::maps::{MapData, PerCpuArray};
use tracer_common::loss::Counter;

use crate::telemetry::StageBooks;

pub struct Counters {
    map: PerCpuArray<MapData, u64>,
}

impl Counters {
    pub(super) const fn new(map: PerCpuArray<MapData, u64>) -> Self {
        Self { map }
    }

    /// A counter's sum; 0 when the map cannot be read (the books then do not close, and say so).
    pub fn get(&self, counter: Counter) -> u64 {
        self.map.get(&(counter as u32), 0).map_or(0, |values| values.iter().sum())
    }

    /// The kernel's own stage: `produced = submitted + dropped by reason`.
    pub fn books(&self) -> StageBooks {
        let mut books = StageBooks::default();
        for (counter, name) in Counter::DROPS {
            books.drop(name, self.get(counter));
        }
        // Read in this order: a record produced in between shows as in flight, never as missing.
        books.emitted = self.get(Counter::Submitted);
        books.received = self.get(Counter::Produced);
        books.in_flight = books.received.saturating_sub(books.emitted + books.dropped_total());
        books
    }

    /// Trouble beside the books, names and figures, zeros left out.
    pub fn trouble(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Counter::TROUBLE
            .map(|(counter, name)| (name, self.get(counter)))
            .into_iter()
            .filter(|(_, n)| *n > 0)
    }
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counters").field("kernel", &self.books()).finish_non_exhaustive()
    }
}
