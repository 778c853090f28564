//! Runs that go in circles, grow, or are given up.

use std::rc::Rc;

use super::{Context, Detector, Finding, Groups, input_price};
use crate::report::rows::{Model, Single};

/// The same tools, in the same order, in so many calls in a row.
const SAME_TOOLS: u64 = 8;
/// The same request, so often in one run.
const SAME_REQUEST: u64 = 5;
const GROWN_TURNS: u64 = 10;
const GROWN_FACTOR: u64 = 4;
const GROWN_TOKENS: u64 = 20_000;
const ABANDONED: u64 = 5;

#[derive(Debug, Default)]
struct Run {
    who: i64,
    tools: Vec<String>,
    same_tools: u64,
    worst: u64,
    same_request: u64,
    cost: f64,
}

/// One run asking for the same tool, or the same thing, over and over.
#[derive(Debug, Default)]
pub(super) struct Loops(Groups<String, Run>);

impl Detector for Loops {
    fn see(&mut self, call: &Single, _: &Context<'_>) {
        let Some(session) = &call.session else { return };
        let Some(run) = self.0.entry(session.clone()) else { return };
        run.who = call.who;
        if !call.tools.is_empty() && call.tools == run.tools {
            run.same_tools += 1;
            run.cost += call.cost_usd.unwrap_or(0.0);
        } else {
            run.tools.clone_from(&call.tools);
            run.same_tools = u64::from(!call.tools.is_empty());
        }
        run.worst = run.worst.max(run.same_tools);
        if call.duplicate_of.is_some() {
            run.same_request += 1;
            run.cost += call.cost_usd.unwrap_or(0.0);
        }
    }

    fn report(&self, context: &Context<'_>, out: &mut Vec<Finding>) {
        for (session, run) in &self.0.groups {
            let evidence = if run.worst >= SAME_TOOLS {
                format!("run {session} called the same tools {} times in a row", run.worst)
            } else if run.same_request >= SAME_REQUEST {
                format!("run {session} sent the same request {} times again", run.same_request)
            } else {
                continue;
            };
            out.push(Finding {
                kind: "agent_loop",
                subject: context.label(run.who),
                title: "An agent goes in circles".to_owned(),
                evidence,
                count: run.worst.max(run.same_request),
                usd_month: context.month(run.cost),
                advice: "Cap the turns of a run, and end it when a tool call repeats with the same result.",
            });
        }
    }

    fn beyond(&self) -> u64 {
        self.0.beyond
    }
}

#[derive(Debug, Default)]
struct Grown {
    who: i64,
    turns: u64,
    first: u64,
    last: u64,
    /// Dollars for input beyond the first turn's.
    extra: f64,
}

/// Histories that are sent whole each time, longer and longer.
#[derive(Debug, Default)]
pub(super) struct Growth(Groups<String, Grown>);

impl Detector for Growth {
    fn see(&mut self, call: &Single, _: &Context<'_>) {
        let (Some(session), Some(input)) = (&call.session, call.input) else { return };
        let Some(run) = self.0.entry(session.clone()) else { return };
        if run.turns == 0 {
            (run.who, run.first) = (call.who, input);
        }
        run.turns += 1;
        run.last = input;
        // What a cache gave was not paid for in full.
        let paid = input.saturating_sub(call.cache_read.unwrap_or(0));
        run.extra += paid.saturating_sub(run.first) as f64 * input_price(call).unwrap_or(0.0);
    }

    fn report(&self, context: &Context<'_>, out: &mut Vec<Finding>) {
        for (session, run) in &self.0.groups {
            if run.turns < GROWN_TURNS
                || run.last < GROWN_TOKENS
                || run.last < run.first.saturating_mul(GROWN_FACTOR)
            {
                continue;
            }
            out.push(Finding {
                kind: "growing_context",
                subject: context.label(run.who),
                title: "A run's history grows without bound".to_owned(),
                evidence: format!(
                    "run {session}: {} input tokens in its first turn, {} in turn {}",
                    run.first, run.last, run.turns
                ),
                count: run.turns,
                usd_month: context.month(run.extra),
                advice: "Summarise or drop old turns, and turn on prompt caching for the rest.",
            });
        }
    }

    fn beyond(&self) -> u64 {
        self.0.beyond
    }
}

/// Answers paid for and not read to their end.
#[derive(Debug, Default)]
pub(super) struct Abandoned(Groups<(i64, Rc<Model>), (u64, f64)>);

impl Detector for Abandoned {
    fn see(&mut self, call: &Single, _: &Context<'_>) {
        if !call.stream || call.class.as_deref() != Some("client_cancelled") {
            return;
        }
        let Some(group) = self.0.entry((call.who, Rc::clone(&call.model))) else { return };
        group.0 += 1;
        group.1 += call.cost_usd.unwrap_or(0.0);
    }

    fn report(&self, context: &Context<'_>, out: &mut Vec<Finding>) {
        for ((who, model), (count, cost)) in &self.0.groups {
            if *count < ABANDONED {
                continue;
            }
            out.push(Finding {
                kind: "abandoned_streams",
                subject: context.label(*who),
                title: format!("Streams of {} are given up half way", model.model),
                evidence: format!("{count} streams were closed by the client before their end"),
                count: *count,
                usd_month: context.month(*cost),
                advice: "Ask for less (max_tokens), or cancel earlier: what was generated is billed.",
            });
        }
    }

    fn beyond(&self) -> u64 {
        self.0.beyond
    }
}
