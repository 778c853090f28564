//! Which client library made a request, by what it says of itself.

use crate::http::headers::Headers;

/// Longest name and version taken.
const MAX: usize = 64;

/// Name and version: `("openai-python", Some("1.99.0"))`. The first product of `User-Agent` (RFC 9110
/// section 10.1.5); SDKs made by Stainless write `OpenAI/Python 1.99.0`.
pub(super) fn name(headers: &Headers) -> Option<(String, Option<String>)> {
    let agent = headers.first("user-agent")?;
    let mut words = agent.split_ascii_whitespace();
    let product = words.next()?;
    let (name, version) = product.split_once('/').unwrap_or((product, ""));
    let short = |text: &str| text.chars().take(MAX).collect::<String>();
    let is_version = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if is_version(version) || version.is_empty() {
        return Some((short(name), (!version.is_empty()).then(|| short(version))));
    }
    // A language in the version's place: the version is the next word.
    let name = name.strip_prefix("Async").unwrap_or(name);
    let version_word = headers
        .first("x-stainless-package-version")
        .or_else(|| words.next().filter(|word| is_version(word)));
    let name = format!("{name}-{version}").to_ascii_lowercase();
    Some((short(&name), version_word.map(short)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents() {
        let of = |agent: &str| {
            let mut headers = Headers::default();
            headers.push(b"user-agent", agent.as_bytes());
            name(&headers)
        };
        let pair = |a: &str, b: &str| Some((a.to_owned(), Some(b.to_owned())));
        assert_eq!(of("AsyncOpenAI/Python 1.99.0"), pair("openai-python", "1.99.0"));
        assert_eq!(of("Anthropic/JS 0.30.1"), pair("anthropic-js", "0.30.1"));
        assert_eq!(of("python-requests/2.31.0"), pair("python-requests", "2.31.0"));
        assert_eq!(of("curl/8.5.0"), pair("curl", "8.5.0"));
        assert_eq!(of("node"), Some(("node".into(), None)));
        assert_eq!(name(&Headers::default()), None);
    }
}
