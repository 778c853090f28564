//! Services and servers with a format of their own: text-generation-inference, Triton, Replicate,
//! DashScope, watsonx.

use super::common::{errors, plain};
use super::openai;
use crate::ai::fact::{Answers, Count, Fact};
use crate::ai::json::Key::{self, *};

pub(super) const TGI: Answers = plain(tgi);
pub(super) const TRITON: Answers = plain(triton);
pub(super) const REPLICATE: Answers = plain(replicate);
pub(super) const DASHSCOPE: Answers = plain(dashscope);
pub(super) const WATSONX: Answers = plain(watsonx);

fn tgi(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        [Details, GeneratedTokens] => Fact::Count(Count::Output),
        [Details, FinishReason] => Fact::Finish,
        [Token, Text] | [GeneratedText] => Fact::Content,
        [Details, ..] => return None,
        // SGLang's own.
        [MetaInfo, PromptTokens] => Fact::Count(Count::Input),
        [MetaInfo, CompletionTokens] => Fact::Count(Count::Output),
        [MetaInfo, CachedTokens] => Fact::Count(Count::CacheRead),
        [MetaInfo, FinishReason, Type] => Fact::Finish,
        [MetaInfo, ..] => Fact::Server("sglang"),
        [Text] => Fact::Content,
        _ => return openai::chat(keys),
    })
}

fn triton(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        [ModelName] => Fact::Model,
        [TextOutput] => Fact::Content,
        _ => return errors(keys),
    })
}

fn replicate(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        [Id] => Fact::Id,
        [Model] => Fact::Model,
        [Status] => Fact::WeakFinish,
        [Metrics, InputTokenCountSnake] => Fact::Count(Count::Input),
        [Metrics, OutputTokenCountSnake] => Fact::Count(Count::Output),
        [Output] | [Output, Item] => Fact::Content,
        _ => return errors(keys),
    })
}

fn dashscope(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        [RequestId] => Fact::Id,
        [Output, FinishReason] => Fact::Finish,
        [Output, Text] => Fact::Content,
        [Output, choices @ ..] => return openai::chat(choices),
        _ => return openai::chat(keys),
    })
}

fn watsonx(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        [ModelId] => Fact::Model,
        [Results, Item, InputTokenCountSnake] => Fact::Count(Count::Input),
        [Results, Item, GeneratedTokenCount] => Fact::Count(Count::Output),
        [Results, Item, StopReason] => Fact::Finish,
        [Results, Item, GeneratedText] => Fact::Content,
        _ => return openai::chat(keys),
    })
}
