//! What a call cost [pure].
//!
//! In: a call's usage, service tier and model. Out: a [`Cost`], or nothing: an unknown model has no
//! cost, and what is free has none to report. The prices are a dated table in this folder
//! (`prices.txt`), which a file of the same form, or of LiteLLM's `model_prices` form, overrides row by
//! row. What a provider says itself that a call cost goes before any table.

mod call;
mod litellm;
pub mod load;
mod model;
mod rates;
mod sections;
mod table;

use std::sync::Arc;

pub use self::call::Pricing;
pub use self::rates::{Over, Rates};
pub use self::table::{Found, PriceError, Prices};

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

#[cfg(test)]
mod tests;
