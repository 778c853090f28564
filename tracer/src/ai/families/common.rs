//! Places that many families share.

use crate::ai::fact::{Answers, Count, Counting, ErrorPart, Fact, Map};
use crate::ai::json::Key::{self, *};

/// A family with nothing but a map.
pub(super) const fn plain(map: Map) -> Answers {
    Answers {
        map,
        counting: Counting { cache_apart: false, reasoning_apart: false },
        tool_kinds: &[],
        item_documents: &[],
        last_documents: &[],
        ends_itself: false,
    }
}

/// What stands in a `usage` object of OpenAI's kinds, and of everybody who followed.
pub(super) fn usage(keys: &[Key]) -> Option<Fact> {
    Some(Fact::Count(match keys {
        [PromptTokens | InputTokens] => Count::Input,
        [CompletionTokens | OutputTokens] => Count::Output,
        [TotalTokens] => Count::Total,
        [PromptTokensDetails | InputTokensDetails | InputTokenDetails, rest @ ..] => match rest {
            [CachedTokens] => Count::CacheRead,
            [CacheWriteTokens | CacheCreationTokens | CacheCreationInputTokens] => {
                Count::CacheWrite
            }
            [AudioTokens] => Count::AudioInput,
            [ImageTokens] => Count::ImageInput,
            _ => return None,
        },
        [CompletionTokensDetails | OutputTokensDetails | OutputTokenDetails, rest @ ..] => {
            match rest {
                [ReasoningTokens | ThinkingTokens] => Count::Reasoning,
                [AudioTokens] => Count::AudioOutput,
                _ => return None,
            }
        }
        [PromptCacheHitTokens | CachedTokens] => return Some(Fact::Fallback(Count::CacheRead)),
        // Databricks, and gateways in front of Anthropic.
        [CacheReadInputTokensSnake] => return Some(Fact::Fallback(Count::CacheRead)),
        [CacheCreationInputTokens] => return Some(Fact::Fallback(Count::CacheWrite)),
        [ReasoningTokens] => Count::Reasoning,
        // OpenRouter and its kin; Charm; Perplexity; xAI; Mistral.
        [Cost] | [Cost, Usd | TotalCost] => return Some(Fact::Cost),
        [CostInUsdTicks] => return Some(Fact::CostTicks),
        [ServiceTier] => return Some(Fact::Tier),
        _ => return None,
    }))
}

/// Where errors stand, all families together: gateways put any provider's error on any path.
pub(super) fn errors(keys: &[Key]) -> Option<Fact> {
    use ErrorPart::{Code as ErrorCode, Details as ErrorDetails, Kind, Message as Text};
    Some(match keys {
        [Error] => Fact::Error(Text),
        [Error, Code] => Fact::Error(ErrorCode),
        [Error, Type | Status | ClassType] => Fact::Error(Kind),
        [Error, Message | MessageUpper | Detail] => Fact::Error(Text),
        [Error, OriginalStatusCode] => Fact::Error(ErrorPart::Status),
        [Error, Error, rest @ ..] => return nested(rest),
        // An event that holds the whole failed answer.
        [Response, Error, ..] => return errors(keys.get(1..).unwrap_or_default()),
        [Error, Details | Metadata | InnerError | Errors | Data, .., RetryDelay] => {
            Fact::Error(ErrorPart::RetryDelay)
        }
        [Error, Details | Metadata | InnerError | Errors | Data, ..] => Fact::Error(ErrorDetails),
        [BaseResp, StatusCode] => Fact::Error(ErrorCode),
        [BaseResp, StatusMsg] => Fact::WeakError(Text),
        [Code] => Fact::WeakError(ErrorCode),
        [ErrorType | ClassType | Type] => Fact::WeakError(Kind),
        [Message | MessageUpper | Detail] => Fact::WeakError(Text),
        [OriginalStatusCode] => Fact::WeakError(ErrorPart::Status),
        // Cloudflare.
        [Errors, Item, Code] => Fact::WeakError(ErrorCode),
        [Errors, Item, Message] => Fact::WeakError(Text),
        [Details | Metadata | InnerError | Errors | Detail, ..] => Fact::WeakError(ErrorDetails),
        _ => return None,
    })
}

fn nested(rest: &[Key]) -> Option<Fact> {
    match rest {
        [Code] => Some(Fact::Error(ErrorPart::Code)),
        [Type] => Some(Fact::Error(ErrorPart::Kind)),
        [Message] => Some(Fact::Error(ErrorPart::Message)),
        _ => None,
    }
}
