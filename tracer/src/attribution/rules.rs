//! The operator's rules: whose a workload is, what it is for, how much it matters [pure].
//!
//! In: an owner's fields. Out: [`Assigned`]. Rules are read in order; each of their words is taken from
//! the first rule that has it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::select::{Fields, Selector, SelectorSet};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Field → pattern or patterns: a text, a glob, `re:` and a regular expression, `!` for not.
    #[serde(rename = "match")]
    pub of: Selector,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_case: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_center: Option<String>,
    /// What blocking others frees capacity for: never blocked itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protect: Option<bool>,
    /// How much it matters to the business, beside others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
}

impl Rule {
    pub const fn says_nothing(&self) -> bool {
        self.team.is_none()
            && self.use_case.is_none()
            && self.cost_center.is_none()
            && self.protect.is_none()
            && self.weight.is_none()
    }
}

/// What rules say of one owner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assigned {
    pub team: Option<String>,
    pub use_case: Option<String>,
    pub cost_center: Option<String>,
    pub protect: Option<bool>,
    pub weight: Option<f64>,
}

#[derive(Debug, Default)]
pub struct Rules {
    selectors: SelectorSet,
    rules: Vec<Rule>,
    matched: Vec<u32>,
}

impl Rules {
    pub fn new(rules: Vec<Rule>) -> Self {
        let selectors = SelectorSet::new(rules.iter().map(|rule| rule.of.clone()));
        Self { selectors, rules, matched: Vec::new() }
    }

    pub fn assign(&mut self, to: &dyn Fields) -> Assigned {
        let mut assigned = Assigned::default();
        if self.rules.is_empty() {
            return assigned;
        }
        self.selectors.matches(to, &mut self.matched);
        for rule in self.matched.iter().filter_map(|id| self.rules.get(*id as usize)) {
            let Assigned { team, use_case, cost_center, protect, weight } = &mut assigned;
            fill(team, rule.team.as_ref());
            fill(use_case, rule.use_case.as_ref());
            fill(cost_center, rule.cost_center.as_ref());
            *protect = protect.or(rule.protect);
            *weight = weight.or(rule.weight);
        }
        assigned
    }
}

fn fill(slot: &mut Option<String>, with: Option<&String>) {
    if slot.is_none() {
        *slot = with.cloned();
    }
}
