//! From what a provider said to why a call failed.
//!
//! In: status, code, type, message and details of an error, wherever they stood. Out: a
//! [`Failure`]: class, whether a retry helps, the provider's own word. Nothing of a message is kept:
//! providers echo keys in messages. Limits: the first [`MAX_TEXT`] bytes of each text are looked at.

mod rules;
#[cfg(test)]
mod vectors;

use self::rules::{RULES, Retry};
use super::call::{Failure, FailureClass};
use super::providers::Provider;

/// Most bytes of one text that the rules look at.
pub const MAX_TEXT: usize = 8 * 1024;
/// Longest `error.type`.
const MAX_ERROR_TYPE: usize = 64;

/// What is known of a failed call. Texts as the provider wrote them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorFacts<'a> {
    /// `None`: an address nobody knows.
    pub provider: Option<&'a Provider>,
    /// Of the answer's head; `None` when there was no answer.
    pub status: Option<u16>,
    /// The error stood inside a 2xx answer: an SSE event, an NDJSON line, an exception message, a
    /// JSON body with an error object.
    pub in_stream: bool,
    /// `error.code` and its kin. A number from 400 to 599 in a 2xx answer replaces the status.
    pub code: Option<&'a str>,
    /// `error.type`, `error.status`, `__type`, an exception's name, `x-amzn-errortype`.
    pub kind: Option<&'a str>,
    pub message: Option<&'a str>,
    /// `error.details`, `error.metadata` and inner errors, as text.
    pub details: Option<&'a str>,
    /// From the headers ([`crate::ai::rate_limit::parse`]) or the body.
    pub retry_after_s: Option<f64>,
}

/// What the rules look at: lower case, cut.
struct Facts {
    status: Option<u16>,
    in_stream: bool,
    code: String,
    kind: String,
    message: String,
    any: String,
}

/// The class and remedy of a failure. Always answers: `unknown_error` when no rule fits.
pub fn classify(error: &ErrorFacts<'_>) -> Failure {
    let id = error.provider.map_or("openai_compatible", |row| row.id);
    let facts = Facts::of(error);
    let rule = RULES.iter().find(|rule| rule.claims(id, &facts));
    let (class, retry) =
        rule.map_or((FailureClass::UnknownError, Retry::No), |rule| (rule.class, rule.retry));
    Failure {
        class,
        error_type: error_type(error, facts.status),
        // `Maybe`: the SDKs retry these once or twice, and so may others.
        retryable: matches!(retry, Retry::Yes | Retry::Maybe),
        retry_after_s: error.retry_after_s,
    }
}

impl Facts {
    fn of(error: &ErrorFacts<'_>) -> Self {
        let embedded = error.code.and_then(http_status);
        let answered_well = error.status.is_none_or(|status| status < 400);
        let (status, in_stream) = match embedded {
            Some(code) if answered_well => (Some(code), false),
            _ => (error.status, answered_well && (error.in_stream || error.status.is_some())),
        };
        let [code, kind, message, details] =
            [error.code, error.kind, error.message, error.details].map(lower);
        let any = [&*code, &*kind, &*message, &*details].join(" ");
        Self { status, in_stream, code, kind, message, any }
    }
}

fn lower(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_lowercase()
}

fn http_status(code: &str) -> Option<u16> {
    code.parse().ok().filter(|status| (400..600).contains(status))
}

/// `error.type`: the provider's own code unless it repeats an HTTP status, else its type, else the
/// status.
fn error_type(error: &ErrorFacts<'_>, status: Option<u16>) -> String {
    let own = error.code.filter(|code| http_status(code).is_none());
    [own, error.kind]
        .into_iter()
        .flatten()
        .find_map(word)
        .or_else(|| {
            let status = error.code.and_then(http_status).or(status);
            // An error inside a good answer has no status of its own.
            status.filter(|status| *status >= 400).map(|status| status.to_string())
        })
        .unwrap_or_else(|| "_OTHER".to_owned())
}

/// An identifier, or nothing: free text and credentials must not become labels.
fn word(text: &str) -> Option<String> {
    // AWS: `com.amazon.coral.service#ThrottlingException`, `ThrottlingException:http://internal/`.
    let text = text.rsplit_once('#').map_or(text, |(_, name)| name);
    let text = text.split_once(":http").map_or(text, |(name, _)| name).trim();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.:-".contains(&b);
    let key = ["sk-", "sk_", "pk-", "gsk_", "xai-", "hf_", "r8_", "AIza", "AKIA", "ASIA", "eyJ"]
        .iter()
        .any(|beginning| text.starts_with(beginning));
    let good = (1..=MAX_ERROR_TYPE).contains(&text.len()) && text.bytes().all(plain) && !key;
    good.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ai::providers::by_id;

    fn of(provider: &str, facts: ErrorFacts<'_>) -> Failure {
        classify(&ErrorFacts { provider: by_id(provider), ..facts })
    }

    #[test]
    fn the_same_words_mean_different_things() {
        let text = "Too many tokens, please wait before trying again.";
        let throttled = ErrorFacts {
            status: Some(429),
            kind: Some("ThrottlingException:http://internal.amazon.com/coral/"),
            message: Some(text),
            ..ErrorFacts::default()
        };
        let failure = of("bedrock", throttled);
        assert_eq!(failure.class, FailureClass::RateLimit);
        assert_eq!(failure.error_type, "ThrottlingException");
        assert!(failure.retryable);
        let daily = ErrorFacts { message: Some("Too many tokens per day"), ..throttled };
        let failure = of("bedrock", daily);
        assert_eq!(failure.class, FailureClass::QuotaExhausted);
        assert!(!failure.retryable);
        let quota = ErrorFacts {
            status: Some(429),
            code: Some("insufficient_quota"),
            ..ErrorFacts::default()
        };
        assert_eq!(of("openai", quota).class, FailureClass::QuotaExhausted);
        assert_eq!(of("dashscope", quota).class, FailureClass::RateLimit);
    }

    #[test]
    fn an_embedded_status_replaces_the_answer_s() {
        let facts = ErrorFacts {
            status: Some(200),
            in_stream: true,
            code: Some("401"),
            message: Some("no"),
            ..ErrorFacts::default()
        };
        let failure = of("openrouter", facts);
        assert_eq!(failure.class, FailureClass::Auth);
        assert_eq!(failure.error_type, "401");
        // ... but not a real error status.
        let failure = of("openrouter", ErrorFacts { status: Some(404), ..facts });
        assert_eq!(failure.class, FailureClass::NotFound);
    }

    #[test]
    fn error_types_are_words() {
        let typed = |code: Option<&str>, kind: Option<&str>, status| {
            of("openai", ErrorFacts { status, code, kind, ..ErrorFacts::default() }).error_type
        };
        assert_eq!(
            typed(Some("rate_limit_exceeded"), Some("tokens"), Some(429)),
            "rate_limit_exceeded"
        );
        assert_eq!(typed(Some("429"), Some("RESOURCE_EXHAUSTED"), Some(429)), "RESOURCE_EXHAUSTED");
        assert_eq!(typed(None, Some("overloaded_error"), Some(529)), "overloaded_error");
        assert_eq!(typed(Some("1302"), None, Some(429)), "1302");
        assert_eq!(typed(Some("bad key sk-123"), None, Some(401)), "401");
        assert_eq!(typed(Some("sk-proj-abcdef"), None, Some(401)), "401");
        assert_eq!(typed(Some(&"x".repeat(65)), None, Some(400)), "400");
        assert_eq!(typed(None, Some("aws#ValidationException"), Some(400)), "ValidationException");
        assert_eq!(typed(None, None, None), "_OTHER");
    }

    #[test]
    fn silence_and_floods_are_answered() {
        assert_eq!(classify(&ErrorFacts::default()).class, FailureClass::UnknownError);
        let flood = "\u{20ac}".repeat(MAX_TEXT);
        let facts =
            ErrorFacts { message: Some(&flood), status: Some(503), ..ErrorFacts::default() };
        assert_eq!(classify(&facts).class, FailureClass::Overloaded);
    }
}
