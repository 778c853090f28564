//! Anthropic: messages, token counts, batches, and the text completions of old.

use super::common::{errors, plain};
use crate::ai::fact::{Answers, Count, Counting, Fact};
use crate::ai::json::Key::{self, *};

pub(super) const MESSAGES: Answers = Answers {
    counting: Counting { cache_apart: true, reasoning_apart: false },
    tool_kinds: &["tool_use"],
    last_documents: &["message_stop", "error"],
    ends_itself: true,
    ..plain(messages)
};

pub(super) fn messages(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        [Message, Id] => Fact::Id,
        [Message, start @ ..] if !start.is_empty() => return messages(start),
        [Type] => Fact::Kind,
        // Text completions of old, and other models' bodies in Bedrock, have ids of their own kinds.
        [Id] => Fact::IdOf(&["message", "completion"]),
        [Model] => Fact::Model,
        [StopReason] | [Delta, StopReason] => Fact::Finish,
        [Usage, counts @ ..] => return usage(counts),
        [InputTokens] => Fact::Count(Count::Input),
        [Content, Item, Type] | [ContentBlock, Type] => Fact::ItemKind,
        [Content, Item, Name] | [ContentBlock, Name] => Fact::ItemName,
        [Content, Item, Text]
        | [Delta, Text | Thinking | PartialJson]
        | [ContentBlock, Text | Thinking]
        | [Completion] => Fact::Content,
        [InvocationMetrics, metrics @ ..] => return super::bedrock::metrics(metrics),
        _ => return errors(keys),
    })
}

fn usage(counts: &[Key]) -> Option<Fact> {
    Some(Fact::Count(match counts {
        [InputTokens] => Count::Input,
        [OutputTokens] => Count::Output,
        [CacheReadInputTokensSnake] => Count::CacheRead,
        [CacheCreationInputTokens] => Count::CacheWrite,
        [CacheCreation, EphemeralHour] => Count::CacheWriteHour,
        [ServerToolUse, WebSearchRequests] => Count::Searches,
        [ServiceTier] => return Some(Fact::Tier),
        [Cost] => return Some(Fact::Cost),
        [OutputTokensDetails, ThinkingTokens] => Count::Reasoning,
        _ => return None,
    }))
}
