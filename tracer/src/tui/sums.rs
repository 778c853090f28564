//! Figures of a window: they add up, and what leaves the window is taken off again [pure].

use crate::reader::CallEvent;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub calls: u64,
    pub failed: u64,
    pub capacity: u64,
    pub retries: u64,
    pub input: u64,
    pub output: u64,
    /// Billionths of a dollar: whole numbers add up and come off again exactly.
    pub cost: u64,
    /// Calls with a price.
    pub priced: u64,
    pub seconds: f64,
    pub ttfc: f64,
    pub with_ttfc: u64,
    /// Calls whose figures are a lower bound.
    pub incomplete: u64,
}

impl Sums {
    pub(super) fn of(call: &CallEvent) -> Self {
        Self {
            calls: 1,
            failed: u64::from(call.failure_class.is_some()),
            capacity: u64::from(call.failure_capacity),
            retries: u64::from(call.retry_of.is_some()),
            input: call.input_tokens.unwrap_or(0),
            output: call.output_tokens.unwrap_or(0),
            cost: (call.cost_usd.unwrap_or(0.0).max(0.0) * 1e9).round() as u64,
            priced: u64::from(call.cost_usd.is_some()),
            seconds: call.duration_s,
            ttfc: call.time_to_first_chunk.unwrap_or(0.0),
            with_ttfc: u64::from(call.time_to_first_chunk.is_some()),
            incomplete: u64::from(!call.usage_complete),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.capacity += other.capacity;
        self.retries += other.retries;
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
        self.cost = self.cost.saturating_add(other.cost);
        self.priced += other.priced;
        self.seconds += other.seconds;
        self.ttfc += other.ttfc;
        self.with_ttfc += other.with_ttfc;
        self.incomplete += other.incomplete;
    }

    pub(super) fn subtract(&mut self, other: &Self) {
        self.calls = self.calls.saturating_sub(other.calls);
        self.failed = self.failed.saturating_sub(other.failed);
        self.capacity = self.capacity.saturating_sub(other.capacity);
        self.retries = self.retries.saturating_sub(other.retries);
        self.input = self.input.saturating_sub(other.input);
        self.output = self.output.saturating_sub(other.output);
        self.cost = self.cost.saturating_sub(other.cost);
        self.priced = self.priced.saturating_sub(other.priced);
        // Floats do not come back to 0 by themselves.
        self.seconds = if self.calls == 0 { 0.0 } else { (self.seconds - other.seconds).max(0.0) };
        self.ttfc = if self.calls == 0 { 0.0 } else { (self.ttfc - other.ttfc).max(0.0) };
        self.with_ttfc = self.with_ttfc.saturating_sub(other.with_ttfc);
        self.incomplete = self.incomplete.saturating_sub(other.incomplete);
    }

    pub(super) fn usd(&self) -> f64 {
        self.cost as f64 / 1e9
    }

    pub(super) fn failure_ratio(&self) -> f64 {
        if self.calls == 0 { 0.0 } else { self.failed as f64 / self.calls as f64 }
    }

    pub(super) fn mean_s(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.seconds / self.calls as f64)
    }

    pub(super) fn mean_ttfc_s(&self) -> Option<f64> {
        (self.with_ttfc > 0).then(|| self.ttfc / self.with_ttfc as f64)
    }
}
