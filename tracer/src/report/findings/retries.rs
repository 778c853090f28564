//! Retries that make things worse.

use std::collections::VecDeque;
use std::rc::Rc;

use super::{Context, Detector, Finding, Groups};
use crate::report::rows::{Model, Single};

const IGNORED: u64 = 5;
/// A storm: so many retries within [`STORM_NS`].
const STORM: usize = 10;
const STORM_NS: u64 = 60 * 1_000_000_000;

/// Retries sent before the provider's own time had passed.
#[derive(Debug, Default)]
pub(super) struct Ignored(Groups<(i64, Rc<Model>), u64>);

impl Detector for Ignored {
    fn see(&mut self, call: &Single, _: &Context<'_>) {
        if call.honoured == Some(false)
            && let Some(count) = self.0.entry((call.who, Rc::clone(&call.model)))
        {
            *count += 1;
        }
    }

    fn report(&self, context: &Context<'_>, out: &mut Vec<Finding>) {
        for ((who, model), count) in self.0.groups.iter().filter(|(_, count)| **count >= IGNORED) {
            out.push(Finding {
                kind: "retry_after_ignored",
                subject: context.label(*who),
                title: format!("Retries to {} come before retry-after", model.provider),
                evidence: format!("{count} retries were sent earlier than the provider asked for"),
                count: *count,
                usd_month: None,
                advice: "Wait for retry-after; most official SDKs do when their own retries are on.",
            });
        }
    }

    fn beyond(&self) -> u64 {
        self.0.beyond
    }
}

#[derive(Debug, Default)]
struct Burst {
    recent: VecDeque<u64>,
    storms: u64,
    retries: u64,
    worst: usize,
}

/// Many retries in a short time.
#[derive(Debug, Default)]
pub(super) struct Storms(Groups<(i64, Rc<Model>), Burst>);

impl Detector for Storms {
    fn see(&mut self, call: &Single, _: &Context<'_>) {
        if call.retry_of.is_none() {
            return;
        }
        let Some(burst) = self.0.entry((call.who, Rc::clone(&call.model))) else { return };
        burst.retries += 1;
        burst.recent.push_back(call.ts);
        while burst.recent.front().is_some_and(|first| call.ts.saturating_sub(*first) > STORM_NS) {
            burst.recent.pop_front();
        }
        burst.worst = burst.worst.max(burst.recent.len());
        if burst.recent.len() >= STORM {
            burst.storms += 1;
            burst.recent.clear();
        }
    }

    fn report(&self, context: &Context<'_>, out: &mut Vec<Finding>) {
        for ((who, model), burst) in self.0.groups.iter().filter(|(_, burst)| burst.storms > 0) {
            out.push(Finding {
                kind: "retry_storm",
                subject: context.label(*who),
                title: format!("Retry storms against {}", model.provider),
                evidence: format!(
                    "{} times {STORM} or more retries within a minute, {} retries in all",
                    burst.storms, burst.retries
                ),
                count: burst.storms,
                usd_month: None,
                advice: "Back off exponentially with jitter, and cap the attempts.",
            });
        }
    }

    fn beyond(&self) -> u64 {
        self.0.beyond
    }
}
