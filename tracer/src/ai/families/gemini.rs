//! Google: generateContent in all its transports, interactions, predictions.

use super::common::{errors, plain, usage};
use crate::ai::fact::{Answers, Count, Counting, Fact};
use crate::ai::json::Key::{self, *};

const THOUGHTS_APART: Counting = Counting { cache_apart: false, reasoning_apart: true };
pub(super) const GENERATE: Answers =
    Answers { counting: THOUGHTS_APART, ends_itself: true, ..plain(generate) };
/// Over WebSocket; a turn is an answer.
pub(super) const LIVE: Answers = Answers { counting: THOUGHTS_APART, ..plain(live) };
pub(super) const INTERACTIONS: Answers = Answers {
    counting: THOUGHTS_APART,
    tool_kinds: &["function_call"],
    last_documents: &["interaction.complete", "interaction.completed", "error"],
    ..plain(interactions)
};
pub(super) const PREDICT: Answers = plain(predict);

fn generate(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        // Code Assist wraps the answer.
        [Response, answer @ ..] => return generate(answer),
        [ResponseIdCamel] => Fact::Id,
        [ModelVersion] => Fact::Model,
        [Candidates, Item, candidate @ ..] => match candidate {
            [FinishReasonCamel] => Fact::Finish,
            [Index] => Fact::Choice,
            [Content, Parts, Item, FunctionCall, Name] => Fact::Tool,
            [Content, Parts, Item, Text] => Fact::Content,
            _ => return None,
        },
        [PromptFeedback, BlockReason] => Fact::Blocked,
        [UsageMetadata, counts @ ..] => Fact::Count(match counts {
            [PromptTokenCount] => Count::Input,
            [CandidatesTokenCount | ResponseTokenCount] => Count::Output,
            [ThoughtsTokenCount] => Count::Reasoning,
            [CachedContentTokenCount] => Count::CacheRead,
            [ToolUsePromptTokenCount] => Count::ToolUse,
            [TotalTokenCount] => Count::Total,
            [TrafficType | ServiceTierCamel] => return Some(Fact::Tier),
            _ => return None,
        }),
        // countTokens
        [TotalTokensCamel] => Fact::Count(Count::Input),
        _ => return errors(keys),
    })
}

fn live(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        [ServerContent, TurnComplete] => Fact::Terminal,
        [ServerContent, ModelTurn, Parts, Item, ..]
        | [ServerContent, OutputTranscription, Text] => Fact::Content,
        [ToolCall, FunctionCalls, Item, Name] => Fact::Tool,
        _ => return generate(keys),
    })
}

fn interactions(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        [Interaction, answer @ ..] if !answer.is_empty() => return interactions(answer),
        [EventType] => Fact::Kind,
        [Id] => Fact::Id,
        [Model] => Fact::Model,
        [Status] => Fact::WeakFinish,
        [Outputs | Steps, Item, Type] | [Delta | Content | Start, Type] => Fact::ItemKind,
        [Outputs | Steps, Item, Name] | [Delta | Content | Start, Name] => Fact::ItemName,
        [Delta, Text] => Fact::Content,
        [Usage, counts @ ..] => Fact::Count(match counts {
            [TotalInputTokens] => Count::Input,
            [TotalOutputTokens] => Count::Output,
            [TotalCachedTokens] => Count::CacheRead,
            [TotalThoughtTokens] => Count::Reasoning,
            [TotalToolUseTokens] => Count::ToolUse,
            [TotalTokens] => Count::Total,
            _ => return usage(counts),
        }),
        _ => return errors(keys),
    })
}

fn predict(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        [Predictions, Item, Embeddings, Statistics, TokenCount] => Fact::Added(Count::Input),
        _ => return generate(keys),
    })
}
