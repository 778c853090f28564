//! The route table: path patterns in order, the first that fits wins.
//!
//! Rows of one provider stand before rows for everybody; longer patterns before shorter ones.

use super::family::Family::{self, *};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Is(&'static str),
    /// The path serves every kind of model; the model's name tells.
    ByModel,
}

/// What the pattern is worth on a host that no row names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anyone {
    /// Nobody else uses such a path.
    Sure,
    /// Others do: a second hint is needed.
    Hint,
    /// Means nothing there.
    No,
}

#[derive(Debug)]
pub(crate) struct Route {
    /// `""`: any.
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) operation: Operation,
    pub(crate) family: Family,
    /// Ids of the providers with this path; empty: all.
    pub(crate) only: &'static [&'static str],
    pub(crate) anyone: Anyone,
    /// Set where the path itself tells.
    pub(crate) stream: Option<bool>,
}

impl Route {
    const fn only(mut self, providers: &'static [&'static str]) -> Self {
        self.only = providers;
        self
    }
    /// Trusted on unknown hosts.
    const fn sure(mut self) -> Self {
        self.anyone = Anyone::Sure;
        self
    }
    /// A hint on unknown hosts.
    const fn hint(mut self) -> Self {
        self.anyone = Anyone::Hint;
        self
    }
    const fn streamed(mut self, stream: bool) -> Self {
        self.stream = Some(stream);
        self
    }
}

const fn route(
    method: &'static str,
    path: &'static str,
    operation: Operation,
    family: Family,
) -> Route {
    Route { method, path, operation, family, only: &[], anyone: Anyone::No, stream: None }
}
const fn post(path: &'static str, operation: &'static str, family: Family) -> Route {
    route("POST", path, Operation::Is(operation), family)
}
const fn any(path: &'static str, operation: &'static str, family: Family) -> Route {
    route("", path, Operation::Is(operation), family)
}
const fn by_model(path: &'static str, family: Family) -> Route {
    route("POST", path, Operation::ByModel, family)
}

const BEDROCK: &[&str] = &["bedrock", "cloudflare_gateway"];
const COHERE: &[&str] = &["azure_ai", "cloudflare_gateway", "cohere"];
const GOOGLE: &[&str] = &["cloudflare_gateway", "gemini", "vertex"];
const OLLAMA: &[&str] = &["ollama"];
const TGI: &[&str] = &["huggingface", "tgi"];

pub(crate) static ROUTES: &[Route] = &[
    // Bedrock: the model id in the path, percent-encoded or an ARN with slashes.
    post("model/{model+}/converse", "chat", BedrockConverse).streamed(false).sure(),
    post("model/{model+}/converse-stream", "chat", BedrockConverse).streamed(true).sure(),
    by_model("model/{model+}/invoke", BedrockInvoke).streamed(false).hint(),
    by_model("model/{model+}/invoke-with-response-stream", BedrockInvoke).streamed(true).sure(),
    post("model/{model+}/count-tokens", "token_count", Other).only(BEDROCK),
    post("agents/*/agentAliases/*/sessions/*/text", "agent", Other).only(BEDROCK),
    post("flows/*/aliases/**", "agent", Other).only(BEDROCK),
    post("guardrail/*/version/*/apply", "moderation", Other).only(BEDROCK),
    any("async-invoke/**", "batch", Other).only(BEDROCK),
    post("rerank", "rerank", Other).only(BEDROCK),
    // An endpoint's name is no model's.
    post("endpoints/*/invocations", "text_completion", Tgi).only(&["sagemaker"]),
    post("endpoints/*/invocations-response-stream", "text_completion", Tgi)
        .only(&["sagemaker"])
        .streamed(true),
    // Google: the method after a colon.
    post("{model}:generateContent", "generate_content", GeminiGenerate).streamed(false).sure(),
    post("{model}:streamGenerateContent", "generate_content", GeminiGenerate).streamed(true).sure(),
    post("{model}:countTokens", "token_count", Other).only(GOOGLE),
    post("{model}:computeTokens", "token_count", Other).only(GOOGLE),
    post("{model}:embedContent", "embeddings", GeminiEmbed).sure(),
    post("{model}:batchEmbedContents", "embeddings", GeminiEmbed).sure(),
    post("{model}:asyncBatchEmbedContent", "batch", Other).only(GOOGLE),
    post("{model}:batchGenerateContent", "batch", Other).only(GOOGLE),
    post("{model}:predictLongRunning", "video", Other).only(GOOGLE),
    post("models/count-tokens:rawPredict", "token_count", AnthropicCountTokens).only(GOOGLE),
    post("publishers/{publisher}/models/{model}:rawPredict", "chat", AnthropicMessages)
        .only(GOOGLE)
        .streamed(false),
    post("publishers/{publisher}/models/{model}:streamRawPredict", "chat", AnthropicMessages)
        .only(GOOGLE)
        .streamed(true),
    by_model("{model}:predict", VertexPredict).only(GOOGLE),
    any("ws/*BidiGenerateContent", "realtime", GeminiLive).sure(),
    any("ws/*BidiGenerateContentConstrained", "realtime", GeminiLive).sure(),
    post("interactions", "chat", GeminiInteractions).only(GOOGLE),
    any("cachedContents/**", "cache", Other).only(GOOGLE),
    any("fileSearchStores/**", "other", Other).only(GOOGLE),
    // Anthropic.
    post("messages/count_tokens", "token_count", AnthropicCountTokens).sure(),
    any("messages/batches/**", "batch", AnthropicBatches),
    post("complete", "text_completion", AnthropicMessages).only(&["anthropic"]),
    post("complete", "text_completion", Other).only(&["aleph_alpha"]),
    // Cohere.
    post("v2/chat", "chat", CohereV2).only(COHERE),
    post("v1/chat", "chat", CohereV1).only(COHERE),
    post("v1/generate", "text_completion", CohereV1).only(COHERE),
    post("v1/summarize", "text_completion", CohereV1).only(COHERE),
    post("embed", "embeddings", CohereV1).only(COHERE),
    post("rerank", "rerank", CohereV1).only(COHERE),
    post("classify", "other", CohereV1).only(COHERE),
    post("tokenize", "token_count", Other).only(COHERE),
    // Ollama: streamed unless the body says no.
    post("api/chat", "chat", OllamaChat).only(OLLAMA).hint(),
    post("api/generate", "text_completion", OllamaChat).only(OLLAMA).hint(),
    post("api/embed", "embeddings", OllamaEmbed).only(OLLAMA).hint(),
    post("api/embeddings", "embeddings", OllamaEmbed).only(OLLAMA),
    any("api/tags", "models", Other).only(OLLAMA),
    any("api/ps", "models", Other).only(OLLAMA),
    post("api/show", "models", Other).only(OLLAMA),
    post("api/pull", "models", Other).only(OLLAMA),
    post("api/push", "models", Other).only(OLLAMA),
    post("api/create", "models", Other).only(OLLAMA),
    post("api/copy", "models", Other).only(OLLAMA),
    any("api/delete", "models", Other).only(OLLAMA),
    // Single providers.
    post("fim/completions", "text_completion", OpenAiChat).only(&["mistral"]),
    post("agents/completions", "chat", OpenAiChat).only(&["mistral"]),
    post("conversations/**", "chat", MistralConversations).only(&["mistral"]),
    any("conversations/**", "other", Other),
    post("text/chatcompletion_v2", "chat", OpenAiChat).only(&["minimax"]),
    post("v1/chat", "chat", OpenAiChat).only(&["writer"]),
    post("serving-endpoints/{model}/invocations", "chat", OpenAiChat).only(&["databricks"]),
    post("cortex/inference:complete", "chat", OpenAiChat).only(&["snowflake"]),
    post("cortex/inference:embed", "embeddings", OpenAiEmbeddings).only(&["snowflake"]),
    by_model("ai/run/{model+}", OpenAiChat).only(&["cloudflare", "cloudflare_gateway"]),
    post("ai/language-model", "chat", Other).only(&["vercel_gateway"]),
    post("ai/embedding-model", "embeddings", Other).only(&["vercel_gateway"]),
    post("ai/image-model", "image", Other).only(&["vercel_gateway"]),
    post("prompts/*/completions", "chat", OpenAiChat).only(&["portkey"]),
    post("genai/{model+}", "image", Other).only(&["nvidia"]),
    post("completion", "text_completion", OpenAiCompletions).only(&["llamacpp"]),
    post("infill", "text_completion", OpenAiCompletions).only(&["llamacpp"]),
    post("tokenize", "token_count", Other).only(&["llamacpp", "tgi", "vllm"]),
    post("v2/models/{model}/infer", "other", Triton).only(&["triton"]).hint(),
    post("v2/models/{model}/generate", "text_completion", Triton).only(&["triton"]).hint(),
    post("v2/models/{model}/generate_stream", "text_completion", Triton)
        .only(&["triton"])
        .streamed(true)
        .hint(),
    post("generate", "text_completion", Tgi).only(&["huggingface", "sglang", "tgi"]).hint(),
    post("generate_stream", "text_completion", Tgi).only(TGI).streamed(true).hint(),
    post("models/{model+}", "text_completion", Tgi).only(&["huggingface"]),
    // The root of a dedicated endpoint: whatever its model does.
    post("/", "other", Tgi).only(&["huggingface"]),
    // EVENTS knows no operation for a model that may do anything.
    any("models/{model+}/predictions", "other", Replicate).only(&["replicate"]),
    any("deployments/*/*/predictions", "other", Replicate).only(&["replicate"]),
    any("predictions/**", "other", Replicate).only(&["replicate"]),
    any("streams/**", "other", Replicate).only(&["replicate"]).streamed(true),
    any("models/**", "other", Other).only(&["replicate"]),
    post("services/aigc/text-generation/generation", "chat", DashscopeNative).only(&["dashscope"]),
    post("services/aigc/multimodal-generation/generation", "chat", DashscopeNative)
        .only(&["dashscope"]),
    post("services/aigc/text2image/**", "image", Other).only(&["dashscope"]),
    post("services/aigc/video-generation/**", "video", Other).only(&["dashscope"]),
    post("services/embeddings/**", "embeddings", DashscopeNative).only(&["dashscope"]),
    post("services/rerank/**", "rerank", Other).only(&["dashscope"]),
    post("ml/v1/text/generation", "text_completion", Watsonx).only(&["watsonx"]),
    post("ml/v1/text/generation_stream", "text_completion", Watsonx)
        .only(&["watsonx"])
        .streamed(true),
    post("ml/v1/text/chat", "chat", Watsonx).only(&["watsonx"]),
    post("ml/v1/text/chat_stream", "chat", Watsonx).only(&["watsonx"]).streamed(true),
    post("ml/v1/text/embeddings", "embeddings", Watsonx).only(&["watsonx"]),
    post("ml/v1/text/rerank", "rerank", Watsonx).only(&["watsonx"]),
    post("ml/v1/text/tokenization", "token_count", Watsonx).only(&["watsonx"]),
    post("v1/speak", "speech", OpenAiAudio).only(&["deepgram"]),
    post("v1/listen", "transcription", OpenAiAudio).only(&["deepgram"]),
    post("text-to-speech/**", "speech", OpenAiAudio).only(&["elevenlabs"]),
    post("speech-to-text/**", "transcription", OpenAiAudio).only(&["elevenlabs"]),
    any("v2/transcript/**", "transcription", OpenAiAudio).only(&["assemblyai"]),
    post("stable-image/**", "image", OpenAiImages).only(&["stability"]),
    post("/{model+}", "image", OpenAiImages).only(&["fal"]),
    post("image/generate", "image", OpenAiImages).only(&["venice"]),
    post("v1/tts", "speech", OpenAiAudio).only(&["xai"]),
    post("v1/stt", "transcription", OpenAiAudio).only(&["xai"]),
    post("ocr", "ocr", Other).only(&["azure_ai", "mistral"]),
    // The shape everybody copied. Azure puts the deployment in the path.
    post("deployments/{model}/chat/completions", "chat", OpenAiChat).sure(),
    post("deployments/{model}/completions", "text_completion", OpenAiCompletions).sure(),
    post("deployments/{model}/embeddings", "embeddings", OpenAiEmbeddings).sure(),
    post("deployments/{model}/images/generations", "image", OpenAiImages).sure(),
    post("deployments/{model}/images/edits", "image", OpenAiImages).sure(),
    post("deployments/{model}/audio/transcriptions", "transcription", OpenAiAudio).sure(),
    post("deployments/{model}/audio/translations", "translation", OpenAiAudio).sure(),
    post("deployments/{model}/audio/speech", "speech", OpenAiAudio).sure(),
    post("engines/{model}/completions", "text_completion", OpenAiCompletions).sure(),
    post("engines/{model}/embeddings", "embeddings", OpenAiEmbeddings).sure(),
    post("chat/completions", "chat", OpenAiChat).sure(),
    post("completions", "text_completion", OpenAiCompletions).hint(),
    post("responses/input_tokens", "token_count", Other),
    post("responses", "chat", OpenAiResponses).hint(),
    any("responses/**", "other", Other),
    post("embeddings", "embeddings", OpenAiEmbeddings).hint(),
    post("images/generations", "image", OpenAiImages).sure(),
    post("images/edits", "image", OpenAiImages).hint(),
    post("images/variations", "image", OpenAiImages).hint(),
    post("v1/images", "image", OpenAiImages),
    post("audio/transcriptions", "transcription", OpenAiAudio).sure(),
    post("audio/translations", "translation", OpenAiAudio).sure(),
    post("audio/speech", "speech", OpenAiAudio).sure(),
    post("moderations", "moderation", OpenAiModerations).hint(),
    any("threads/**", "assistants", OpenAiAssistants),
    any("assistants/**", "assistants", OpenAiAssistants),
    post("messages", "chat", AnthropicMessages).hint(),
    post("rerank", "rerank", Other),
    any("realtime/**", "realtime", OpenAiRealtime),
    any("batches/**", "batch", OpenAiBatches),
    any("vector_stores/**", "vector_stores", Other),
    any("files/**", "files", Other),
    any("uploads/**", "files", Other),
    any("fine_tuning/**", "fine_tuning", Other),
    any("fine-tunes/**", "fine_tuning", Other),
    any("videos/**", "video", Other),
    any("models/**", "models", Other),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::ai::providers::by_id;

    /// The list of EVENTS, `gen_ai.operation.name`.
    const OPERATIONS: &[&str] = &[
        "agent",
        "assistants",
        "batch",
        "cache",
        "chat",
        "embeddings",
        "files",
        "fine_tuning",
        "generate_content",
        "image",
        "models",
        "moderation",
        "ocr",
        "other",
        "realtime",
        "rerank",
        "speech",
        "text_completion",
        "token_count",
        "transcription",
        "translation",
        "vector_stores",
        "video",
    ];

    #[test]
    fn rows_are_sound() {
        let mut seen = HashSet::new();
        for row in ROUTES {
            assert!(["", "GET", "POST"].contains(&row.method));
            assert!(seen.insert((row.method, row.path, row.only)), "{} twice", row.path);
            for id in row.only {
                assert!(by_id(id).is_some(), "{id}");
            }
            assert!(row.only.is_sorted());
            if let Operation::Is(name) = row.operation {
                assert!(OPERATIONS.contains(&name), "{name}");
            }
            // `**` anywhere in a path is too little to claim a stranger's request.
            assert!(!row.path.ends_with("**") || row.anyone == Anyone::No, "{}", row.path);
        }
    }

    #[test]
    fn every_family_has_a_route() {
        for family in Family::ALL {
            assert!(ROUTES.iter().any(|row| row.family == *family), "{}", family.as_str());
        }
    }
}
