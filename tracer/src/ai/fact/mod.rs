//! What one place in a body means, and what has been learned of an answer so far.
//!
//! In: [`Fact`]s that a family's map finds in a body, document by document. Out: [`Learned`]. Limits:
//! [`MAX_LIST`] finish reasons and tool names; texts as the scanner cut them.

mod document;
mod error;
mod learned;
mod reading;

pub use self::error::ErrorText;
pub use self::learned::Learned;
use super::json::Key;
pub use super::tokens::{Count, Counting};

/// Most finish reasons, and most tool names, kept of one call.
pub const MAX_LIST: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorPart {
    Code,
    Kind,
    Message,
    Details,
    /// A wait, as a duration's text.
    RetryDelay,
    /// The status that the provider had itself from somebody.
    Status,
}

/// What the value at a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    Id,
    /// An id that counts if the document is of one of these kinds.
    IdOf(&'static [&'static str]),
    Model,
    /// A model that counts if the document is of this kind.
    ModelOf(&'static str),
    /// What the document is (`object`), besides its kind.
    Object,
    Count(Count),
    /// Used where no [`Fact::Count`] says so: some report twice, once without all parts.
    Fallback(Count),
    /// Counts of several results, added up.
    Added(Count),
    /// A choice's reason to end; its [`Fact::Choice`] stands beside it, or its place in the array counts.
    Finish,
    Choice,
    /// A reason to end that gives way to any [`Fact::Finish`].
    WeakFinish,
    /// A called tool.
    Tool,
    /// A called tool in a stream, told once or with every piece; its index and id stand beside it.
    ToolPiece,
    ToolIndex,
    ToolId,
    /// A called tool if the [`Fact::ItemKind`] beside it says that the item is one.
    ItemName,
    ItemKind,
    /// How it was served.
    Tier,
    /// What it costs, in dollars; in xAI's ticks.
    Cost,
    CostTicks,
    /// Generated content, whatever kind: the first one ends the wait.
    Content,
    /// What the document is (`type`).
    Kind,
    /// The answer is whole when this is there (and true).
    Terminal,
    /// The prompt was refused, and there is no other answer.
    Blocked,
    /// Only this software writes such a key: its id.
    Server(&'static str),
    /// `system_fingerprint`: some servers put their own name there.
    Fingerprint,
    /// A rate limit told in a session: what is limited, and its figures.
    LimitName,
    LimitMost,
    LimitRemaining,
    LimitReset,
    Error(ErrorPart),
    /// Means something only in an answer that failed by its status or by another place.
    WeakError(ErrorPart),
}

impl Fact {
    /// To learn it again from the same bytes changes nothing.
    const fn repeats(self) -> bool {
        matches!(
            self,
            Self::Id
                | Self::IdOf(_)
                | Self::Model
                | Self::ModelOf(_)
                | Self::Object
                | Self::Count(_)
                | Self::Fallback(_)
                | Self::Choice
                | Self::WeakFinish
                | Self::ToolIndex
                | Self::Server(_)
                | Self::Fingerprint
                | Self::Kind
                | Self::Tier
                | Self::Cost
                | Self::CostTicks
        )
    }
}

/// A body's map: what stands at a path.
pub type Map = fn(&[Key]) -> Option<Fact>;

/// What makes a family's answers readable.
#[derive(Clone, Copy, Debug)]
pub struct Answers {
    pub map: Map,
    pub counting: Counting,
    /// Kinds of items that are called tools.
    pub tool_kinds: &'static [&'static str],
    /// Kinds of documents whose items count; empty: all. Streams tell of one item several times.
    pub item_documents: &'static [&'static str],
    /// Kinds of documents after which nothing comes.
    pub last_documents: &'static [&'static str],
    /// A streamed answer has an end of its own ([`Fact::Terminal`], a last document, a finish
    /// reason): without it, it was cut.
    pub ends_itself: bool,
}
