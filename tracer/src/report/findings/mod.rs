//! What is worth changing [pure]: each finding with its evidence, its price and the change.
//!
//! In: single calls in order of time, GPU hours. Out: [`Finding`]s, dearest first. A detector holds
//! one small state for each owner, model, key or run it watches, at most [`MAX_GROUPS`] of them; what
//! is beyond is counted. To add one: a file or a struct here, a line in [`detectors`], a scenario and
//! a near miss in the tests.

mod agents;
mod caching;
mod gpu;
mod limits;
mod retries;
mod sizing;

use std::collections::HashMap;
use std::hash::Hash;

use serde::Serialize;

use super::rows::{GpuFailureRow, GpuRow, Owners, Single};

/// States a detector keeps.
const MAX_GROUPS: usize = 50_000;
const MONTH_S: f64 = 30.0 * 24.0 * 3600.0;
/// What output tokens cost in input tokens, as most price lists have it: to split a call's cost.
const OUTPUT_WEIGHT: f64 = 4.0;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Stable name.
    pub kind: &'static str,
    /// Whom it concerns: workload, key, GPU.
    pub subject: String,
    pub title: String,
    pub evidence: String,
    /// How often it was seen.
    pub count: u64,
    /// Estimated dollars a month, at the period's pace; absent where money is not the point or unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_month: Option<f64>,
    /// What to change.
    pub advice: &'static str,
}

/// What detectors are told beside calls.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub owners: &'a Owners,
    /// Seconds the report covers.
    pub period_s: f64,
}

impl Context<'_> {
    fn label(&self, who: i64) -> String {
        self.owners.0.get(&who).map_or(super::by::NONE, |owner| owner.label()).to_owned()
    }

    /// Dollars of the period, at the pace of a month.
    fn month(&self, usd: f64) -> Option<f64> {
        (usd > 0.0 && self.period_s > 0.0).then(|| usd * MONTH_S / self.period_s)
    }
}

trait Detector {
    fn see(&mut self, call: &Single, context: &Context<'_>);
    fn report(&self, context: &Context<'_>, out: &mut Vec<Finding>);
    /// Calls that found no place in the state.
    fn beyond(&self) -> u64;
}

fn detectors() -> Vec<Box<dyn Detector>> {
    vec![
        Box::<caching::Uncached>::default(),
        Box::<caching::Duplicates>::default(),
        Box::<retries::Ignored>::default(),
        Box::<retries::Storms>::default(),
        Box::<agents::Loops>::default(),
        Box::<agents::Growth>::default(),
        Box::<agents::Abandoned>::default(),
        Box::<sizing::MaxTokens>::default(),
        Box::<sizing::DearModel>::default(),
        Box::<limits::NearlyExhausted>::default(),
        Box::<limits::SharedKeys>::default(),
    ]
}

/// All detectors over one pass of the calls.
pub(super) struct Examination {
    detectors: Vec<Box<dyn Detector>>,
}

impl std::fmt::Debug for Examination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Examination").field("detectors", &self.detectors.len()).finish()
    }
}

impl Examination {
    pub(super) fn new() -> Self {
        Self { detectors: detectors() }
    }

    pub(super) fn see(&mut self, call: &Single, context: &Context<'_>) {
        for detector in &mut self.detectors {
            detector.see(call, context);
        }
    }

    /// The findings, dearest first, and calls no detector had room for.
    pub(super) fn finish(
        self,
        context: &Context<'_>,
        gpus: &[GpuRow],
        gpu_failures: &[GpuFailureRow],
    ) -> (Vec<Finding>, u64) {
        let mut out = Vec::new();
        for detector in &self.detectors {
            detector.report(context, &mut out);
        }
        gpu::report(context, gpus, gpu_failures, &mut out);
        out.sort_by(|a, b| {
            let dollars = |finding: &Finding| finding.usd_month.unwrap_or(0.0);
            dollars(b).total_cmp(&dollars(a)).then(b.count.cmp(&a.count)).then(a.kind.cmp(b.kind))
        });
        let beyond = self.detectors.iter().map(|detector| detector.beyond()).max().unwrap_or(0);
        (out, beyond)
    }
}

/// States by group, bounded.
#[derive(Debug)]
struct Groups<K, V> {
    groups: HashMap<K, V>,
    beyond: u64,
}

impl<K, V> Default for Groups<K, V> {
    fn default() -> Self {
        Self { groups: HashMap::new(), beyond: 0 }
    }
}

impl<K: Eq + Hash, V: Default> Groups<K, V> {
    fn entry(&mut self, key: K) -> Option<&mut V> {
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&key) {
            self.beyond += 1;
            return None;
        }
        Some(self.groups.entry(key).or_default())
    }
}

/// What one input token of a call cost, dollars; `None`: unknown.
fn input_price(call: &Single) -> Option<f64> {
    let (input, output) = (call.input?, call.output.unwrap_or(0));
    let weight = input as f64 + OUTPUT_WEIGHT * output as f64;
    (weight > 0.0).then_some(call.cost_usd? / weight)
}

#[cfg(test)]
mod tests;
