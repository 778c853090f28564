//! A message's head, line by line: nothing is kept but allowed headers and what frames the body.

use crate::http::headers::Headers;
use crate::http::{Side, Version};

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Request { method: String, target: String, version: Version },
    Answer { status: u16, version: Version },
}

/// Breaks RFC 9112: not to be read as HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Longest target kept, bytes; the AI layer needs paths and a model in the query.
const MAX_TARGET: usize = 8 * 1024;

impl Start {
    /// Reads the first line of what `side` sends.
    pub(super) fn read(side: Side, line: &[u8]) -> Result<Self, Malformed> {
        match side {
            Side::Request => Self::request(line),
            Side::Response => Self::answer(line),
        }
        .ok_or(Malformed)
    }

    /// `method SP target SP version`, RFC 9112 section 3.
    fn request(line: &[u8]) -> Option<Self> {
        let space = memchr::memchr(b' ', line)?;
        let (method, rest) = line.split_at_checked(space)?;
        let rest = rest.get(1..)?;
        let last = memchr::memrchr(b' ', rest)?;
        let (target, version) = (rest.get(..last)?, rest.get(last + 1..)?);
        let target_ok = !target.is_empty() && target.iter().all(|b| *b > 0x20 && *b != 0x7f);
        if method.is_empty() || !method.iter().all(|b| is_token(*b)) || !target_ok {
            return None;
        }
        let cut = target.len().min(MAX_TARGET);
        Some(Self::Request {
            method: String::from_utf8_lossy(method).into_owned(),
            target: String::from_utf8_lossy(target.get(..cut)?).into_owned(),
            version: version_of(version)?,
        })
    }

    /// `version SP status [SP reason]`, RFC 9112 section 4.
    fn answer(line: &[u8]) -> Option<Self> {
        let version = version_of(line.get(..8)?)?;
        let status = match line.get(8..)? {
            [b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => [a, b, c],
            [b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', ..] => [a, b, c],
            _ => return None,
        };
        let status = status.iter().fold(0, |n, digit| n * 10 + u16::from(**digit - b'0'));
        Some(Self::Answer { status, version })
    }
}

fn version_of(text: &[u8]) -> Option<Version> {
    match text {
        b"HTTP/1.1" => Some(Version::Http11),
        b"HTTP/1.0" => Some(Version::Http10),
        _ => None,
    }
}

/// RFC 9110 section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// What the headers say, as far as anybody here asks.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) start: Option<Start>,
    pub(super) headers: Headers,
    pub(super) content_length: Option<u64>,
    pub(super) chunked: bool,
    /// `Transfer-Encoding` has something, and it does not end in `chunked`.
    pub(super) odd_transfer: bool,
    /// Codings of `Transfer-Encoding` below `chunked`.
    pub(super) transfer_coding: Option<String>,
    pub(super) host: String,
    pub(super) websocket: bool,
    pub(super) bytes: u64,
}

impl Head {
    /// Takes one header line.
    pub(super) fn line(&mut self, line: &[u8], cut: bool) -> Result<(), Malformed> {
        self.bytes += line.len() as u64;
        if self.bytes > super::MAX_HEAD {
            return Err(Malformed);
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            // Folded: RFC 9112 section 5.2 lets us read it as white space. No value we need is folded.
            return Ok(());
        }
        let colon = memchr::memchr(b':', line).ok_or(Malformed)?;
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.is_empty() || !name.iter().all(|b| is_token(*b)) {
            return Err(Malformed);
        }
        // Obsolete text is fine, control characters split messages.
        if !cut && value.iter().any(|b| matches!(b, 0 | b'\r')) {
            return Err(Malformed);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            self.length(value)?;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.transfer(value);
        } else if name.eq_ignore_ascii_case(b"host") {
            self.host = String::from_utf8_lossy(value).to_ascii_lowercase();
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.websocket |= value.eq_ignore_ascii_case(b"websocket");
        }
        self.headers.push(name, value);
        Ok(())
    }

    /// RFC 9112 section 6.3: repeated the same is allowed, different is not.
    fn length(&mut self, value: &[u8]) -> Result<(), Malformed> {
        for part in value.split(|b| *b == b',') {
            let part = part.trim_ascii();
            let digits = !part.is_empty() && part.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(part).ok().filter(|_| digits);
            let length = length.and_then(|text| text.parse().ok()).ok_or(Malformed)?;
            if self.content_length.is_some_and(|known| known != length) {
                return Err(Malformed);
            }
            self.content_length = Some(length);
        }
        Ok(())
    }

    fn transfer(&mut self, value: &[u8]) {
        let value = String::from_utf8_lossy(value).to_ascii_lowercase();
        let mut codings: Vec<&str> =
            value.split(',').map(str::trim).filter(|coding| !coding.is_empty()).collect();
        let last = codings.pop();
        self.chunked = last == Some("chunked");
        self.odd_transfer = !self.chunked;
        if self.chunked && !codings.is_empty() {
            self.transfer_coding = Some(codings.join(","));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines() {
        let request = Start::read(Side::Request, b"POST /v1/x?k=1 HTTP/1.1").unwrap();
        assert_eq!(
            request,
            Start::Request {
                method: "POST".into(),
                target: "/v1/x?k=1".into(),
                version: Version::Http11
            }
        );
        for bad in ["POST  HTTP/1.1", "POST / HTTP/1.9", "P@ST / HTTP/1.1", "POST /", "\x16\x03"] {
            assert_eq!(Start::read(Side::Request, bad.as_bytes()), Err(Malformed), "{bad}");
        }
        assert!(Start::read(Side::Response, b"HTTP/1.0 204").is_ok());
        assert!(Start::read(Side::Response, b"HTTP/1.1 200 OK").is_ok());
        for bad in ["HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1  200", "HTTP/2 200 OK"] {
            assert_eq!(Start::read(Side::Response, bad.as_bytes()), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn lengths_must_agree() {
        let mut head = Head::default();
        assert!(head.line(b"Content-Length: 5, 5", false).is_ok());
        assert_eq!(head.line(b"content-length: 6", false), Err(Malformed));
        for bad in ["-1", "+1", "0x5", "", "1 2", "99999999999999999999"] {
            let line = format!("Content-Length:{bad}");
            assert_eq!(Head::default().line(line.as_bytes(), false), Err(Malformed), "{bad}");
        }
    }
}
