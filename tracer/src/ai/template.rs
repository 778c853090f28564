//! Most events of a stream differ in nothing but the text: those teach nothing, and are not parsed.
//!
//! In: an event that was parsed, with the spans of values that mean nothing to the family. Out:
//! whether another event is the same outside of such spans. Exact: every other byte is compared.
//! Limits: events of at most [`MAX_EVENT`] bytes with [`MAX_HOLES`] such spans.

use std::ops::Range;

use bytes::Bytes;

use super::json::plain_run;

/// Longest event kept as a template.
pub const MAX_EVENT: usize = 4096;
pub const MAX_HOLES: usize = 16;

/// A value whose bytes may differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    pub span: Range<usize>,
    /// Inside quotes; else a number.
    pub is_text: bool,
}

#[derive(Clone, Debug)]
pub struct Template {
    name: Option<Bytes>,
    data: Bytes,
    holes: Vec<Hole>,
}

impl Template {
    /// Of an event that was parsed whole; `None`: too large, or nothing in it may differ.
    pub fn new(name: Option<Bytes>, data: Bytes, holes: Vec<Hole>) -> Option<Self> {
        let fits = data.len() <= MAX_EVENT && !holes.is_empty() && holes.len() <= MAX_HOLES;
        // The event's own memory may be part of something large.
        fits.then(|| Self { name, data: Bytes::copy_from_slice(&data), holes })
    }

    pub const fn memory(&self) -> usize {
        self.data.len() + self.holes.len() * size_of::<Hole>()
    }

    /// Whether an event differs in holes only.
    pub fn fits(&self, name: Option<&Bytes>, data: &[u8]) -> bool {
        self.name.as_ref() == name && self.differs_in_holes_only(data).unwrap_or(false)
    }

    fn differs_in_holes_only(&self, data: &[u8]) -> Option<bool> {
        let (mut rest, mut from) = (data, 0);
        for hole in &self.holes {
            rest = rest.strip_prefix(self.data.get(from..hole.span.start)?)?;
            let len = if hole.is_text { text_len(rest)? } else { number_len(rest) };
            rest = rest.get(len..)?;
            from = hole.span.end;
        }
        Some(rest == self.data.get(from..)?)
    }
}

/// Bytes of a string up to its closing quote.
fn text_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += plain_run(bytes.get(at..)?);
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => return None,
        }
    }
}

fn number_len(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_holes_may_differ() {
        let data = Bytes::from_static(br#"{"id":"a","seq":1,"text":"hello","end":null}"#);
        let at = |text: &str| {
            let start = data.windows(text.len()).position(|w| w == text.as_bytes()).unwrap();
            start..start + text.len()
        };
        let holes =
            vec![Hole { span: at("1"), is_text: false }, Hole { span: at("hello"), is_text: true }];
        let template = Template::new(None, data.clone(), holes).unwrap();
        let fits = |text: &str| template.fits(None, text.as_bytes());
        assert!(fits(r#"{"id":"a","seq":99,"text":"","end":null}"#));
        assert!(fits(r#"{"id":"a","seq":99,"text":"a \"quoted\" \\","end":null}"#));
        assert!(!fits(r#"{"id":"b","seq":99,"text":"","end":null}"#));
        assert!(!fits(r#"{"id":"a","seq":99,"text":"","end":"stop"}"#));
        assert!(!fits(r#"{"id":"a","seq":99,"text":"x","finish":1,"end":null}"#));
        assert!(!fits(r#"{"id":"a","seq":99,"text":"x"#));
        assert!(!template.fits(Some(&Bytes::from_static(b"error")), &data));
    }
}
