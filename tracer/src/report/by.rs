//! What a report is broken down by.

use clap::ValueEnum;

use super::rows::{CallRow, Owner};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum By {
    Team,
    UseCase,
    Service,
    Workload,
    Container,
    Process,
    Model,
    Provider,
    Key,
    Failure,
}

/// Shown where a call has no such attribute.
pub(super) const NONE: &str = "(none)";
/// Shown as the failure class of calls that did not fail.
const SUCCESS: &str = "(success)";

impl By {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::UseCase => "use_case",
            Self::Service => "service",
            Self::Workload => "workload",
            Self::Container => "container",
            Self::Process => "process",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Key => "key",
            Self::Failure => "failure",
        }
    }

    /// The group a row belongs to.
    pub(super) fn group<'a>(self, row: &'a CallRow, owner: &'a Owner) -> &'a str {
        let text = match self {
            Self::Team => owner.team.as_deref(),
            Self::UseCase => owner.use_case.as_deref(),
            Self::Service => owner.service.as_deref(),
            Self::Workload => owner.workload.as_deref(),
            Self::Container => owner.container.as_deref(),
            Self::Process => owner.process.as_deref(),
            Self::Model => Some(&*row.model.model),
            Self::Provider => Some(&*row.model.provider),
            Self::Key => Some(&*row.key),
            Self::Failure if row.class.is_empty() => Some(SUCCESS),
            Self::Failure => Some(&*row.class),
        };
        text.filter(|text| !text.is_empty()).unwrap_or(NONE)
    }
}
