//! Every key that a provider's body is read by, as one byte.

macro_rules! keys {
    ($($name:ident $text:literal $cap:expr;)*) => {
        /// A key of an object; [`Key::Item`] stands for an array's element.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum Key {
            #[default]
            Unknown,
            Item,
            $($name,)*
        }

        impl Key {
            pub(super) fn find(text: &[u8]) -> Self {
                // Byte strings as patterns become comparisons by length, then by word.
                match text {
                    $(t if t == $text.as_bytes() => Self::$name,)*
                    _ => Self::Unknown,
                }
            }
            /// Longest text read under this key, bytes.
            pub(super) const fn cap(self) -> usize {
                match self {
                    Self::Unknown | Self::Item => 0,
                    $(Self::$name => $cap,)*
                }
            }
        }
    };
}

/// Only whether there is any text.
const SOME: usize = 1;
/// An identifier or a word.
const WORD: usize = 256;
/// What a failure rule looks at.
const LONG: usize = 4096;

keys! {
    Actual "actual" WORD;
    Arguments "arguments" SOME;
    Audio "audio" SOME;
    AudioTokens "audio_tokens" WORD;
    BaseResp "base_resp" WORD;
    BilledUnits "billed_units" WORD;
    BlockReason "blockReason" WORD;
    Bytes "bytes" 48 * 1024;
    CacheControl "cache_control" SOME;
    CacheCreation "cache_creation" WORD;
    CacheCreationInputTokens "cache_creation_input_tokens" WORD;
    CacheCreationTokens "cache_creation_tokens" WORD;
    CachedContentTokenCount "cachedContentTokenCount" WORD;
    CachedTokens "cached_tokens" WORD;
    CacheReadInputTokenCount "cacheReadInputTokenCount" WORD;
    CacheReadInputTokens "cacheReadInputTokens" WORD;
    CacheReadInputTokensSnake "cache_read_input_tokens" WORD;
    CacheWriteInputTokenCount "cacheWriteInputTokenCount" WORD;
    CacheWriteInputTokens "cacheWriteInputTokens" WORD;
    CacheWriteTokens "cache_write_tokens" WORD;
    Candidates "candidates" SOME;
    CandidatesTokenCount "candidatesTokenCount" WORD;
    ChatHistory "chat_history" SOME;
    Choices "choices" SOME;
    ClassType "__type" WORD;
    Code "code" WORD;
    Completion "completion" SOME;
    CompletionReason "completionReason" WORD;
    Completions "completions" SOME;
    CompletionTokens "completion_tokens" WORD;
    CompletionTokensDetails "completion_tokens_details" WORD;
    Content "content" SOME;
    ContentBlock "content_block" SOME;
    Contents "contents" SOME;
    Conversation "conversation" WORD;
    ConversationId "conversation_id" WORD;
    Cost "cost" WORD;
    CostInUsdTicks "cost_in_usd_ticks" WORD;
    Data "data" SOME;
    Delta "delta" SOME;
    Deployment "deployment" WORD;
    Detail "detail" LONG;
    Details "details" LONG;
    Done "done" WORD;
    DoneReason "done_reason" WORD;
    Embeddings "embeddings" SOME;
    EphemeralHour "ephemeral_1h_input_tokens" WORD;
    Error "error" LONG;
    Errors "errors" LONG;
    ErrorType "error_type" WORD;
    EvalCount "eval_count" WORD;
    EventType "event_type" WORD;
    FinishReason "finish_reason" WORD;
    FinishReasonCamel "finishReason" WORD;
    Function "function" SOME;
    FunctionCall "functionCall" SOME;
    FunctionCalls "functionCalls" SOME;
    FunctionCallSnake "function_call" SOME;
    FunctionDeclarations "functionDeclarations" SOME;
    FunctionDeclarationsSnake "function_declarations" SOME;
    Functions "functions" SOME;
    GeneratedText "generated_text" SOME;
    GeneratedTokenCount "generated_token_count" WORD;
    GeneratedTokens "generated_tokens" WORD;
    Generation "generation" SOME;
    GenerationConfig "generationConfig" WORD;
    GenerationId "generation_id" WORD;
    Generations "generations" SOME;
    GenerationTokenCount "generation_token_count" WORD;
    Id "id" WORD;
    ImageTokens "image_tokens" WORD;
    IncompleteDetails "incomplete_details" WORD;
    Index "index" WORD;
    InferenceConfig "inferenceConfig" WORD;
    InnerError "innererror" LONG;
    Input "input" SOME;
    InputText "inputText" SOME;
    InputTextTokenCount "inputTextTokenCount" WORD;
    InputTokenCount "inputTokenCount" WORD;
    InputTokenCountSnake "input_token_count" WORD;
    InputTokenDetails "input_token_details" WORD;
    InputTokens "input_tokens" WORD;
    InputTokensCamel "inputTokens" WORD;
    InputTokensDetails "input_tokens_details" WORD;
    Instructions "instructions" SOME;
    Interaction "interaction" WORD;
    InvocationMetrics "amazon-bedrock-invocationMetrics" WORD;
    ItemKey "item" SOME;
    Json "json" SOME;
    KvTransferParams "kv_transfer_params" SOME;
    Limit "limit" WORD;
    MatchedStop "matched_stop" WORD;
    MaxCompletionTokens "max_completion_tokens" WORD;
    MaxGenLen "max_gen_len" WORD;
    MaxNewTokens "max_new_tokens" WORD;
    MaxOutputTokens "max_output_tokens" WORD;
    MaxOutputTokensCamel "maxOutputTokens" WORD;
    MaxTokenCount "maxTokenCount" WORD;
    MaxTokens "max_tokens" WORD;
    MaxTokensCamel "maxTokens" WORD;
    MaxTokensToSample "max_tokens_to_sample" WORD;
    Message "message" LONG;
    Messages "messages" SOME;
    MessageUpper "Message" LONG;
    Meta "meta" WORD;
    Metadata "metadata" LONG;
    MetaInfo "meta_info" WORD;
    Metrics "metrics" WORD;
    Modality "modality" WORD;
    Model "model" WORD;
    ModelId "model_id" WORD;
    ModelName "model_name" WORD;
    ModelTurn "modelTurn" SOME;
    ModelVersion "modelVersion" WORD;
    ModelVersionSnake "model_version" WORD;
    Name "name" WORD;
    NumGeneratedTokens "num_tokens_generated" WORD;
    NumPredict "num_predict" WORD;
    NumPromptTokens "num_tokens_prompt_total" WORD;
    Object "object" WORD;
    Options "options" WORD;
    OriginalStatusCode "originalStatusCode" WORD;
    Output "output" SOME;
    Outputs "outputs" SOME;
    OutputText "outputText" SOME;
    OutputTokenCount "outputTokenCount" WORD;
    OutputTokenCountSnake "output_token_count" WORD;
    OutputTokenDetails "output_token_details" WORD;
    OutputTokens "output_tokens" WORD;
    OutputTokensCamel "outputTokens" WORD;
    OutputTokensDetails "output_tokens_details" WORD;
    OutputTranscription "outputTranscription" SOME;
    P "p" WORD;
    Parameters "parameters" WORD;
    PartialJson "partial_json" SOME;
    Parts "parts" SOME;
    Preamble "preamble" SOME;
    PredictedPerSecond "predicted_per_second" WORD;
    Predictions "predictions" SOME;
    Prefill "prefill" WORD;
    PreviousInteractionId "previous_interaction_id" WORD;
    PreviousResponseId "previous_response_id" WORD;
    Prompt "prompt" SOME;
    PromptCacheHitTokens "prompt_cache_hit_tokens" WORD;
    PromptEvalCount "prompt_eval_count" WORD;
    PromptFeedback "promptFeedback" WORD;
    PromptLogprobs "prompt_logprobs" SOME;
    PromptTokenCount "promptTokenCount" WORD;
    PromptTokenCountSnake "prompt_token_count" WORD;
    PromptTokens "prompt_tokens" WORD;
    PromptTokensDetails "prompt_tokens_details" WORD;
    RateLimits "rate_limits" WORD;
    Reason "reason" WORD;
    Reasoning "reasoning" SOME;
    ReasoningContent "reasoning_content" SOME;
    ReasoningContentCamel "reasoningContent" SOME;
    ReasoningTokens "reasoning_tokens" WORD;
    Refusal "refusal" SOME;
    Remaining "remaining" WORD;
    RequestId "request_id" WORD;
    ResetSeconds "reset_seconds" WORD;
    Response "response" SOME;
    ResponseId "response_id" WORD;
    ResponseIdCamel "responseId" WORD;
    ResponseTokenCount "responseTokenCount" WORD;
    Result "result" SOME;
    Results "results" SOME;
    RetryDelay "retryDelay" WORD;
    Role "role" WORD;
    ServerContent "serverContent" SOME;
    ServerToolUse "server_tool_use" WORD;
    ServiceTier "service_tier" WORD;
    ServiceTierCamel "serviceTier" WORD;
    SessionId "session_id" WORD;
    Setup "setup" WORD;
    Start "start" WORD;
    Statistics "statistics" WORD;
    Stats "stats" WORD;
    Status "status" WORD;
    StatusCode "status_code" WORD;
    StatusDetails "status_details" WORD;
    StatusMsg "status_msg" LONG;
    Steps "steps" SOME;
    Stop "stop" WORD;
    StopReason "stop_reason" WORD;
    StopReasonCamel "stopReason" WORD;
    Stream "stream" WORD;
    System "system" SOME;
    SystemFingerprint "system_fingerprint" WORD;
    SystemInstruction "systemInstruction" SOME;
    SystemInstructionSnake "system_instruction" SOME;
    Temperature "temperature" WORD;
    Text "text" SOME;
    TextGenerationConfig "textGenerationConfig" WORD;
    TextOutput "text_output" SOME;
    Thinking "thinking" SOME;
    ThinkingTokens "thinking_tokens" WORD;
    ThoughtsTokenCount "thoughtsTokenCount" WORD;
    Timings "timings" WORD;
    Token "token" SOME;
    TokenCount "token_count" WORD;
    TokenCountCamel "tokenCount" WORD;
    Tokens "tokens" WORD;
    TokensPerSecond "tokens_per_second" WORD;
    ToolCall "toolCall" WORD;
    ToolCalls "tool_calls" SOME;
    ToolConfig "toolConfig" WORD;
    Tools "tools" SOME;
    ToolUse "toolUse" SOME;
    ToolUsePromptTokenCount "toolUsePromptTokenCount" WORD;
    TopP "top_p" WORD;
    TopPCamel "topP" WORD;
    TotalCachedTokens "total_cached_tokens" WORD;
    TotalCost "total_cost" WORD;
    TotalInputTokens "total_input_tokens" WORD;
    TotalOutputTextTokenCount "totalOutputTextTokenCount" WORD;
    TotalOutputTokens "total_output_tokens" WORD;
    TotalThoughtTokens "total_thought_tokens" WORD;
    TotalTokenCount "totalTokenCount" WORD;
    TotalTokens "total_tokens" WORD;
    TotalTokensCamel "totalTokens" WORD;
    TotalToolUseTokens "total_tool_use_tokens" WORD;
    TrafficType "trafficType" WORD;
    TurnComplete "turnComplete" WORD;
    Type "type" WORD;
    Usage "usage" WORD;
    Usd "usd" WORD;
    UsageMetadata "usageMetadata" WORD;
    Version "version" WORD;
    WebSearchRequests "web_search_requests" WORD;
    XGroq "x_groq" WORD;
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn keys_are_found_by_their_whole_text() {
        assert_eq!(Key::find(b"usage"), Key::Usage);
        assert_eq!(Key::find(b"usag"), Key::Unknown);
        assert_eq!(Key::find(b"Usage"), Key::Unknown);
        assert_eq!(Key::find(b""), Key::Unknown);
    }
}
