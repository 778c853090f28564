//! Running totals for Prometheus and OTLP metrics [pure, but for the sink's lock].
//!
//! In: event lines. Out: counters, gauges and histograms by labels. At most `max_series` label sets a
//! metric; what comes later is added up in one whose labels all say `_other`. Labels never hold a
//! pid, a container id or a path: those are in the events.

mod observe;
mod table;
mod text;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::sinks::{Event, Sink, SinkError};

pub use self::table::{BOUNDS, Kind, METRICS, Metric};
pub use self::text::{OPEN_METRICS, PROMETHEUS};

pub const OTHER: &str = "_other";

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// One more than [`BOUNDS`]: the last is above them all.
    pub counts: Vec<u64>,
    pub sum: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Number(f64),
    Histogram(Histogram),
}

/// Every series, by metric (its place in [`METRICS`]) and label values.
#[derive(Debug)]
pub struct Meters {
    series: Vec<BTreeMap<Vec<String>, Value>>,
    max_series: usize,
    /// Events that found no room under their own labels.
    overflowed: u64,
}

impl Meters {
    pub fn new(max_series: usize) -> Self {
        let series = METRICS.iter().map(|_| BTreeMap::new()).collect();
        Self { series, max_series, overflowed: 0 }
    }

    /// Metrics that have series, and the series by label values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Metric, &BTreeMap<Vec<String>, Value>)> {
        METRICS.iter().zip(&self.series).filter(|(_, series)| !series.is_empty())
    }

    fn slot(&mut self, name: &str, labels: &[&str]) -> Option<(&'static Metric, &mut Value)> {
        let index = METRICS.iter().position(|metric| metric.name == name)?;
        let (metric, series) = (&METRICS[index], &mut self.series[index]);
        let mut key: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        if series.len() >= self.max_series && !series.contains_key(&key) {
            self.overflowed += 1;
            key.iter_mut().for_each(|label| OTHER.clone_into(label));
        }
        let fresh = || match metric.kind {
            Kind::Histogram => {
                Value::Histogram(Histogram { counts: vec![0; BOUNDS.len() + 1], sum: 0.0 })
            }
            Kind::Counter | Kind::Gauge => Value::Number(0.0),
        };
        Some((metric, series.entry(key).or_insert_with(fresh)))
    }

    fn add(&mut self, name: &str, labels: &[&str], amount: f64) {
        if let Some((_, Value::Number(number))) = self.slot(name, labels) {
            *number += amount;
        }
    }

    fn set(&mut self, name: &str, labels: &[&str], value: f64) {
        if let Some((_, Value::Number(number))) = self.slot(name, labels) {
            *number = value;
        }
    }

    fn record(&mut self, name: &str, labels: &[&str], value: f64) {
        if let Some((_, Value::Histogram(histogram))) = self.slot(name, labels) {
            let bucket = BOUNDS.partition_point(|bound| *bound < value);
            histogram.counts[bucket] += 1;
            histogram.sum += value;
        }
    }
}

/// Meters that a sink fills and others read.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Mutex<Meters>>);

impl Shared {
    pub fn new(max_series: usize) -> Self {
        Self(Arc::new(Mutex::new(Meters::new(max_series))))
    }

    pub fn lock(&self) -> MutexGuard<'_, Meters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fills the meters.
#[derive(Debug)]
pub struct MeterSink(pub Shared);

impl Sink for MeterSink {
    fn name(&self) -> &'static str {
        "metrics"
    }

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        self.0.lock().observe(&event.line);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
