//! The choke point for headers: an allow-list. A header that is not on it never exists behind the parser.
//!
//! In: raw names and values from a parser. Out: values that may be looked at. Credentials survive
//! only as [`Secret`], which has neither `Debug` text nor `Serialize`.

use std::fmt;

/// Bytes that must never reach an output. Only a keyed hash may be made of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Secret {
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
    /// For hashing only.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // The fill must not be optimised away.
        std::hint::black_box(&self.0);
    }
}

/// Longest value kept of an allowed header; longer ones are cut.
pub const MAX_VALUE: usize = 1024;
/// Most allowed headers kept of one message.
pub const MAX_HEADERS: usize = 96;

/// Allowed names, lower case, sorted: a test keeps it so. What HTTP itself needs, and what a
/// provider says about a call: request ids, accounts, limits, waits, usage, who answered.
/// `sec-websocket-protocol` stays out: realtime clients in browsers put the key there.
const ALLOWED: &[&str] = &[
    "accept",
    "accept-encoding",
    "anthropic-beta",
    "anthropic-organization-id",
    "anthropic-version",
    "anthropic-workspace-id",
    "apim-request-id",
    "azureml-model-session",
    "cf-ai-req-id",
    "cf-aig-cache-status",
    "cf-aig-log-id",
    "cf-aig-step",
    "cf-ray",
    "chatgpt-account-id",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "dg-model-name",
    "dg-request-id",
    "expect",
    "fireworks-cached-prompt-tokens",
    "fireworks-prompt-tokens",
    "fireworks-server-time-to-first-token",
    "grpc-status",
    "host",
    "keep-alive",
    "llm_provider-retry-after",
    "llm_provider-x-request-id",
    "minimax-request-id",
    "mistral-correlation-id",
    "msh-request-id",
    "num_chars",
    "num_tokens",
    "nv-status",
    "nvcf-reqid",
    "nvcf-status",
    "openai-beta",
    "openai-model",
    "openai-organization",
    "openai-processing-ms",
    "openai-project",
    "openai-version",
    "ratelimit",
    "ratelimit-policy",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "sec-websocket-extensions",
    "server",
    "server-timing",
    "trace-id",
    "trailer",
    "transfer-encoding",
    "triton-request-id",
    "upgrade",
    "user-agent",
    "x-amz-user-agent",
    "x-amzn-errortype",
    "x-amzn-requestid",
    "x-amzn-trace-id",
    "x-client-name",
    "x-compute-characters",
    "x-compute-time",
    "x-compute-type",
    "x-dashscope-sse",
    "x-databricks-org-id",
    "x-debug-trace-id",
    "x-ds-trace-id",
    "x-endpoint-monthly-call-limit",
    "x-fern-sdk-name",
    "x-fern-sdk-version",
    "x-gemini-service-tier",
    "x-generated-tokens",
    "x-generation-id",
    "x-goog-api-client",
    "x-goog-user-project",
    "x-hf-bill-to",
    "x-inference-provider",
    "x-inference-request-id",
    "x-inference-time",
    "x-inference-version",
    "x-kong-request-id",
    "x-litellm-attempted-fallbacks",
    "x-litellm-attempted-retries",
    "x-litellm-call-id",
    "x-litellm-model-id",
    "x-litellm-response-cost",
    "x-litellm-version",
    "x-log-id",
    "x-max-retry-attempts-reached",
    "x-ms-client-request-id",
    "x-ms-deployment-name",
    "x-ms-is-spilled-over",
    "x-ms-rai-invoked",
    "x-ms-region",
    "x-ms-request-id",
    "x-ms-retry-after-ms",
    "x-ms-served-model",
    "x-msh-request-id",
    "x-portkey-cache-status",
    "x-portkey-last-used-option-index",
    "x-portkey-provider",
    "x-portkey-retry-attempt-count",
    "x-portkey-trace-id",
    "x-prompt-tokens",
    "x-queue-time",
    "x-ratelimit",
    "x-request-id",
    "x-should-retry",
    "x-time-per-token",
    "x-together-client-user-agent",
    "x-total-time",
    "x-trace-id",
    "x-trial-endpoint-call-limit",
    "x-trial-endpoint-call-remaining",
    "x-vercel-id",
];
/// Allowed by beginning: whole families of figures. Sorted. Not `x-amzn-`, which has a load
/// balancer's tokens (`x-amzn-oidc-data`), nor `openai-`: names there may come to hold anything.
const ALLOWED_PREFIXES: &[&str] = &[
    "anthropic-priority-",
    "anthropic-ratelimit-",
    "llm_provider-anthropic-ratelimit-",
    "llm_provider-ratelimit",
    "llm_provider-x-ratelimit",
    "ratelimit-",
    "ratelimitbysize-",
    "x-amzn-bedrock-",
    "x-ratelimit-",
    "x-ratelimitbysize-",
    "x-stainless-",
];
/// Credentials: kept as [`Secret`], one per message.
const CREDENTIALS: &[&str] = &[
    "api-key",
    "authorization",
    "cf-aig-authorization",
    "ocp-apim-subscription-key",
    "x-api-key",
    "x-goog-api-key",
    "x-litellm-api-key",
    "x-portkey-api-key",
    "xi-api-key",
];

/// Allowed headers of one message, in order, names lower case.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    list: Vec<(Box<str>, Box<str>)>,
    credential: Option<Secret>,
    /// Headers left out because of [`MAX_HEADERS`].
    pub overflowed: u32,
}

impl Headers {
    /// Takes a header if it is allowed. Bytes that are not UTF-8 are replaced; control characters too.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let Ok(name) = std::str::from_utf8(name) else { return };
        let name = name.to_ascii_lowercase();
        if CREDENTIALS.contains(&name.as_str()) {
            self.credential = Some(Secret::new(value));
            return;
        }
        let allowed = ALLOWED.binary_search(&name.as_str()).is_ok()
            || ALLOWED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if !allowed {
            return;
        }
        if self.list.len() == MAX_HEADERS {
            self.overflowed += 1;
            return;
        }
        let value = String::from_utf8_lossy(&value[..value.len().min(MAX_VALUE)]);
        let value = if value.chars().any(char::is_control) {
            value.replace(char::is_control, " ").into()
        } else {
            value
        };
        self.list.push((name.into(), value.trim().into()));
    }

    /// First value of a header, by lower-case name.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.list.iter().find(|(n, _)| **n == *name).map(|(_, v)| &**v)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().map(|(n, v)| (&**n, &**v))
    }

    /// Bytes of text held.
    pub fn memory(&self) -> usize {
        let list: usize = self.list.iter().map(|(name, value)| name.len() + value.len()).sum();
        list + self.credential.as_ref().map_or(0, |secret| secret.expose().len())
    }

    pub const fn credential(&self) -> Option<&Secret> {
        self.credential.as_ref()
    }

    pub fn extend(&mut self, other: Self) {
        self.list.extend(other.list);
        self.credential = self.credential.take().or(other.credential);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(ALLOWED.is_sorted() && ALLOWED_PREFIXES.is_sorted() && CREDENTIALS.is_sorted());
    }

    #[test]
    fn nothing_allowed_can_hold_a_credential() {
        let parts =
            ["auth", "cookie", "api-key", "apikey", "token-", "secret", "password", "oidc", "jwt"];
        for name in ALLOWED.iter().chain(ALLOWED_PREFIXES) {
            assert!(!CREDENTIALS.contains(name));
            assert!(!parts.iter().any(|part| name.contains(part)), "{name}");
        }
        let mut headers = Headers::default();
        for name in [
            "Sec-WebSocket-Protocol",
            "X-Amz-Security-Token",
            "CF-Access-Client-Secret",
            "X-Amzn-Oidc-Data",
            "Proxy-Authorization",
            "Set-Cookie",
            "X-CSRF-Token",
        ] {
            headers.push(name.as_bytes(), b"openai-insecure-api-key.sk-1");
        }
        for name in CREDENTIALS {
            headers.push(name.as_bytes(), b"sk-1");
            assert_eq!(headers.credential().map(Secret::expose), Some(&b"sk-1"[..]));
        }
        assert_eq!(headers.iter().count(), 0);
    }

    #[test]
    fn unknown_headers_and_cookies_do_not_exist() {
        let mut headers = Headers::default();
        headers.push(b"Cookie", b"session=1");
        headers.push(b"X-Secret-Token", b"abc");
        headers.push(b"Authorization", b"Bearer sk-123");
        headers.push(b"Content-Type", b"text/event-stream");
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("content-type", "text/event-stream")]);
        assert!(!format!("{headers:?}").contains("sk-123"));
    }
}
