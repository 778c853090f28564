//! Requests and models larger than their answers.

use std::rc::Rc;

use super::{Context, Detector, Finding, Groups, input_price};
use crate::report::rows::{Model, Single};
use crate::store::sketch::Sketch;

const CALLS: u64 = 50;
/// `max_tokens` is so many times what nearly all answers need.
const FAR_ABOVE: f64 = 8.0;
/// Answers of so few tokens are tiny.
const TINY: f64 = 16.0;
/// Dollars a million input tokens above which a model is dear.
const DEAR: f64 = 1.5;
/// What a small model of the same family saves, at the least.
const SMALLER_SAVES: f64 = 0.8;

#[derive(Debug, Default)]
struct Asked {
    calls: u64,
    limit: Sketch,
    output: Sketch,
}

/// Limits are reserved against the rate limit, used or not.
#[derive(Debug, Default)]
pub(super) struct MaxTokens(Groups<(i64, Rc<Model>), Asked>);

impl Detector for MaxTokens {
    fn see(&mut self, call: &Single, _: &Context<'_>) {
        let (Some(limit), Some(output)) = (call.max_tokens, call.output) else { return };
        let Some(asked) = self.0.entry((call.who, Rc::clone(&call.model))) else { return };
        asked.calls += 1;
        asked.limit.add(limit as f64);
        asked.output.add(output as f64);
    }

    fn report(&self, context: &Context<'_>, out: &mut Vec<Finding>) {
        for ((who, model), asked) in &self.0.groups {
            let (Some(limit), Some(used)) =
                (asked.limit.quantile(0.5), asked.output.quantile(0.99))
            else {
                continue;
            };
            if asked.calls < CALLS || limit < FAR_ABOVE * used.max(1.0) {
                continue;
            }
            out.push(Finding {
                kind: "max_tokens_oversized",
                subject: context.label(*who),
                title: format!("max_tokens for {} is far above use", model.model),
                evidence: format!(
                    "{} calls ask for up to {limit:.0} tokens; 99 % of the answers have at most {used:.0}",
                    asked.calls
                ),
                count: asked.calls,
                usd_month: None,
                advice: "Lower max_tokens: many providers count it against the token rate limit in advance.",
            });
        }
    }

    fn beyond(&self) -> u64 {
        self.0.beyond
    }
}

#[derive(Debug, Default)]
struct Answers {
    calls: u64,
    output: Sketch,
    price: Sketch,
    cost: f64,
}

/// A large model for one-word answers.
#[derive(Debug, Default)]
pub(super) struct DearModel(Groups<(i64, Rc<Model>), Answers>);

impl Detector for DearModel {
    fn see(&mut self, call: &Single, _: &Context<'_>) {
        let (Some(output), Some(price)) = (call.output, input_price(call)) else { return };
        // Calls that end in a tool are steps of a larger answer.
        if !call.tools.is_empty() || call.class.is_some() || call.model.operation != "chat" {
            return;
        }
        let Some(answers) = self.0.entry((call.who, Rc::clone(&call.model))) else { return };
        answers.calls += 1;
        answers.output.add(output as f64);
        answers.price.add(price * 1e6);
        answers.cost += call.cost_usd.unwrap_or(0.0);
    }

    fn report(&self, context: &Context<'_>, out: &mut Vec<Finding>) {
        for ((who, model), answers) in &self.0.groups {
            let (Some(output), Some(price)) =
                (answers.output.quantile(0.9), answers.price.quantile(0.5))
            else {
                continue;
            };
            if answers.calls < CALLS || output > TINY || price < DEAR {
                continue;
            }
            out.push(Finding {
                kind: "dear_model_tiny_output",
                subject: context.label(*who),
                title: format!("{} answers in a word", model.model),
                evidence: format!(
                    "{} calls, 90 % of the answers have at most {output:.0} tokens, \
                     at about ${price:.2} a million input tokens",
                    answers.calls
                ),
                count: answers.calls,
                usd_month: context.month(answers.cost * SMALLER_SAVES),
                advice: "Try a small model for this: classification and routing rarely need a large one.",
            });
        }
    }

    fn beyond(&self) -> u64 {
        self.0.beyond
    }
}
