//! Amazon Bedrock: Converse, and Invoke with each model's own body.

use super::anthropic;
use super::common::{errors, plain};
use super::openai;
use crate::ai::fact::{Answers, Count, Counting, Fact};
use crate::ai::json::Key::{self, *};

const CACHE_APART: Counting = Counting { cache_apart: true, reasoning_apart: false };
pub(super) const CONVERSE: Answers =
    Answers { counting: CACHE_APART, ends_itself: true, ..plain(converse) };
pub(super) const INVOKE: Answers =
    Answers { counting: CACHE_APART, tool_kinds: &["tool_use"], ..plain(invoke) };

fn converse(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        [StopReasonCamel] => Fact::Finish,
        [ServiceTierCamel, Type] => Fact::Tier,
        [Output, Message, Content, Item, ToolUse, Name] | [Start, ToolUse, Name] => Fact::Tool,
        [Output, Message, Content, Item, Text]
        | [Delta, Text]
        | [Delta, ToolUse, Input]
        | [Delta, ReasoningContentCamel, ..] => Fact::Content,
        [Usage, counts @ ..] => Fact::Count(match counts {
            [InputTokensCamel] => Count::Input,
            [OutputTokensCamel] => Count::Output,
            [CacheReadInputTokens | CacheReadInputTokenCount] => Count::CacheRead,
            [CacheWriteInputTokens | CacheWriteInputTokenCount] => Count::CacheWrite,
            [TotalTokensCamel] => Count::Total,
            _ => return None,
        }),
        _ => return errors(keys),
    })
}

/// The figures that Bedrock itself adds to a stream's last event.
pub(super) fn metrics(keys: &[Key]) -> Option<Fact> {
    Some(Fact::Fallback(match keys {
        [InputTokenCount] => Count::Input,
        [OutputTokenCount] => Count::Output,
        [CacheReadInputTokenCount] => Count::CacheRead,
        [CacheWriteInputTokenCount] => Count::CacheWrite,
        _ => return None,
    }))
}

fn invoke(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        [InvocationMetrics, counts @ ..] => return metrics(counts),
        // Nova: Converse's events, each under its name.
        [Unknown, rest @ ..] if !rest.is_empty() => return converse(rest),
        [Metadata, rest @ ..] if rest.first() == Some(&Usage) => return converse(rest),
        [Usage, InputTokensCamel | OutputTokensCamel, ..]
        | [Usage, CacheReadInputTokenCount | CacheWriteInputTokenCount]
        | [StopReasonCamel]
        | [Output, Message, ..] => return converse(keys),
        // Titan.
        [InputTextTokenCount] => Fact::Count(Count::Input),
        [TotalOutputTextTokenCount] => Fact::Count(Count::Output),
        [Results, Item, TokenCountCamel] => Fact::Added(Count::Output),
        [Results, Item, CompletionReason] | [CompletionReason] => Fact::Finish,
        // Llama.
        [PromptTokenCountSnake] => Fact::Count(Count::Input),
        [GenerationTokenCount] => Fact::Count(Count::Output),
        // Mistral, Cohere, AI21.
        [Outputs, Item, StopReason]
        | [Generations, Item, FinishReason]
        | [FinishReason]
        | [Completions, Item, FinishReasonCamel, Reason] => Fact::Finish,
        [OutputText | Generation | Text] | [Outputs | Generations, Item, Text] => Fact::Content,
        [Choices, ..] | [Usage, PromptTokens | CompletionTokens | TotalTokens] => {
            return openai::chat(keys);
        }
        _ => return anthropic::messages(keys),
    })
}
