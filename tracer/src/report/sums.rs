//! Figures that add up [pure].

use serde::Serialize;

use crate::store::sketch::Sketch;

/// Sums over calls. Tokens are totals; `cost_usd` covers the `priced` calls only.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    pub calls: u64,
    pub failed: u64,
    /// Of `failed`: out of capacity, not broken.
    pub capacity: u64,
    /// Calls whose figures are a lower bound.
    pub incomplete: u64,
    pub retries: u64,
    pub duplicates: u64,
    pub streams: u64,
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub reasoning: u64,
    pub with_usage: u64,
    pub cost_usd: f64,
    pub priced: u64,
    pub seconds: f64,
    pub duration: Sketch,
    pub ttfc: Sketch,
}

impl Sums {
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.capacity += other.capacity;
        self.incomplete += other.incomplete;
        self.retries += other.retries;
        self.duplicates += other.duplicates;
        self.streams += other.streams;
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.reasoning += other.reasoning;
        self.with_usage += other.with_usage;
        self.cost_usd += other.cost_usd;
        self.priced += other.priced;
        self.seconds += other.seconds;
        self.duration.merge(&other.duration);
        self.ttfc.merge(&other.ttfc);
    }

    /// 0..1; 0 of nothing.
    pub fn failure_ratio(&self) -> f64 {
        ratio(self.failed, self.calls)
    }

    /// What goes out: figures, with unknown ones left out.
    pub fn figures(&self) -> Figures {
        let known = |value: u64| (self.with_usage > 0).then_some(value);
        Figures {
            calls: self.calls,
            failed: self.failed,
            failed_capacity: self.capacity,
            failure_ratio: self.failure_ratio(),
            lower_bound_calls: self.incomplete,
            retries: self.retries,
            duplicates: self.duplicates,
            streams: self.streams,
            input_tokens: known(self.input),
            output_tokens: known(self.output),
            cache_read_tokens: known(self.cache_read),
            cache_write_tokens: known(self.cache_write),
            reasoning_tokens: known(self.reasoning),
            cost_usd: (self.priced > 0).then_some(self.cost_usd),
            priced_calls: self.priced,
            duration_s: Percentiles::of(&self.duration),
            time_to_first_chunk_s: Percentiles::of(&self.ttfc),
        }
    }
}

/// A share, 0 of nothing.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Sums as the report's consumers read them. Absent: unknown.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub calls: u64,
    pub failed: u64,
    pub failed_capacity: u64,
    pub failure_ratio: f64,
    pub lower_bound_calls: u64,
    pub retries: u64,
    pub duplicates: u64,
    pub streams: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    pub priced_calls: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_to_first_chunk_s: Option<Percentiles>,
}

/// Seconds, each within 1 % of the exact value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
}

impl Percentiles {
    fn of(sketch: &Sketch) -> Option<Self> {
        Some(Self {
            p50: sketch.quantile(0.5)?,
            p90: sketch.quantile(0.9)?,
            p99: sketch.quantile(0.99)?,
        })
    }
}
