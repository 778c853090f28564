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

/// Allowed names, lower case, sorted: a test keeps it so.
const ALLOWED: &[&str] = &[
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "retry-after",
    "retry-after-ms",
    "sec-websocket-extensions",
    "server",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-request-id",
];
/// Allowed by beginning: provider families. Sorted.
const ALLOWED_PREFIXES: &[&str] =
    &["anthropic-", "openai-", "x-amzn-", "x-openai-", "x-ratelimit-", "x-stainless-"];
/// Credentials: kept as [`Secret`], one per message.
const CREDENTIALS: &[&str] = &["api-key", "authorization", "x-api-key", "x-goog-api-key"];

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
        let value = String::from_utf8_lossy(&value[..value.len().min(MAX_VALUE)])
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect::<String>();
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
