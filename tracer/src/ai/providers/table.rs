//! The providers, one row each, sorted by id.
//!
//! A row says only what differs from [`Provider::NONE`]. Hosts come from the vendors' own
//! documentation and from recorded traffic; a local server gets a `port` only when nobody else
//! listens there (8000, 8080 and 3000 belong to everyone), else its headers must betray it.

use super::{Host, Provider};
use crate::ai::endpoint::Family::{self, *};
use crate::ai::rate_limit::LimitFamily;

const fn exact(name: &'static str) -> Host {
    Host::exact(name)
}
const fn suffix(name: &'static str) -> Host {
    Host::suffix(name)
}
const fn labels(name: &'static str) -> Host {
    Host::labels(name)
}

const CHAT: &[Family] = &[OpenAiChat];
const OPENAI: &[Family] = &[OpenAiChat, OpenAiCompletions, OpenAiEmbeddings];

/// Gateways hand on what the provider behind them says.
const UPSTREAM_ORGANIZATION: &[&str] = &["openai-organization", "anthropic-organization-id"];
const UPSTREAM_PROJECT: &[&str] = &["openai-project", "anthropic-workspace-id"];

/// Anyone who speaks a known wire format at an address nobody knows.
pub static OPENAI_COMPATIBLE: Provider = Provider {
    id: "openai_compatible",
    otel: "openai_compatible",
    families: OPENAI,
    ..Provider::NONE
};

/// Sorted by id.
pub static PROVIDERS: &[Provider] = &[
    Provider {
        id: "ai21",
        otel: "ai21",
        hosts: &[exact("api.ai21.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "aleph_alpha",
        otel: "aleph_alpha",
        hosts: &[exact("api.aleph-alpha.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "anthropic",
        otel: "anthropic",
        hosts: &[exact("api.anthropic.com")],
        families: &[AnthropicMessages, AnthropicCountTokens, AnthropicBatches],
        rate_limit: LimitFamily::Anthropic,
        request_id_headers: &["request-id"],
        organization_headers: &["anthropic-organization-id"],
        project_headers: &["anthropic-workspace-id"],
        ..Provider::NONE
    },
    Provider {
        id: "assemblyai",
        otel: "assemblyai",
        hosts: &[exact("api.assemblyai.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "avian",
        otel: "avian",
        hosts: &[exact("api.avian.io")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "azure_ai",
        otel: "azure.ai.inference",
        hosts: &[
            suffix(".inference.ml.azure.com"),
            suffix(".models.ai.azure.com"),
            suffix(".services.ai.azure.com"),
        ],
        families: &[OpenAiChat, OpenAiResponses, AnthropicMessages, OpenAiEmbeddings],
        rate_limit: LimitFamily::Azure,
        request_id_headers: &["apim-request-id", "x-request-id", "request-id"],
        ..Provider::NONE
    },
    Provider {
        id: "azure_openai",
        otel: "azure.ai.openai",
        hosts: &[
            suffix(".cognitiveservices.azure.com").under("/openai/"),
            suffix(".openai.azure.com"),
            suffix(".openai.azure.us"),
            suffix(".services.ai.azure.com").under("/openai/"),
        ],
        families: &[
            OpenAiChat,
            OpenAiCompletions,
            OpenAiEmbeddings,
            OpenAiResponses,
            OpenAiImages,
            OpenAiAudio,
            OpenAiRealtime,
        ],
        rate_limit: LimitFamily::Azure,
        request_id_headers: &["x-request-id", "apim-request-id", "x-ms-client-request-id"],
        ..Provider::NONE
    },
    Provider {
        id: "baidu_qianfan",
        otel: "baidu_qianfan",
        hosts: &[exact("qianfan.baidubce.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "baseten",
        otel: "baseten",
        hosts: &[exact("inference.baseten.co")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "bedrock",
        otel: "aws.bedrock",
        hosts: &[
            labels("**.bedrock-runtime.*.vpce.amazonaws.com"),
            labels("bedrock-agent-runtime-fips.*.amazonaws.com"),
            labels("bedrock-agent-runtime.*.amazonaws.com"),
            labels("bedrock-mantle.*.api.aws"),
            labels("bedrock-runtime-fips.*.amazonaws.com"),
            labels("bedrock-runtime.*.amazonaws.com"),
            labels("bedrock-runtime.*.amazonaws.com.cn"),
        ],
        families: &[BedrockConverse, BedrockInvoke, OpenAiChat, OpenAiResponses],
        rate_limit: LimitFamily::Bedrock,
        request_id_headers: &["x-amzn-requestid"],
        ..Provider::NONE
    },
    Provider {
        id: "cerebras",
        otel: "cerebras",
        hosts: &[exact("api.cerebras.ai")],
        families: OPENAI,
        rate_limit: LimitFamily::Cerebras,
        ..Provider::NONE
    },
    Provider {
        id: "charm_hyper",
        otel: "charm_hyper",
        hosts: &[exact("hyper.charm.land")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "cloudflare",
        otel: "cloudflare",
        hosts: &[exact("api.cloudflare.com").under("/ai/")],
        families: CHAT,
        request_id_headers: &["cf-ray", "cf-ai-req-id"],
        ..Provider::NONE
    },
    Provider {
        id: "cloudflare_gateway",
        otel: "cloudflare_gateway",
        hosts: &[exact("gateway.ai.cloudflare.com")],
        families: &[OpenAiChat, AnthropicMessages, GeminiGenerate, BedrockConverse],
        request_id_headers: &["cf-aig-log-id", "cf-ray"],
        betrayed_by: &[("cf-aig-log-id", "")],
        organization_headers: UPSTREAM_ORGANIZATION,
        project_headers: UPSTREAM_PROJECT,
        ..Provider::NONE
    },
    Provider {
        id: "cohere",
        otel: "cohere",
        hosts: &[exact("api.cohere.ai"), exact("api.cohere.com")],
        families: &[CohereV2, CohereV1, OpenAiChat],
        request_id_headers: &["x-debug-trace-id"],
        ..Provider::NONE
    },
    Provider {
        id: "crusoe",
        otel: "crusoe",
        hosts: &[exact("api.inference.crusoecloud.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "dashscope",
        otel: "dashscope",
        hosts: &[
            exact("cn-hongkong.dashscope.aliyuncs.com"),
            exact("dashscope-intl.aliyuncs.com"),
            exact("dashscope-us.aliyuncs.com"),
            exact("dashscope.aliyuncs.com"),
        ],
        families: &[OpenAiChat, OpenAiEmbeddings, DashscopeNative],
        ..Provider::NONE
    },
    Provider {
        id: "databricks",
        otel: "databricks",
        hosts: &[
            suffix(".azuredatabricks.net").under("/serving-endpoints"),
            suffix(".cloud.databricks.com").under("/serving-endpoints"),
            suffix(".gcp.databricks.com").under("/serving-endpoints"),
        ],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "deepgram",
        otel: "deepgram",
        hosts: &[exact("api.deepgram.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "deepinfra",
        otel: "deepinfra",
        hosts: &[exact("api.deepinfra.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "deepseek",
        otel: "deepseek",
        hosts: &[exact("api.deepseek.com")],
        families: &[
            OpenAiChat,
            OpenAiCompletions,
            OpenAiEmbeddings,
            OpenAiResponses,
            AnthropicMessages,
        ],
        request_id_headers: &["x-ds-trace-id"],
        ..Provider::NONE
    },
    Provider {
        id: "doubleword",
        otel: "doubleword",
        hosts: &[exact("api.doubleword.ai")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "elevenlabs",
        otel: "elevenlabs",
        hosts: &[exact("api.elevenlabs.io")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "fal",
        otel: "fal",
        hosts: &[exact("fal.run")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "featherless",
        otel: "featherless",
        hosts: &[exact("api.featherless.ai")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "fireworks",
        otel: "fireworks",
        hosts: &[exact("api.fireworks.ai")],
        families: &[
            OpenAiChat,
            OpenAiCompletions,
            OpenAiEmbeddings,
            OpenAiResponses,
            AnthropicMessages,
        ],
        rate_limit: LimitFamily::OpenAi,
        ..Provider::NONE
    },
    Provider {
        id: "friendli",
        otel: "friendli",
        hosts: &[exact("api.friendli.ai")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "gemini",
        otel: "gcp.gemini",
        hosts: &[exact("generativelanguage.googleapis.com")],
        families: &[
            GeminiGenerate,
            GeminiEmbed,
            GeminiInteractions,
            GeminiLive,
            OpenAiChat,
            OpenAiEmbeddings,
        ],
        rate_limit: LimitFamily::Google,
        request_id_headers: &[],
        project_headers: &["x-goog-user-project"],
        ..Provider::NONE
    },
    Provider {
        id: "github_copilot",
        otel: "github_copilot",
        hosts: &[exact("api.githubcopilot.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "github_models",
        otel: "github_models",
        hosts: &[exact("models.github.ai")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "groq",
        otel: "groq",
        hosts: &[exact("api.groq.com")],
        families: &[OpenAiChat, OpenAiCompletions, OpenAiEmbeddings, OpenAiResponses, OpenAiAudio],
        rate_limit: LimitFamily::Groq,
        ..Provider::NONE
    },
    Provider {
        id: "heroku",
        otel: "heroku",
        hosts: &[exact("us.inference.heroku.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "huggingface",
        otel: "huggingface",
        hosts: &[
            exact("api-inference.huggingface.co"),
            exact("router.huggingface.co"),
            suffix(".endpoints.huggingface.cloud"),
        ],
        families: &[OpenAiChat, Tgi],
        request_id_headers: &["x-request-id", "x-inference-request-id"],
        organization_headers: &["x-hf-bill-to"],
        ..Provider::NONE
    },
    Provider {
        id: "hyperbolic",
        otel: "hyperbolic",
        hosts: &[exact("api.hyperbolic.xyz")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "inception",
        otel: "inception",
        hosts: &[exact("api.inceptionlabs.ai")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "jina",
        otel: "jina",
        hosts: &[exact("api.jina.ai")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "lambda",
        otel: "lambda",
        hosts: &[exact("api.lambda.ai")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "litellm",
        otel: "litellm",
        families: &[OpenAiChat, AnthropicMessages, OpenAiResponses],
        request_id_headers: &["x-litellm-call-id"],
        betrayed_by: &[("x-litellm-version", ""), ("x-litellm-call-id", "")],
        organization_headers: UPSTREAM_ORGANIZATION,
        project_headers: UPSTREAM_PROJECT,
        ..Provider::NONE
    },
    Provider {
        id: "llamacpp",
        otel: "llamacpp",
        families: &[OpenAiChat, OpenAiCompletions, OpenAiEmbeddings, AnthropicMessages],
        betrayed_by: &[("server", "llama.cpp")],
        ..Provider::NONE
    },
    Provider {
        id: "lmstudio",
        otel: "lmstudio",
        families: &[OpenAiChat, OpenAiCompletions, OpenAiEmbeddings, OpenAiResponses],
        ..Provider::NONE
    },
    Provider {
        id: "minimax",
        otel: "minimax",
        hosts: &[exact("api.minimax.chat"), exact("api.minimax.io"), exact("api.minimaxi.com")],
        families: &[OpenAiChat, AnthropicMessages],
        request_id_headers: &["minimax-request-id", "trace-id"],
        ..Provider::NONE
    },
    Provider {
        id: "mistral",
        otel: "mistral_ai",
        hosts: &[exact("api.mistral.ai"), exact("codestral.mistral.ai")],
        families: &[OpenAiChat, OpenAiCompletions, OpenAiEmbeddings, MistralConversations],
        rate_limit: LimitFamily::Mistral,
        request_id_headers: &["mistral-correlation-id", "x-kong-request-id"],
        ..Provider::NONE
    },
    Provider {
        id: "modal",
        otel: "modal",
        hosts: &[exact("api.modal.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "moonshot",
        otel: "moonshot_ai",
        hosts: &[exact("api.kimi.com"), exact("api.moonshot.ai"), exact("api.moonshot.cn")],
        families: OPENAI,
        request_id_headers: &["msh-request-id", "x-msh-request-id"],
        ..Provider::NONE
    },
    Provider {
        id: "morph",
        otel: "morph",
        hosts: &[exact("api.morphllm.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "nebius",
        otel: "nebius",
        hosts: &[exact("api.studio.nebius.ai")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "novita",
        otel: "novita",
        hosts: &[exact("api.novita.ai")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "nvidia",
        otel: "nvidia",
        hosts: &[exact("ai.api.nvidia.com"), exact("integrate.api.nvidia.com")],
        families: OPENAI,
        request_id_headers: &["nvcf-reqid"],
        ..Provider::NONE
    },
    Provider {
        id: "ollama",
        otel: "ollama",
        hosts: &[exact("ollama.com")],
        port: Some(11434),
        families: &[OllamaChat, OllamaEmbed, OpenAiChat, AnthropicMessages, OpenAiResponses],
        ..Provider::NONE
    },
    Provider {
        id: "openai",
        otel: "openai",
        hosts: &[
            exact("api.openai.com"),
            exact("chatgpt.com").under("/backend-api/codex"),
            exact("eu.api.openai.com"),
            exact("us.api.openai.com"),
        ],
        families: &[
            OpenAiChat,
            OpenAiCompletions,
            OpenAiEmbeddings,
            OpenAiResponses,
            OpenAiImages,
            OpenAiAudio,
            OpenAiModerations,
            OpenAiAssistants,
            OpenAiBatches,
            OpenAiRealtime,
        ],
        rate_limit: LimitFamily::OpenAi,
        organization_headers: &["openai-organization"],
        project_headers: &["openai-project"],
        ..Provider::NONE
    },
    Provider {
        id: "openrouter",
        otel: "openrouter",
        hosts: &[exact("openrouter.ai")],
        families: &[
            OpenAiChat,
            OpenAiCompletions,
            OpenAiEmbeddings,
            OpenAiResponses,
            AnthropicMessages,
        ],
        rate_limit: LimitFamily::OpenRouter,
        request_id_headers: &["x-generation-id"],
        ..Provider::NONE
    },
    Provider {
        id: "perplexity",
        otel: "perplexity",
        hosts: &[exact("api.perplexity.ai")],
        families: &[OpenAiChat, OpenAiResponses],
        ..Provider::NONE
    },
    Provider {
        id: "portkey",
        otel: "portkey",
        hosts: &[exact("api.portkey.ai")],
        families: CHAT,
        request_id_headers: &["x-request-id", "x-portkey-trace-id"],
        betrayed_by: &[("x-portkey-trace-id", "")],
        organization_headers: UPSTREAM_ORGANIZATION,
        project_headers: UPSTREAM_PROJECT,
        ..Provider::NONE
    },
    Provider {
        id: "pydantic_gateway",
        otel: "pydantic_gateway",
        hosts: &[exact("gateway.pydantic.dev")],
        families: CHAT,
        organization_headers: UPSTREAM_ORGANIZATION,
        project_headers: UPSTREAM_PROJECT,
        ..Provider::NONE
    },
    Provider {
        id: "replicate",
        otel: "replicate",
        hosts: &[
            exact("api.replicate.com"),
            exact("stream.replicate.com"),
            suffix(".replicate.net"),
        ],
        families: &[Replicate],
        rate_limit: LimitFamily::Replicate,
        ..Provider::NONE
    },
    Provider {
        id: "sagemaker",
        otel: "sagemaker",
        hosts: &[
            labels("runtime.sagemaker.*.amazonaws.com"),
            labels("runtime.sagemaker.*.amazonaws.com.cn"),
        ],
        families: &[Tgi],
        request_id_headers: &["x-amzn-requestid"],
        ..Provider::NONE
    },
    Provider {
        id: "sambanova",
        otel: "sambanova",
        hosts: &[exact("api.sambanova.ai")],
        families: OPENAI,
        ..Provider::NONE
    },
    Provider { id: "sglang", otel: "sglang", families: OPENAI, ..Provider::NONE },
    Provider {
        id: "siliconflow",
        otel: "siliconflow",
        hosts: &[exact("api.siliconflow.cn")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "snowflake",
        otel: "snowflake",
        hosts: &[suffix(".snowflakecomputing.com").under("/cortex/")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "stability",
        otel: "stability",
        hosts: &[exact("api.stability.ai")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "stepfun",
        otel: "stepfun",
        hosts: &[exact("api.stepfun.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "tencent_hunyuan",
        otel: "tencent_hunyuan",
        hosts: &[exact("api.hunyuan.cloud.tencent.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "tgi",
        otel: "tgi",
        families: &[Tgi, OpenAiChat],
        betrayed_by: &[("x-compute-type", "")],
        ..Provider::NONE
    },
    Provider {
        id: "together",
        otel: "together",
        hosts: &[exact("api.together.ai"), exact("api.together.xyz")],
        families: &[OpenAiChat, OpenAiCompletions, OpenAiEmbeddings, OpenAiImages],
        rate_limit: LimitFamily::Together,
        request_id_headers: &["x-request-id", "x-amzn-trace-id"],
        ..Provider::NONE
    },
    Provider {
        id: "triton",
        otel: "triton",
        families: &[Triton],
        betrayed_by: &[("nv-status", ""), ("triton-request-id", "")],
        ..Provider::NONE
    },
    Provider {
        id: "upstage",
        otel: "upstage",
        hosts: &[exact("api.upstage.ai")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "venice",
        otel: "venice",
        hosts: &[exact("api.venice.ai")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "vercel_gateway",
        otel: "vercel_gateway",
        hosts: &[exact("ai-gateway.vercel.sh")],
        families: &[OpenAiChat, AnthropicMessages],
        request_id_headers: &["x-vercel-id"],
        organization_headers: UPSTREAM_ORGANIZATION,
        project_headers: UPSTREAM_PROJECT,
        ..Provider::NONE
    },
    Provider {
        id: "vertex",
        otel: "gcp.vertex_ai",
        hosts: &[
            exact("aiplatform.googleapis.com"),
            labels("*-aiplatform.googleapis.com"),
            labels("aiplatform.*.rep.googleapis.com"),
        ],
        families: &[GeminiGenerate, VertexPredict, AnthropicMessages, OpenAiChat],
        rate_limit: LimitFamily::Google,
        request_id_headers: &[],
        project_headers: &["x-goog-user-project"],
        ..Provider::NONE
    },
    Provider {
        id: "vllm",
        otel: "vllm",
        families: &[
            OpenAiChat,
            OpenAiCompletions,
            OpenAiEmbeddings,
            OpenAiResponses,
            AnthropicMessages,
        ],
        ..Provider::NONE
    },
    Provider {
        id: "volcengine_ark",
        otel: "volcengine_ark",
        hosts: &[exact("ark.cn-beijing.volces.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "voyage",
        otel: "voyage",
        hosts: &[exact("api.voyageai.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "watsonx",
        otel: "ibm.watsonx.ai",
        hosts: &[suffix(".ml.cloud.ibm.com")],
        families: &[Watsonx],
        ..Provider::NONE
    },
    Provider {
        id: "writer",
        otel: "writer",
        hosts: &[exact("api.writer.com")],
        families: CHAT,
        ..Provider::NONE
    },
    Provider {
        id: "xai",
        otel: "x_ai",
        hosts: &[exact("api.x.ai"), exact("eu-west-1.api.x.ai"), exact("us-east-1.api.x.ai")],
        families: &[
            OpenAiChat,
            OpenAiCompletions,
            OpenAiEmbeddings,
            OpenAiResponses,
            OpenAiImages,
            AnthropicMessages,
        ],
        rate_limit: LimitFamily::OpenAi,
        request_id_headers: &["x-request-id", "x-trace-id"],
        ..Provider::NONE
    },
    Provider {
        id: "zhipu",
        otel: "zhipu",
        hosts: &[exact("api.z.ai"), exact("open.bigmodel.cn")],
        families: &[OpenAiChat, OpenAiCompletions, OpenAiEmbeddings, AnthropicMessages],
        request_id_headers: &["x-log-id"],
        ..Provider::NONE
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::ai::providers::Name;
    use crate::http::headers::Headers;

    #[test]
    fn rows_are_sorted_and_unique() {
        assert_eq!(PROVIDERS.len(), 77);
        assert!(PROVIDERS.windows(2).all(|pair| pair[0].id < pair[1].id));
        let names: HashSet<_> = PROVIDERS.iter().map(|row| row.otel).collect();
        assert_eq!(names.len(), PROVIDERS.len());
    }

    #[test]
    fn a_host_has_one_owner_and_header_names_are_lower_case() {
        let mut seen = HashSet::new();
        for row in PROVIDERS {
            for host in row.hosts {
                let (Name::Exact(name) | Name::Suffix(name) | Name::Labels(name)) = host.name;
                assert_eq!(name, name.to_ascii_lowercase());
                assert!(seen.insert((name, host.path)), "{name} twice");
                if let Name::Suffix(end) = host.name {
                    assert!(end.starts_with('.'), "{end}");
                }
            }
            assert!(
                !row.hosts.is_empty()
                    || row.port.is_some()
                    || !row.betrayed_by.is_empty()
                    || ["lmstudio", "sglang", "vllm"].contains(&row.id),
                "{} can never be found",
                row.id
            );
            for name in row
                .request_id_headers
                .iter()
                .chain(row.organization_headers)
                .chain(row.project_headers)
            {
                assert_eq!(**name, name.to_ascii_lowercase());
            }
        }
    }

    #[test]
    fn the_allow_list_passes_headers_the_rows_name() {
        for row in PROVIDERS {
            let betraying = row.betrayed_by.iter().map(|(name, _)| name);
            let ids = row.request_id_headers.iter().chain(row.organization_headers);
            for name in ids.chain(row.project_headers).chain(betraying) {
                let mut headers = Headers::default();
                headers.push(name.as_bytes(), b"x");
                assert_eq!(headers.first(name), Some("x"), "{}: {name}", row.id);
            }
        }
    }
}
