//! What headers say about limits, in a dozen dialects, as one shape.
//!
//! In: response headers. Out: [`RateLimits`] and the seconds to wait. Absolute times count from the
//! answer's own `Date` (RFC 9110 §6.6.1), never from a clock of ours: a recording must give the same
//! figures tomorrow. `retry-after` occurs on successful answers too: it is never a sign of failure.

use super::call::{Limit, RateLimits};
use super::providers::Provider;
use crate::http::headers::Headers;

mod time;

pub use self::time::duration;

/// A dialect of rate-limit headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitFamily {
    /// None of its own known: whatever comes.
    Unknown,
    OpenAi,
    Anthropic,
    Azure,
    /// Requests per day, tokens per minute.
    Groq,
    Mistral,
    /// Epoch milliseconds, only on 429.
    OpenRouter,
    Together,
    Cerebras,
    Replicate,
    /// draft-ietf-httpapi-ratelimit-headers
    Ietf,
    /// No headers: `RetryInfo` and `QuotaFailure` in the error's details.
    Google,
    /// No headers at all.
    Bedrock,
}

impl LimitFamily {
    /// As written in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Azure => "azure",
            Self::Groq => "groq",
            Self::Mistral => "mistral",
            Self::OpenRouter => "openrouter",
            Self::Together => "together",
            Self::Cerebras => "cerebras",
            Self::Replicate => "replicate",
            Self::Ietf => "ietf",
            Self::Google => "google",
            Self::Bedrock => "bedrock",
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Dimension {
    Requests,
    Tokens,
    InputTokens,
    OutputTokens,
}
use Dimension::{InputTokens, OutputTokens, Requests, Tokens};

/// Names that a family writes for one dimension; `*` stands for `limit`, `remaining`, `reset`.
/// A family's own rows are read first, then everybody's in this order: the shortest window first,
/// because it is the one that bites.
const NAMES: &[(LimitFamily, &str, Dimension)] = &[
    (LimitFamily::Anthropic, "anthropic-ratelimit-requests-*", Requests),
    (LimitFamily::Anthropic, "anthropic-ratelimit-tokens-*", Tokens),
    (LimitFamily::Anthropic, "anthropic-ratelimit-input-tokens-*", InputTokens),
    (LimitFamily::Anthropic, "anthropic-ratelimit-output-tokens-*", OutputTokens),
    (LimitFamily::Anthropic, "anthropic-priority-input-tokens-*", InputTokens),
    (LimitFamily::Anthropic, "anthropic-priority-output-tokens-*", OutputTokens),
    // Subscriptions: no figures but the time.
    (LimitFamily::Anthropic, "anthropic-ratelimit-unified-*", Requests),
    (LimitFamily::OpenAi, "x-ratelimit-*-requests", Requests),
    (LimitFamily::OpenAi, "x-ratelimit-*-tokens", Tokens),
    (LimitFamily::OpenAi, "x-ratelimit-*-input-tokens", InputTokens),
    (LimitFamily::OpenAi, "x-ratelimit-*-output-tokens", OutputTokens),
    (LimitFamily::OpenAi, "x-ratelimit-*-tokens-usage-based", Tokens),
    (LimitFamily::OpenAi, "x-ratelimit-*-tokens_usage_based", Tokens),
    (LimitFamily::OpenAi, "x-ratelimit-*-project-requests", Requests),
    (LimitFamily::OpenAi, "x-ratelimit-*-project-tokens", Tokens),
    (LimitFamily::Cerebras, "x-ratelimit-*-requests-minute", Requests),
    (LimitFamily::Cerebras, "x-ratelimit-*-tokens-minute", Tokens),
    (LimitFamily::Cerebras, "x-ratelimit-*-requests-hour", Requests),
    (LimitFamily::Cerebras, "x-ratelimit-*-tokens-hour", Tokens),
    (LimitFamily::Cerebras, "x-ratelimit-*-requests-day", Requests),
    (LimitFamily::Cerebras, "x-ratelimit-*-tokens-day", Tokens),
    (LimitFamily::Mistral, "x-ratelimit-*-req-10-second", Requests),
    (LimitFamily::Mistral, "x-ratelimit-*-req-minute", Requests),
    (LimitFamily::Mistral, "x-ratelimit-*-tokens-minute", Tokens),
    (LimitFamily::Mistral, "x-ratelimitbysize-*-minute", Tokens),
    (LimitFamily::Mistral, "ratelimitbysize-*", Tokens),
    (LimitFamily::Mistral, "x-ratelimit-*-tokens-month", Tokens),
    (LimitFamily::OpenRouter, "x-ratelimit-*", Requests),
    (LimitFamily::Together, "x-ratelimit-*", Requests),
    (LimitFamily::Replicate, "ratelimit-*", Requests),
    (LimitFamily::Ietf, "ratelimit-*", Requests),
];

/// LiteLLM's proxy hands the upstream's headers on under this beginning.
const UPSTREAM: &str = "llm_provider-";

/// Limits and the seconds the provider asks to wait.
pub fn parse(provider: Option<&Provider>, response: &Headers) -> (RateLimits, Option<f64>) {
    let date = response.first("date").and_then(time::http_date);
    let mut told: Vec<(&str, &str)> = response
        .iter()
        .filter(|(name, _)| name.contains("rate") || name.contains("priority"))
        .collect();
    if told.is_empty() {
        return (RateLimits::default(), retry_after(response, date));
    }
    // A proxy's own come first, then those it hands on.
    told.sort_by_key(|(name, _)| name.starts_with(UPSTREAM));
    for (name, _) in &mut told {
        *name = name.strip_prefix(UPSTREAM).unwrap_or(name);
    }
    let own = match provider.map_or(LimitFamily::Unknown, |row| row.rate_limit) {
        LimitFamily::Azure | LimitFamily::Groq => LimitFamily::OpenAi,
        family => family,
    };
    let mut limits = RateLimits::default();
    let own_first = NAMES
        .iter()
        .filter(|(family, ..)| *family == own)
        .chain(NAMES.iter().filter(|(family, ..)| *family != own));
    for (_, name, dimension) in own_first {
        let into = match dimension {
            Requests => &mut limits.requests,
            Tokens => &mut limits.tokens,
            InputTokens => &mut limits.input_tokens,
            OutputTokens => &mut limits.output_tokens,
        };
        // Figures of two windows must not be mixed.
        if *into == Limit::default() {
            *into = read(&told, name, date);
        }
    }
    if limits.requests == Limit::default()
        && let Some(value) = response.first("ratelimit")
    {
        limits.requests = structured(value);
    }
    (limits, retry_after(response, date))
}

/// The three figures whose names are `name` with a word for `*`, among `told`.
fn read(told: &[(&str, &str)], name: &str, date: Option<f64>) -> Limit {
    let (before, after) = name.split_once('*').unwrap_or((name, ""));
    let mut limit = Limit::default();
    for (header, value) in told {
        let word = header.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        match word {
            Some("limit") if limit.limit.is_none() => limit.limit = count(value),
            Some("remaining") if limit.remaining.is_none() => limit.remaining = count(value),
            Some("reset") if limit.reset_s.is_none() => limit.reset_s = reset(value, date),
            _ => {}
        }
    }
    limit
}

/// A whole number; some write `60.0`, and old drafts `100, 100;w=60`.
fn count(text: &str) -> Option<u64> {
    let text = text.split([',', ';']).next()?.trim();
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && (0.0..1e15).contains(&number)).then_some(number as u64)
}

/// Above this a bare number is an epoch, not a wait (30 years).
const EPOCH_SECONDS: f64 = 1e9;
/// Above this it counts milliseconds.
const EPOCH_MILLISECONDS: f64 = 1e11;

/// Seconds until a reset, in whatever syntax: `6m0s`, `1.5`, epoch seconds or milliseconds, RFC 3339.
fn reset(text: &str, date: Option<f64>) -> Option<f64> {
    let text = text.trim();
    let until = |epoch: f64| date.map(|date| (epoch - date).max(0.0));
    if let Ok(number) = text.parse::<f64>() {
        return match number {
            n if !n.is_finite() || n < 0.0 => None,
            n if n >= EPOCH_MILLISECONDS => until(n / 1e3),
            n if n >= EPOCH_SECONDS => until(n),
            n => Some(n),
        };
    }
    duration(text).or_else(|| until(time::rfc3339(text).or_else(|| time::http_date(text))?))
}

/// `ratelimit`: `"default";r=50;t=30` (draft 8 and later), `limit=100, remaining=50, reset=5` (before).
fn structured(value: &str) -> Limit {
    let mut limit = Limit::default();
    for (key, value) in value.split([',', ';']).filter_map(|part| part.trim().split_once('=')) {
        match key {
            "r" | "remaining" => limit.remaining = count(value),
            "t" | "reset" => limit.reset_s = count(value).map(|seconds| seconds as f64),
            "q" | "limit" => limit.limit = count(value),
            _ => {}
        }
    }
    limit
}

/// Longest wait believed: a year.
const MAX_WAIT: f64 = 366.0 * 86_400.0;

fn retry_after(response: &Headers, date: Option<f64>) -> Option<f64> {
    let first =
        |name: &str| response.first(name).or_else(|| response.first(&format!("{UPSTREAM}{name}")));
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let milliseconds = ["retry-after-ms", "x-ms-retry-after-ms"].into_iter().find_map(first);
    let wait = match milliseconds.and_then(number) {
        Some(milliseconds) => milliseconds / 1e3,
        None => {
            let text = first("retry-after")?;
            number(text)
                .or_else(|| Some((time::http_date(text)? - date?).max(0.0)))
                .or_else(|| duration(text))?
        }
    };
    (0.0..=MAX_WAIT).contains(&wait).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ai::providers::by_id;

    fn headers(list: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in list {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        assert_eq!(headers.iter().count(), list.len(), "all on the allow-list");
        headers
    }

    fn limit(limit: u64, remaining: u64, reset_s: impl Into<Option<f64>>) -> Limit {
        Limit { limit: Some(limit), remaining: Some(remaining), reset_s: reset_s.into() }
    }

    const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");

    fn parsed(provider: &str, list: &[(&str, &str)]) -> (RateLimits, Option<f64>) {
        parse(by_id(provider), &headers(list))
    }

    #[test]
    fn every_name_is_allowed() {
        for (_, name, _) in NAMES {
            for field in ["limit", "remaining", "reset"] {
                let name = name.replacen('*', field, 1);
                assert_eq!(headers(&[(&name, "1")]).first(&name), Some("1"));
                let name = format!("{UPSTREAM}{name}");
                assert!(
                    name.contains("priority") || headers(&[(&name, "1")]).first(&name).is_some()
                );
            }
        }
    }

    #[test]
    fn go_durations() {
        let (limits, _) = parsed(
            "openai",
            &[
                ("x-ratelimit-limit-requests", "500"),
                ("x-ratelimit-remaining-requests", "499"),
                ("x-ratelimit-reset-requests", "120ms"),
                ("x-ratelimit-limit-tokens", "30000"),
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", "6m0s"),
            ],
        );
        assert_eq!(limits.requests, limit(500, 499, 0.12));
        assert_eq!(limits.tokens, limit(30_000, 0, 360.0));
    }

    #[test]
    fn dates_count_from_the_answer_s_own() {
        let list = [
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "1994-11-06T08:49:40Z"),
            ("anthropic-ratelimit-output-tokens-limit", "8000"),
            ("anthropic-ratelimit-output-tokens-remaining", "7000"),
            ("anthropic-ratelimit-output-tokens-reset", "1994-11-06T09:49:38.5+01:00"),
            DATE,
        ];
        let (limits, _) = parsed("anthropic", &list);
        assert_eq!(limits.requests, limit(50, 49, 3.0));
        assert_eq!(limits.output_tokens, limit(8000, 7000, 1.5));
        // Without a date nothing is guessed.
        let (limits, _) = parsed("anthropic", &list[..3]);
        assert_eq!(limits.requests, limit(50, 49, None));
    }

    #[test]
    fn epochs_and_seconds() {
        let reset = |value| {
            parsed(
                "openrouter",
                &[
                    ("x-ratelimit-limit", "20"),
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", value),
                    ("date", "Mon, 17 Nov 2025 00:00:00 GMT"),
                ],
            )
            .0
            .requests
        };
        assert_eq!(reset("1763337660000"), limit(20, 0, 60.0));
        assert_eq!(reset("1763337660"), limit(20, 0, 60.0));
        assert_eq!(reset("1763337000"), limit(20, 0, 0.0));
        assert_eq!(reset("12.5"), limit(20, 0, 12.5));
        for junk in ["-1", "NaN", "inf", "soon", ""] {
            assert_eq!(reset(junk), limit(20, 0, None), "{junk}");
        }
    }

    #[test]
    fn windows_are_not_mixed_and_the_shortest_wins() {
        let list = [
            ("x-ratelimit-limit-requests-day", "14400"),
            ("x-ratelimit-remaining-requests-day", "14399"),
            ("x-ratelimit-reset-requests-day", "33011.38"),
            ("x-ratelimit-limit-tokens-minute", "60000"),
            ("x-ratelimit-remaining-tokens-minute", "59000"),
            ("x-ratelimit-reset-tokens-minute", "11.4"),
            ("x-ratelimit-limit-tokens-day", "1000000"),
        ];
        let (limits, _) = parsed("cerebras", &list);
        assert_eq!(limits.requests, limit(14_400, 14_399, 33_011.38));
        assert_eq!(limits.tokens, limit(60_000, 59_000, 11.4));
        let (limits, _) = parsed(
            "mistral",
            &[
                ("x-ratelimit-limit-req-minute", "60"),
                ("x-ratelimit-remaining-req-minute", "59"),
                ("x-ratelimit-limit-tokens-month", "9"),
                ("x-ratelimitbysize-limit-minute", "500000"),
                ("x-ratelimitbysize-remaining-minute", "499973"),
            ],
        );
        assert_eq!(limits.requests, limit(60, 59, None));
        assert_eq!(limits.tokens, limit(500_000, 499_973, None));
    }

    #[test]
    fn standards_and_proxies() {
        let list = [
            ("ratelimit-limit", "100, 100;w=60"),
            ("ratelimit-remaining", "7"),
            ("ratelimit-reset", "30"),
        ];
        assert_eq!(parsed("replicate", &list).0.requests, limit(100, 7, 30.0));
        let (limits, _) = parsed("vllm", &[("ratelimit", "\"default\";r=50;t=30")]);
        assert_eq!(
            limits.requests,
            Limit { limit: None, remaining: Some(50), reset_s: Some(30.0) }
        );
        let upstream = [
            ("llm_provider-x-ratelimit-limit-requests", "10"),
            ("llm_provider-x-ratelimit-remaining-requests", "9"),
            ("llm_provider-retry-after", "3"),
        ];
        let (limits, wait) = parsed("litellm", &upstream);
        assert_eq!((limits.requests, wait), (limit(10, 9, None), Some(3.0)));
        let (limits, _) = parsed(
            "azure_openai",
            &[
                ("x-ratelimit-limit-tokens", "1000"),
                ("x-ratelimit-remaining-tokens", "10"),
                ("x-ratelimit-reset-tokens", "42"),
            ],
        );
        assert_eq!(limits.tokens, limit(1000, 10, 42.0));
        assert_eq!(parsed("bedrock", &[]), (RateLimits::default(), None));
    }

    #[test]
    fn waits() {
        let wait = |list: &[(&str, &str)]| parsed("openai", list).1;
        assert_eq!(wait(&[("retry-after", "20")]), Some(20.0));
        assert_eq!(wait(&[("retry-after", "1.5")]), Some(1.5));
        assert_eq!(wait(&[("retry-after-ms", "250"), ("retry-after", "1")]), Some(0.25));
        assert_eq!(wait(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), DATE]), Some(30.0));
        assert_eq!(wait(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), DATE]), Some(0.0));
        assert_eq!(wait(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")]), None);
        for junk in ["-1", "1e300", "NaN", "later", ""] {
            assert_eq!(wait(&[("retry-after", junk)]), None, "{junk}");
        }
    }
}
