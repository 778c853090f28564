//! Scratch of one document: what has a meaning only with its neighbours.

use super::error::ErrorText;
use crate::ai::call::Limit;

/// Scratch of one document: what has a meaning only with its neighbours.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    pub(super) kind: Option<String>,
    pub(super) item: Item,
    pub(super) names: Vec<String>,
    pub(super) object: Option<String>,
    pub(super) ids: Option<(&'static [&'static str], String)>,
    pub(super) models: Option<(&'static str, String)>,
    pub(super) tool: ToolDelta,
    pub(super) choice: Option<u32>,
    pub(super) limit: (Option<String>, Limit),
    pub(super) finish: Option<(usize, u32, String)>,
    pub(super) error: ErrorText,
    pub(super) weak_error: ErrorText,
    pub(super) error_event: bool,
}

/// A tool's call as one event of a stream tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ToolDelta {
    pub(super) index: Option<u64>,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    pub(super) level: usize,
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
}
