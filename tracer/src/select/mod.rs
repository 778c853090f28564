//! Selectors: which events a rule or a policy is about [pure].
//!
//! In: conditions on fields, as written in a configuration; then the fields of one event. Out: the
//! numbers of the selectors that hold, ascending. A selector holds when each of its conditions does;
//! a condition holds when one of its patterns does and none of its negated ones fails. A field that
//! the event has not satisfies negated patterns only.
//!
//! Thousands of selectors cost an event a few look-ups: each selector hangs on one of its
//! conditions, and which selectors a value of that field calls for is remembered ([`MAX_VALUES`]).

mod field;
mod pattern;

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::field::{Field, NAMES};
use self::pattern::{Pattern, Test};

/// Distinct values of one field whose selectors are remembered; forgotten together when full.
pub const MAX_VALUES: usize = 8192;
/// Most conditions of a selector, and patterns of a condition.
const MAX_PARTS: usize = 64;

#[derive(Debug, Error, PartialEq, Eq)]
pub enum SelectorError {
    #[error("no field {name:?}{}", nearest.map(|n| format!(", did you mean {n:?}?")).unwrap_or_default())]
    Field { name: String, nearest: Option<&'static str> },
    #[error("{0}")]
    Regex(String),
    #[error("a pattern is longer than {0} bytes")]
    Long(usize),
    #[error("more than {MAX_PARTS} conditions or patterns")]
    Parts,
    #[error("a condition without a pattern: {0}")]
    Empty(String),
}

/// One pattern or several.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(untagged)]
pub enum Patterns {
    One(String),
    Any(Vec<String>),
}

/// What a configuration says: field → patterns.
type Written = BTreeMap<String, Patterns>;

/// A selector, checked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Written", into = "Written")]
#[schemars(with = "Written")]
pub struct Selector {
    written: Written,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
struct Condition {
    field: Field,
    patterns: Vec<Pattern>,
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl From<Selector> for Written {
    fn from(selector: Selector) -> Self {
        selector.written
    }
}

impl TryFrom<Written> for Selector {
    type Error = SelectorError;

    fn try_from(written: Written) -> Result<Self, SelectorError> {
        if written.len() > MAX_PARTS {
            return Err(SelectorError::Parts);
        }
        let mut conditions = Vec::with_capacity(written.len());
        for (name, patterns) in &written {
            let field = Field::parse(name).ok_or_else(|| SelectorError::Field {
                name: name.clone(),
                nearest: nearest(name),
            })?;
            let texts = match patterns {
                Patterns::One(text) => std::slice::from_ref(text),
                Patterns::Any(texts) => texts,
            };
            if texts.is_empty() {
                return Err(SelectorError::Empty(name.clone()));
            }
            if texts.len() > MAX_PARTS {
                return Err(SelectorError::Parts);
            }
            let patterns = texts.iter().map(|t| Pattern::parse(t)).collect::<Result<_, _>>()?;
            conditions.push(Condition { field, patterns });
        }
        Ok(Self { written, conditions })
    }
}

/// The fields of one event.
pub trait Fields {
    /// Calls `visit` with each value of the field until it says `true`; says whether it did.
    fn any(&self, field: &Field, visit: &mut dyn FnMut(&str) -> bool) -> bool;
}

impl Condition {
    fn holds(&self, fields: &dyn Fields) -> bool {
        let mut wanted = false;
        let mut found = false;
        for pattern in &self.patterns {
            let passes = |value: &str| pattern.test.passes(value);
            if pattern.negated {
                if fields.any(&self.field, &mut { passes }) {
                    return false;
                }
            } else {
                wanted = true;
                found = found || fields.any(&self.field, &mut { passes });
            }
        }
        found || !wanted
    }

    /// Whether only a value of the field can satisfy it: then the selector may hang on it.
    fn wants_a_value(&self) -> bool {
        self.patterns.iter().any(|pattern| !pattern.negated)
    }

    fn is_exact(&self) -> bool {
        self.patterns.iter().all(|p| !p.negated && matches!(p.test, Test::Exact(_)))
    }
}

impl Selector {
    /// Whether it holds. For many selectors at once: [`SelectorSet`].
    pub fn holds(&self, fields: &dyn Fields) -> bool {
        self.conditions.iter().all(|condition| condition.holds(fields))
    }

    /// Whether it looks at any of these fields.
    pub fn asks_for(&self, mut of_these: impl FnMut(&Field) -> bool) -> bool {
        self.conditions.iter().any(|condition| of_these(&condition.field))
    }
}

/// Selectors that hang on one field.
#[derive(Debug, Default)]
struct Anchors {
    exact: HashMap<Box<str>, Vec<u32>>,
    tests: Vec<(Test, u32)>,
    /// Value → selectors it calls for.
    remembered: HashMap<Box<str>, Box<[u32]>>,
}

impl Anchors {
    fn called(&self, value: &str) -> Box<[u32]> {
        let mut all = self.exact.get(value).cloned().unwrap_or_default();
        all.extend(self.tests.iter().filter(|(test, _)| test.passes(value)).map(|(_, id)| *id));
        all.into()
    }
}

/// Many selectors, compiled for one pass over an event.
#[derive(Debug, Default)]
pub struct SelectorSet {
    selectors: Vec<Selector>,
    anchors: Vec<(Field, Anchors)>,
    /// Those that no value calls for: always looked at.
    others: Vec<u32>,
    candidates: Vec<u32>,
    /// Times a field's remembered values were forgotten because they were too many.
    pub resets: u64,
}

impl SelectorSet {
    /// Numbers them in order, from 0.
    pub fn new(selectors: impl IntoIterator<Item = Selector>) -> Self {
        let selectors: Vec<Selector> = selectors.into_iter().collect();
        let mut set = Self::default();
        let mut shared = HashMap::<(&Field, &str), usize>::new();
        for condition in selectors.iter().flat_map(|selector| &selector.conditions) {
            for pattern in &condition.patterns {
                *shared.entry((&condition.field, pattern.test.text())).or_default() += 1;
            }
        }
        // The rarest: a model that every policy names calls for all of them.
        let weight = |condition: &Condition| {
            let of = |p: &Pattern| shared.get(&(&condition.field, p.test.text())).copied();
            let most = condition.patterns.iter().filter_map(of).max().unwrap_or(0);
            (most, !condition.is_exact())
        };
        for (id, selector) in selectors.iter().enumerate() {
            let wanting = selector.conditions.iter().filter(|c| c.wants_a_value());
            match wanting.min_by_key(|condition| weight(condition)) {
                Some(condition) => set.hang(condition, id as u32),
                None => set.others.push(id as u32),
            }
        }
        set.selectors = selectors;
        set
    }

    fn hang(&mut self, condition: &Condition, id: u32) {
        let at = self.anchors.iter().position(|(field, _)| *field == condition.field);
        let at = at.unwrap_or_else(|| {
            self.anchors.push((condition.field.clone(), Anchors::default()));
            self.anchors.len() - 1
        });
        let anchors = &mut self.anchors[at].1;
        for pattern in condition.patterns.iter().filter(|p| !p.negated) {
            match &pattern.test {
                Test::Exact(text) => anchors.exact.entry(text.clone()).or_default().push(id),
                test => anchors.tests.push((test.clone(), id)),
            }
        }
    }

    pub const fn len(&self) -> usize {
        self.selectors.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.selectors.is_empty()
    }

    /// Puts the numbers of those that hold into `matched`, ascending.
    pub fn matches(&mut self, fields: &dyn Fields, matched: &mut Vec<u32>) {
        matched.clear();
        let Self { selectors, anchors, others, candidates, resets } = self;
        candidates.clear();
        candidates.extend_from_slice(others);
        for (field, anchors) in anchors {
            fields.any(field, &mut |value| {
                if let Some(called) = anchors.remembered.get(value) {
                    candidates.extend_from_slice(called);
                    return false;
                }
                let called = anchors.called(value);
                candidates.extend_from_slice(&called);
                if anchors.remembered.len() >= MAX_VALUES {
                    anchors.remembered.clear();
                    *resets += 1;
                }
                anchors.remembered.insert(value.into(), called);
                false
            });
        }
        candidates.sort_unstable();
        candidates.dedup();
        matched.extend(
            candidates
                .iter()
                .filter(|id| selectors.get(**id as usize).is_some_and(|s| s.holds(fields))),
        );
    }
}

/// The known field name closest to a wrong one, when it is close.
fn nearest(name: &str) -> Option<&'static str> {
    let best = NAMES.iter().min_by_key(|known| distance(known, name))?;
    (distance(best, name) <= 1 + name.len() / 4).then_some(*best)
}

/// Levenshtein's, over bytes; names are short.
fn distance(a: &str, b: &str) -> usize {
    let b = &b.as_bytes()[..b.len().min(64)];
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
