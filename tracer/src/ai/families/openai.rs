//! OpenAI's formats, which most others speak: chat and text completions, Responses, Realtime, and
//! plain objects (embeddings, images, audio, runs ...).

use super::common::{errors, plain, usage};
use crate::ai::fact::{Answers, Fact};
use crate::ai::json::Key::{self, *};

pub(super) const CHAT: Answers = Answers { ends_itself: true, ..plain(chat) };
pub(super) const OBJECTS: Answers = plain(object);
/// Mistral's: objects with messages and calls in a list.
pub(super) const CONVERSATIONS: Answers = Answers {
    tool_kinds: &["function.call"],
    last_documents: &["conversation.response.done", "conversation.response.error"],
    ..plain(conversation)
};
/// Only errors are read.
pub(super) const KEPT: Answers = plain(errors);
pub(super) const RUNS: Answers = plain(run);
/// Kinds of items that are calls of the client's tools.
const TOOLS: &[&str] = &["function_call", "custom_tool_call", "mcp_call"];
pub(super) const RESPONSES: Answers = Answers {
    tool_kinds: TOOLS,
    item_documents: &["response.output_item.done"],
    last_documents: &["response.completed", "response.incomplete", "response.failed", "error"],
    ends_itself: true,
    ..plain(responses)
};
/// Over WebSocket; a session gives many answers, each ended by one of these.
pub(super) const REALTIME: Answers = Answers {
    tool_kinds: TOOLS,
    item_documents: &["response.done", "response.output_item.done"],
    last_documents: &[
        "response.done",
        "response.completed",
        "response.incomplete",
        "response.failed",
    ],
    ..plain(responses)
};

pub(super) fn chat(keys: &[Key]) -> Option<Fact> {
    match keys {
        [Choices, Item, choice @ ..] => match choice {
            [FinishReason] => Some(Fact::Finish),
            [Index] => Some(Fact::Choice),
            // Writer's streams tell of a call twice: as a delta and as a message.
            [Delta | Message, ToolCalls, Item, Function, Name] => Some(Fact::ToolPiece),
            [Delta | Message, ToolCalls, Item, Index] => Some(Fact::ToolIndex),
            [Delta | Message, ToolCalls, Item, Id] => Some(Fact::ToolId),
            [MatchedStop] => Some(Fact::Server("sglang")),
            [Message | Delta, said @ ..] => message(said),
            [Text] => Some(Fact::Content),
            // Moonshot's streams.
            [Usage, counts @ ..] => usage(counts),
            [Error, ..] => errors(choice),
            _ => None,
        },
        [XGroq, Usage, counts @ ..] => usage(counts),
        _ => object(keys),
    }
}

fn message(said: &[Key]) -> Option<Fact> {
    Some(match said {
        // A gateway's object in place of the array.
        [ToolCalls, Function, Name] | [FunctionCallSnake, Name] => Fact::Tool,
        [Content | ReasoningContent | Reasoning | Refusal | Thinking]
        | [Content, Item, Text]
        | [Content, Item, Thinking, ..]
        | [ToolCalls, Item, Function, Arguments]
        | [FunctionCallSnake, Arguments]
        | [Audio, ..] => Fact::Content,
        _ => return None,
    })
}

pub(super) fn object(keys: &[Key]) -> Option<Fact> {
    match keys {
        [Id | ConversationId] => Some(Fact::Id),
        [Model | ModelVersionSnake] => Some(Fact::Model),
        [Usage, counts @ ..] => usage(counts),
        [ServiceTier] => Some(Fact::Tier),
        // Venice.
        [Cost, Usd] => Some(Fact::Cost),
        // Aleph Alpha.
        [NumPromptTokens | InputTokensCamel | InputTokens | TotalTokensCamel] => {
            Some(Fact::Count(crate::ai::fact::Count::Input))
        }
        // Transcriptions.
        [Delta] => Some(Fact::Content),
        [NumGeneratedTokens] => Some(Fact::Count(crate::ai::fact::Count::Output)),
        [Completions, Item, FinishReason] => Some(Fact::Finish),
        // Cloudflare wraps a model's answer.
        [Result, answer @ ..] if !answer.is_empty() => object(answer),
        [SystemFingerprint] => Some(Fact::Fingerprint),
        [Timings, PredictedPerSecond] => Some(Fact::Server("llamacpp")),
        [PromptLogprobs | KvTransferParams] => Some(Fact::Server("vllm")),
        [Stats, TokensPerSecond] => Some(Fact::Server("lmstudio")),
        _ => errors(keys),
    }
}

fn conversation(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        [Type] => Fact::Kind,
        [Outputs, Item, Type] => Fact::ItemKind,
        [Outputs, Item, Name] => Fact::ItemName,
        // Events have ids of their own.
        [Id] => return None,
        [Content] | [Content, Text] | [Outputs, Item, Content] => Fact::Content,
        _ => return object(keys),
    })
}

/// Assistants: a thread's run is what costs.
fn run(keys: &[Key]) -> Option<Fact> {
    match keys {
        [Object] => Some(Fact::Object),
        [Id] => Some(Fact::IdOf(&["thread.run"])),
        [Model] => Some(Fact::ModelOf("thread.run")),
        [Usage, counts @ ..] => usage(counts),
        [Delta, Content, Item, Text, ..] => Some(Fact::Content),
        _ => errors(keys),
    }
}

fn responses(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        // An event about the whole answer holds it.
        [Response, answer @ ..] => return responses(answer),
        [Type] => Fact::Kind,
        [IncompleteDetails, Reason] => Fact::Finish,
        [Status] => Fact::WeakFinish,
        [StatusDetails, error @ ..] => return errors(error),
        [Output, Item, Type] | [ItemKey, Type] => Fact::ItemKind,
        [Output, Item, Name] | [ItemKey, Name] => Fact::ItemName,
        [Output, Item, Content, Item, Text] | [Delta] => Fact::Content,
        [RateLimits, Item, Name] => Fact::LimitName,
        [RateLimits, Item, Limit] => Fact::LimitMost,
        [RateLimits, Item, Remaining] => Fact::LimitRemaining,
        [RateLimits, Item, ResetSeconds] => Fact::LimitReset,
        _ => return object(keys),
    })
}
