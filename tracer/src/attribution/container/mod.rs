//! A container as its runtime knows it: plain values, learnt outside the container.
//!
//! Names and labels come from whoever started the container: bounded and printable before they are
//! kept.

pub mod place;
pub mod pod;

use std::collections::BTreeMap;

use crate::terminal::bounded;

pub use self::pod::{Controller, ControllerKind, Pod};

/// Most labels or annotations kept of one container.
const MAX_LABELS: usize = 64;
/// Longest name, image, label name, label value.
const MAX_TEXT: usize = 256;

/// Labels or annotations, by name.
pub type Labels = BTreeMap<Box<str>, Box<str>>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    pub id: Box<str>,
    pub name: Option<Box<str>>,
    pub image: Option<Box<str>>,
    pub runtime: Option<&'static str>,
    pub labels: Labels,
    pub pod: Option<Box<Pod>>,
    /// Where its first process is, by the host's /proc; `None` before it has started.
    pub cgroup: Option<Box<str>>,
}

/// A text of a runtime's answer; `None` when there is nothing in it.
pub fn text(text: &str) -> Option<Box<str>> {
    (!text.is_empty()).then(|| bounded(text, MAX_TEXT).into())
}

/// Labels of a runtime's answer.
pub fn labels<K: AsRef<str>, V: AsRef<str>>(of: impl IntoIterator<Item = (K, V)>) -> Labels {
    of.into_iter()
        .take(MAX_LABELS)
        .filter_map(|(name, value)| {
            Some((text(name.as_ref())?, bounded(value.as_ref(), MAX_TEXT).into()))
        })
        .collect()
}
