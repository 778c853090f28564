//! Cohere, versions 1 and 2: chat, generate, embed, rerank.

use super::common::{errors, plain};
use crate::ai::fact::{Answers, Count, Fact};
use crate::ai::json::Key::{self, *};

pub(super) const CHAT: Answers =
    Answers { last_documents: &["message-end", "stream-end"], ends_itself: true, ..plain(chat) };

fn chat(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        // Streams: version 2 tells of changes, version 1 repeats the whole answer at the end.
        [Delta | Response, rest @ ..] if !rest.is_empty() => return chat(rest),
        [Type | EventType] => Fact::Kind,
        [Id | GenerationId] => Fact::Id,
        [Model] => Fact::Model,
        [FinishReason] | [Generations, Item, FinishReason] => Fact::Finish,
        [Message, ToolCalls, Item, Function, Name]
        | [Message, ToolCalls, Function, Name]
        | [ToolCalls, Item, Name] => Fact::Tool,
        [Message, Content, Text] | [Message, Content, Item, Text] | [Text] => Fact::Content,
        [Usage | Meta, Tokens, InputTokens] => Fact::Count(Count::Input),
        [Usage | Meta, Tokens, OutputTokens] => Fact::Count(Count::Output),
        [Usage | Meta, BilledUnits, InputTokens] => Fact::Fallback(Count::Input),
        [Usage | Meta, BilledUnits, OutputTokens] => Fact::Fallback(Count::Output),
        [Usage | Meta, CachedTokens] => Fact::Count(Count::CacheRead),
        _ => return errors(keys),
    })
}
