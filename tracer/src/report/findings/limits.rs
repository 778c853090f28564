//! Limits about to be met, and keys that hide who meets them.

use std::collections::BTreeSet;

use super::{Context, Detector, Finding, Groups};
use crate::report::rows::Single;

const CALLS: u64 = 20;
/// Less than this share of a limit remained ...
const LITTLE: f64 = 0.1;
/// ... in at least this share of the calls.
const OFTEN: f64 = 0.05;
/// Teams named in the evidence.
const NAMED: usize = 5;

#[derive(Debug, Default)]
struct Headroom {
    calls: u64,
    short: u64,
    least: Option<f64>,
}

#[derive(Debug, Default)]
pub(super) struct NearlyExhausted(Groups<(String, String), Headroom>);

/// The tighter of the two, 0..1.
fn remaining(call: &Single) -> Option<f64> {
    let share = |remaining: Option<u64>, limit: Option<u64>| {
        let limit = limit.filter(|limit| *limit > 0)?;
        Some(remaining? as f64 / limit as f64)
    };
    let requests = share(call.requests_remaining, call.requests_limit);
    let tokens = share(call.tokens_remaining, call.tokens_limit);
    match (requests, tokens) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Detector for NearlyExhausted {
    fn see(&mut self, call: &Single, _: &Context<'_>) {
        let Some(share) = remaining(call) else { return };
        let key = (call.model.provider.clone(), call.key.clone().unwrap_or_default());
        let Some(headroom) = self.0.entry(key) else { return };
        headroom.calls += 1;
        headroom.short += u64::from(share < LITTLE);
        headroom.least = Some(headroom.least.map_or(share, |least| least.min(share)));
    }

    fn report(&self, _: &Context<'_>, out: &mut Vec<Finding>) {
        for ((provider, key), headroom) in &self.0.groups {
            let often = headroom.short as f64 >= OFTEN * headroom.calls as f64;
            if headroom.calls < CALLS || !often || headroom.short == 0 {
                continue;
            }
            let subject =
                if key.is_empty() { provider.clone() } else { format!("{provider}, key {key}") };
            out.push(Finding {
                kind: "limit_nearly_exhausted",
                subject,
                title: format!("The rate limit of {provider} is nearly used up"),
                evidence: format!(
                    "in {} of {} calls less than 10 % of the limit remained; at worst {:.0} %",
                    headroom.short,
                    headroom.calls,
                    headroom.least.unwrap_or(0.0) * 100.0
                ),
                count: headroom.short,
                usd_month: None,
                advice: "Ask for a higher limit, spread the load, or cap those who matter least.",
            });
        }
    }

    fn beyond(&self) -> u64 {
        self.0.beyond
    }
}

/// Keys used by more than one team.
#[derive(Debug, Default)]
pub(super) struct SharedKeys(Groups<String, (BTreeSet<String>, u64)>);

impl Detector for SharedKeys {
    fn see(&mut self, call: &Single, context: &Context<'_>) {
        let Some(key) = &call.key else { return };
        let Some(team) = context.owners.0.get(&call.who).and_then(|owner| owner.team.clone())
        else {
            return;
        };
        let Some((teams, calls)) = self.0.entry(key.clone()) else { return };
        *calls += 1;
        if teams.len() < 1000 {
            teams.insert(team);
        }
    }

    fn report(&self, _: &Context<'_>, out: &mut Vec<Finding>) {
        for (key, (teams, calls)) in self.0.groups.iter().filter(|(_, (teams, _))| teams.len() > 1)
        {
            let named: Vec<&str> = teams.iter().take(NAMED).map(String::as_str).collect();
            out.push(Finding {
                kind: "shared_key",
                subject: format!("key {key}"),
                title: "One key is shared by several teams".to_owned(),
                evidence: format!("{} teams use it: {}", teams.len(), named.join(", ")),
                count: *calls,
                usd_month: None,
                advice: "Give each team a key (or project) of its own: limits, bills and revocation follow keys.",
            });
        }
    }

    fn beyond(&self) -> u64 {
        self.0.beyond
    }
}
