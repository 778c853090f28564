//! What a request asks for, from its address alone: operation, wire family, model, streaming.
//!
//! In: provider (when the host told), method, path, query. Out: an [`Endpoint`], or `None` for what
//! is no AI call. Patterns match the end of a path, because gateways put anything in front of it.
//! Limits: model names are cut at [`MAX_MODEL`] bytes, paths longer than [`MAX_PATH`] match nothing.

mod family;
mod pattern;
mod routes;

pub use self::family::Family;
use self::pattern::{Matched, Path};
use self::routes::Route;
pub(crate) use self::routes::{Anyone, Operation, ROUTES};
use super::providers::Provider;

/// Longest model name taken from a path (an ARN is at most 2048, AWS' own are below 200).
pub const MAX_MODEL: usize = 256;
/// Longest path looked at.
pub const MAX_PATH: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `gen_ai.operation.name`
    pub operation: &'static str,
    /// Who decodes the bodies.
    pub family: Family,
    /// Model or deployment in the path or query, percent-decoded; the body's own wins where both are.
    pub model: Option<String>,
    /// Only where the address says so.
    pub stream: Option<bool>,
    /// False: chat programs and other software use this path as well; headers or bodies must
    /// confirm before a call is reported.
    pub sure: bool,
}

/// The endpoint of a request. `method` upper case, `path` as sent without query.
///
/// A known provider's other paths are operation `other` in family [`Family::Other`].
pub fn recognise(
    provider: Option<&Provider>,
    method: &str,
    path: &str,
    query: &str,
) -> Option<Endpoint> {
    let known = provider.filter(|row| row.id != "openai_compatible");
    if path.len() <= MAX_PATH
        && let Some(path) = Path::new(path)
    {
        for route in ROUTES {
            if let Some(sure) = claims(route, known, method)
                && let Some(found) = pattern::find(route.path, &path)
            {
                return Some(endpoint(route, known, &found, query, sure || provider.is_some()));
            }
        }
    }
    known.map(|_| Endpoint {
        operation: "other",
        family: Family::Other,
        model: None,
        stream: None,
        sure: true,
    })
}

/// Whether the route may be used for this provider and method, and how sure it makes us.
fn claims(route: &Route, provider: Option<&Provider>, method: &str) -> Option<bool> {
    // An empty method was lost with the head's beginning: the path alone decides.
    if !(route.method.is_empty() || method.is_empty() || method == route.method) {
        return None;
    }
    match provider {
        Some(row) => (route.only.is_empty() || route.only.contains(&row.id)).then_some(true),
        None => match route.anyone {
            Anyone::Sure => Some(true),
            Anyone::Hint => Some(false),
            Anyone::No => None,
        },
    }
}

fn endpoint(
    route: &Route,
    provider: Option<&Provider>,
    found: &Matched<'_>,
    query: &str,
    sure: bool,
) -> Endpoint {
    let model = found
        .model
        .map(decode)
        .or_else(|| (route.family == Family::OpenAiRealtime).then(|| query_model(query)).flatten());
    let operation = match route.operation {
        Operation::Is(name) => name,
        Operation::ByModel => by_model(model.as_deref().unwrap_or_default()),
    };
    let family = match (route.family, operation) {
        // Vertex hands other publishers' models their own bodies.
        (Family::AnthropicMessages, _)
            if found.publisher.is_some_and(|name| name != "anthropic")
                && provider.is_some_and(|row| row.id == "vertex") =>
        {
            Family::OpenAiChat
        }
        (family, _) => family,
    };
    Endpoint { operation, family, model, stream: route.stream, sure }
}

/// Percent-decoded (RFC 3986 §2.1), control characters replaced, cut.
fn decode(raw: &str) -> String {
    let text = percent_encoding::percent_decode_str(raw).collect::<Vec<u8>>();
    let text = String::from_utf8_lossy(&text);
    let mut end = text.len().min(MAX_MODEL);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end)
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

fn query_model(query: &str) -> Option<String> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, value)| matches!(*key, "model" | "deployment") && !value.is_empty())
        .map(|(_, value)| decode(value))
}

/// One path serves every kind of model (Bedrock invoke, Vertex predict): the model's name tells.
fn by_model(model: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| model.contains(word));
    if has(&["embed"]) {
        "embeddings"
    } else if has(&["rerank"]) {
        "rerank"
    } else if has(&[
        "imagen",
        "image",
        "canvas",
        "stability.",
        "stable-diffusion",
        "/flux",
        "imagegeneration",
    ]) {
        "image"
    } else if has(&["veo", "reel", "luma.ray"]) {
        "video"
    } else if has(&["whisper", "chirp"]) {
        "transcription"
    } else if has(&[
        "titan-text",
        "titan-tg1",
        "ai21.j2",
        "cohere.command-text",
        "cohere.command-light",
        "meta.llama",
        "mistral.mistral-7b",
        "mistral.mixtral",
        "mistral.mistral-small",
        "mistral.mistral-large-2402",
        "arn:aws:sagemaker:",
    ]) {
        // These take one `prompt` string.
        "text_completion"
    } else {
        "chat"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ai::providers::by_id;

    fn at(provider: &str, method: &str, path: &str) -> (&'static str, Family, Option<String>) {
        let found = recognise(by_id(provider), method, path, "").unwrap();
        (found.operation, found.family, found.model)
    }

    #[test]
    fn models_come_out_of_paths() {
        let model = |provider: &str, path: &str| at(provider, "POST", path).2.unwrap();
        assert_eq!(
            model("bedrock", "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"),
            "anthropic.claude-3-haiku-20240307-v1:0"
        );
        let arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-lite-v1:0";
        assert_eq!(model("bedrock", &format!("/model/{arn}/converse-stream")), arn);
        let encoded = "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx";
        assert_eq!(
            model("bedrock", &format!("/model/{encoded}/invoke")),
            "arn:aws:bedrock:us-east-1:1:inference-profile/x"
        );
        assert_eq!(model("azure_openai", "/openai/deployments/gpt-4o/chat/completions"), "gpt-4o");
        let vertex =
            "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:generateContent";
        assert_eq!(model("vertex", vertex), "gemini-2.5-pro");
        let claude = "/v1/projects/p/locations/l/publishers/anthropic/models/claude-3-7-sonnet@20250219:streamRawPredict";
        assert_eq!(
            at("vertex", "POST", claude),
            ("chat", Family::AnthropicMessages, Some("claude-3-7-sonnet@20250219".into()))
        );
        let mistral = claude.replace("anthropic", "mistralai");
        assert_eq!(at("vertex", "POST", &mistral).1, Family::OpenAiChat);
        let live = recognise(by_id("openai"), "GET", "/v1/realtime", "a=b&model=gpt-realtime");
        assert_eq!(live.unwrap().model.as_deref(), Some("gpt-realtime"));
    }

    #[test]
    fn prefixes_of_gateways_do_not_matter() {
        for path in [
            "/chat/completions",
            "/openai/v1/chat/completions",
            "/api/v1/chat/completions/",
            "/compat/chat/completions",
            "/v1/acct/gw/groq/chat/completions",
        ] {
            let found = recognise(None, "POST", path, "").unwrap();
            assert_eq!(
                (found.operation, found.family, found.sure),
                ("chat", Family::OpenAiChat, true),
                "{path}"
            );
        }
    }

    #[test]
    fn look_alikes_need_a_second_hint() {
        for path in [
            "/v1/messages",
            "/responses",
            "/api/responses",
            "/api/chat",
            "/generate",
            "/embeddings",
        ] {
            assert!(!recognise(None, "POST", path, "").unwrap().sure, "{path}");
        }
        assert!(recognise(by_id("anthropic"), "POST", "/v1/messages", "").unwrap().sure);
        assert!(recognise(by_id("openai_compatible"), "POST", "/v1/messages", "").unwrap().sure);
    }

    #[test]
    fn other_software_is_left_alone() {
        for (method, path) in [
            ("GET", "/chat/completions"),
            ("GET", "/v1/messages"),
            ("POST", "/v1/rerank"),
            ("POST", "/tracing/batches"),
            ("GET", "/models"),
            ("POST", "/files"),
            ("POST", ""),
            ("GET", "/"),
            ("POST", "/v1/threads"),
            ("POST", "/mychat/completionsx"),
            ("POST", "/complete"),
        ] {
            assert_eq!(recognise(None, method, path, ""), None, "{method} {path}");
        }
        assert_eq!(recognise(None, "POST", &"/v1/chat/completions".repeat(300), ""), None);
    }

    #[test]
    fn a_known_host_s_other_paths_are_other() {
        assert_eq!(at("openai", "POST", "/v1/traces/ingest").0, "other");
        assert_eq!(at("openai", "GET", "/v1/responses/resp_1").0, "other");
        assert_eq!(at("openai", "POST", "/v1/responses/input_tokens").0, "token_count");
        assert_eq!(at("bedrock", "POST", "/knowledgebases/X/retrieve").0, "other");
    }

    #[test]
    fn odd_model_names_stay_tame() {
        let long = format!("/model/{}/converse", "%F0%9F%98%80".repeat(200));
        let model = at("bedrock", "POST", &long).2.unwrap();
        assert!(model.len() <= MAX_MODEL);
        assert_eq!(at("bedrock", "POST", "/model/a%0Ab/converse").2.unwrap(), "a\u{fffd}b");
    }
}
