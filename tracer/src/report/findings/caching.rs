//! Prompts that could have come from a cache.

use std::rc::Rc;

use super::{Context, Detector, Finding, Groups, input_price};
use crate::report::rows::{Model, Single};

/// Shortest prompt that providers cache, tokens.
const CACHEABLE: u64 = 1024;
/// Calls with one beginning before it is worth a word.
const CALLS: u64 = 10;
/// What reading from a cache saves of the input price, at the least generous of the large providers.
const SAVED: f64 = 0.5;
/// The same answer paid for so often.
const DUPLICATES: u64 = 10;

#[derive(Debug, Default)]
struct Prefix {
    calls: u64,
    cached: u64,
    /// The shared beginning is no longer than the shortest prompt.
    shortest: u64,
    price: f64,
}

/// The same beginning sent over and over, nothing read from a cache.
#[derive(Debug, Default)]
pub(super) struct Uncached(Groups<(i64, Rc<Model>, String), Prefix>);

impl Detector for Uncached {
    fn see(&mut self, call: &Single, _: &Context<'_>) {
        let (Some(prefix), Some(input)) = (&call.prefix, call.input) else { return };
        let key = (call.who, Rc::clone(&call.model), prefix.clone());
        let Some(group) = self.0.entry(key) else { return };
        group.shortest = if group.calls == 0 { input } else { group.shortest.min(input) };
        group.calls += 1;
        group.cached += u64::from(call.cache_read.unwrap_or(0) > 0);
        if let Some(price) = input_price(call) {
            group.price = price;
        }
    }

    fn report(&self, context: &Context<'_>, out: &mut Vec<Finding>) {
        for ((who, model, _), prefix) in &self.0.groups {
            if prefix.calls < CALLS || prefix.cached > 0 || prefix.shortest < CACHEABLE {
                continue;
            }
            let repeated = (prefix.calls - 1) as f64 * prefix.shortest as f64;
            out.push(Finding {
                kind: "uncached_prefix",
                subject: context.label(*who),
                title: format!("{} sends the same long beginning uncached", model.model),
                evidence: format!(
                    "{} calls begin alike (at most {} tokens each), none read from the cache",
                    prefix.calls, prefix.shortest
                ),
                count: prefix.calls,
                usd_month: context.month(repeated * prefix.price * SAVED),
                advice: "Turn on prompt caching: mark the stable beginning (Anthropic, Bedrock) or keep it \
                         byte for byte the same and first (OpenAI, Gemini).",
            });
        }
    }

    fn beyond(&self) -> u64 {
        self.0.beyond
    }
}

/// The whole request again, though the first answer was fine.
#[derive(Debug, Default)]
pub(super) struct Duplicates(Groups<(i64, Rc<Model>), (u64, f64)>);

impl Detector for Duplicates {
    fn see(&mut self, call: &Single, _: &Context<'_>) {
        if call.duplicate_of.is_none() {
            return;
        }
        let Some(group) = self.0.entry((call.who, Rc::clone(&call.model))) else { return };
        group.0 += 1;
        group.1 += call.cost_usd.unwrap_or(0.0);
    }

    fn report(&self, context: &Context<'_>, out: &mut Vec<Finding>) {
        for ((who, model), (count, cost)) in &self.0.groups {
            if *count < DUPLICATES {
                continue;
            }
            out.push(Finding {
                kind: "duplicate_prompts",
                subject: context.label(*who),
                title: format!("{} is asked the very same thing again", model.model),
                evidence: format!("{count} calls repeat a request that had been answered"),
                count: *count,
                usd_month: context.month(*cost),
                advice: "Keep answers for identical requests for a while.",
            });
        }
    }

    fn beyond(&self) -> u64 {
        self.0.beyond
    }
}
