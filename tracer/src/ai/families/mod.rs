//! How each wire family's answers are read: a map from places to facts, and how it counts.
//!
//! To add a family: a file with an [`Answers`], a line in [`of`], a fixture folder.

mod anthropic;
mod bedrock;
mod cohere;
mod common;
mod gemini;
mod ollama;
mod openai;
mod servers;

use super::endpoint::{Endpoint, Family};
use super::fact::Answers;

/// Operations on things that are kept: their ids and models are not an answer's.
const KEEPING: &[&str] =
    &["batch", "files", "fine_tuning", "vector_stores", "cache", "models", "other"];

/// The reader of a session's answers over WebSocket.
pub const fn session(endpoint: &Endpoint) -> &'static Answers {
    match endpoint.family {
        Family::GeminiLive => &gemini::LIVE,
        _ => &openai::REALTIME,
    }
}

/// The reader of an endpoint's answers.
pub fn of(endpoint: &Endpoint) -> &'static Answers {
    let serves_any = matches!(endpoint.family, Family::Replicate | Family::Tgi | Family::Triton);
    if KEEPING.contains(&endpoint.operation) && !serves_any {
        return &openai::KEPT;
    }
    match endpoint.family {
        Family::OpenAiAssistants => &openai::RUNS,
        Family::OpenAiResponses => &openai::RESPONSES,
        Family::OpenAiRealtime => &openai::REALTIME,
        Family::OpenAiChat | Family::OpenAiCompletions => &openai::CHAT,
        Family::OpenAiEmbeddings
        | Family::OpenAiImages
        | Family::OpenAiAudio
        | Family::OpenAiModerations
        | Family::OpenAiBatches
        | Family::Other => &openai::OBJECTS,
        Family::MistralConversations => &openai::CONVERSATIONS,
        Family::Triton => &servers::TRITON,
        Family::AnthropicMessages | Family::AnthropicCountTokens | Family::AnthropicBatches => {
            &anthropic::MESSAGES
        }
        Family::GeminiGenerate | Family::GeminiEmbed | Family::GeminiLive => &gemini::GENERATE,
        Family::GeminiInteractions => &gemini::INTERACTIONS,
        Family::VertexPredict => &gemini::PREDICT,
        Family::BedrockConverse => &bedrock::CONVERSE,
        Family::BedrockInvoke => &bedrock::INVOKE,
        Family::CohereV2 | Family::CohereV1 => &cohere::CHAT,
        Family::OllamaChat | Family::OllamaEmbed => &ollama::CHAT,
        Family::Tgi => &servers::TGI,
        Family::Replicate => &servers::REPLICATE,
        Family::DashscopeNative => &servers::DASHSCOPE,
        Family::Watsonx => &servers::WATSONX,
    }
}
