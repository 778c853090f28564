//! What a call cost [pure].

use std::sync::Arc;

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The provider's answer.
    Provider,
    Table,
}

impl Source {
    /// `aitrace.cost.source`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Table => "table",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    pub usd: f64,
    pub source: Source,
    /// Date of the prices; none when the provider says itself what it takes.
    pub prices_as_of: Option<Arc<str>>,
}
