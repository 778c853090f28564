//! Whose prices apply: a provider's own, then those of the maker whose model it serves at list price.

/// Makers whose models are known by their names alone.
const MAKERS: &[&str] = &[
    "openai",
    "anthropic",
    "gcp.gemini",
    "x_ai",
    "deepseek",
    "mistral_ai",
    "cohere",
    "moonshot_ai",
    "zhipu",
    "minimax",
    "perplexity",
];

/// The provider whose model this is (`gen_ai.provider.name`), then where else to look; empty: what it
/// serves has no price a token (local servers, subscriptions).
pub(super) fn others(provider: &str, host: &str) -> &'static [&'static str] {
    match provider {
        "azure.ai.openai" => &["openai"],
        "azure.ai.inference" => &["openai", "x_ai", "mistral_ai", "cohere", "deepseek"],
        "aws.bedrock" => &["anthropic", "openai"],
        "gcp.vertex_ai" => &["gcp.gemini", "anthropic", "mistral_ai"],
        "openrouter" | "litellm" | "portkey" | "cloudflare_gateway" | "vercel_gateway"
        | "pydantic_gateway" => MAKERS,
        // Somebody's gateway, unless it is a server next door that calls its model as it likes.
        "openai_compatible" if !is_near(host) => MAKERS,
        _ => &[],
    }
}

/// This host or its neighbours: addresses, and names without a domain.
fn is_near(host: &str) -> bool {
    let name = host.trim_matches(['[', ']']);
    !name.contains('.')
        || name.parse::<std::net::IpAddr>().is_ok()
        || [".local", ".internal", ".localhost", ".svc"].iter().any(|end| name.ends_with(end))
}

/// Our name of a provider in LiteLLM's file.
pub(super) fn from_litellm(provider: &str) -> &str {
    match provider {
        "azure" | "azure_text" => "azure.ai.openai",
        "azure_ai" => "azure.ai.inference",
        "bedrock" | "bedrock_converse" => "aws.bedrock",
        "gemini" => "gcp.gemini",
        "mistral" => "mistral_ai",
        "cohere_chat" => "cohere",
        "xai" => "x_ai",
        "together_ai" => "together",
        "moonshot" => "moonshot_ai",
        "zai" => "zhipu",
        "watsonx" => "ibm.watsonx.ai",
        "text-completion-openai" => "openai",
        name if name.starts_with("vertex_ai") => "gcp.vertex_ai",
        name if name.starts_with("fireworks_ai") => "fireworks",
        name => name,
    }
}
