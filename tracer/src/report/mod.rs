//! Where the spend goes, in plain words and in figures.
//!
//! In: [`rows`] of a [`rows::Source`]. Out: a [`Report`], as text, JSON, CSV or one HTML page. Figures
//! come from hourly roll-ups, so a period begins and ends on the hour; findings come from single
//! calls, as far back as those are kept.

mod by;
mod command;
mod csv;
mod findings;
mod html;
mod make;
mod protect;
pub mod rows;
pub mod sqlite;
mod sums;
mod text;

pub use self::by::By;
pub use self::command::Args;
pub use self::csv::csv;
pub use self::findings::Finding;
pub use self::html::html;
pub use self::make::{Question, make};
pub use self::protect::Protected;
pub use self::sums::{Figures, Percentiles};
pub use self::text::text;

use serde::Serialize;

/// Everything a report says. Money in USD, times in seconds, instants in RFC 3339.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub schema: &'static str,
    pub from: String,
    pub to: String,
    pub hosts: u64,
    pub totals: Figures,
    pub by: &'static str,
    pub groups: Vec<Group>,
    pub models: Vec<Group>,
    pub providers: Vec<Group>,
    pub failures: Failures,
    /// In order of time, an hour or a day each.
    pub timeline: Vec<Moment>,
    pub gpus: Vec<Gpu>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs: Option<Runs>,
    pub findings: Vec<Finding>,
    /// Calls whose owner or run the findings had no room for.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_examined: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protect: Option<Protected>,
}

const SCHEMA: &str = "aitrace-report/1";

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
const fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[derive(Clone, Debug, Serialize)]
pub struct Group {
    pub name: String,
    #[serde(flatten)]
    pub figures: Figures,
    /// Of all dollars, 0..1; absent where nothing has a price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Failures {
    /// Out of capacity: rate limit, quota, concurrency, overload.
    pub capacity: u64,
    /// Everything else: a bug, a bad key, the network.
    pub other: u64,
    pub by_class: Vec<FailureClass>,
}

#[derive(Clone, Debug, Serialize)]
pub struct FailureClass {
    pub class: String,
    pub calls: u64,
    pub capacity: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Moment {
    pub at: String,
    pub calls: u64,
    pub failed: u64,
    pub tokens: u64,
    pub cost_usd: f64,
}

/// One owner on one GPU. Absent: not known.
#[derive(Clone, Debug, Serialize)]
pub struct Gpu {
    pub gpu: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub holder: String,
    pub held_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_idle_s: Option<f64>,
    pub memory_peak_bytes: u64,
    pub failures: u64,
}

/// Agent runs among the single calls.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Runs {
    pub runs: u64,
    pub calls: u64,
    pub longest_turns: u64,
    pub cost_usd: f64,
    pub tool_calls: u64,
    pub retries: u64,
}

#[cfg(test)]
mod tests;
