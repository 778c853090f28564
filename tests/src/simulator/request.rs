//! Reads one HTTP/1.1 request.
//!
//! In: a byte stream. Out: a [`Request`], or why there is none. Limits: [`HEAD`] and [`BODY`] bytes.

use std::io::{self, Read, Write};

use thiserror::Error;

/// Longest head that is believed.
const HEAD: usize = 256 << 10;
/// Longest body that is kept.
const BODY: usize = 64 << 20;

#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path without the query.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn has(&self, name: &str, word: &str) -> bool {
        self.header(name).is_some_and(|value| {
            value.split(',').any(|item| item.trim().eq_ignore_ascii_case(word))
        })
    }

    pub(super) fn wants_close(&self) -> bool {
        self.has("connection", "close")
    }
}

#[derive(Debug, Error)]
pub(super) enum RequestError {
    /// Clean: the client has no more to ask.
    #[error("end of stream")]
    End,
    #[error("not a request")]
    Malformed,
    #[error("too long")]
    TooLong,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Bytes read from a connection and not used yet.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    /// Reads a head. The body is left to [`Self::read_body`], so that an answer can come before it.
    pub(super) fn read_head(&mut self, stream: &mut impl Read) -> Result<Request, RequestError> {
        let end = loop {
            if let Some(at) = find(&self.bytes, b"\r\n\r\n") {
                break at + 4;
            }
            if self.bytes.len() > HEAD {
                return Err(RequestError::TooLong);
            }
            if self.fill(stream)? == 0 {
                return Err(if self.bytes.is_empty() {
                    RequestError::End
                } else {
                    RequestError::Malformed
                });
            }
        };
        let head: Vec<u8> = self.bytes.drain(..end).collect();
        parse_head(&head).ok_or(RequestError::Malformed)
    }

    /// Reads the body that the head promised, after `100 Continue` where the client waits for it.
    pub(super) fn read_body<S: Read + Write>(
        &mut self,
        stream: &mut S,
        request: &mut Request,
    ) -> Result<(), RequestError> {
        if request.has("expect", "100-continue") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            stream.flush()?;
        }
        if request.has("transfer-encoding", "chunked") {
            request.body = self.read_chunks(stream)?;
        } else if let Some(length) = request.header("content-length") {
            let length: usize = length.parse().map_err(|_| RequestError::Malformed)?;
            request.body = self.take(stream, length)?;
        }
        Ok(())
    }

    fn read_chunks(&mut self, stream: &mut impl Read) -> Result<Vec<u8>, RequestError> {
        let mut body = Vec::new();
        loop {
            let line = self.take_line(stream)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| RequestError::Malformed)?;
            if size == 0 {
                while !self.take_line(stream)?.is_empty() {}
                return Ok(body);
            }
            if body.len().saturating_add(size) > BODY {
                return Err(RequestError::TooLong);
            }
            body.extend(self.take(stream, size)?);
            self.take_line(stream)?;
        }
    }

    fn take_line(&mut self, stream: &mut impl Read) -> Result<String, RequestError> {
        loop {
            if let Some(at) = find(&self.bytes, b"\r\n") {
                let line: Vec<u8> = self.bytes.drain(..at + 2).take(at).collect();
                return String::from_utf8(line).map_err(|_| RequestError::Malformed);
            }
            if self.bytes.len() > HEAD {
                return Err(RequestError::TooLong);
            }
            if self.fill(stream)? == 0 {
                return Err(RequestError::Malformed);
            }
        }
    }

    fn take(&mut self, stream: &mut impl Read, length: usize) -> Result<Vec<u8>, RequestError> {
        if length > BODY {
            return Err(RequestError::TooLong);
        }
        while self.bytes.len() < length {
            if self.fill(stream)? == 0 {
                return Err(RequestError::Malformed);
            }
        }
        Ok(self.bytes.drain(..length).collect())
    }

    fn fill(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        let old = self.bytes.len();
        self.bytes.resize(old + (32 << 10), 0);
        let read = stream.read(&mut self.bytes[old..]);
        self.bytes.truncate(old + *read.as_ref().unwrap_or(&0));
        read
    }
}

fn parse_head(head: &[u8]) -> Option<Request> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let method = first.next().filter(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()))?;
    let target = first.next()?;
    if !first.next()?.starts_with("HTTP/1.") {
        return None;
    }
    let mut request = Request {
        method: method.to_owned(),
        path: target.split('?').next()?.to_owned(),
        ..Request::default()
    };
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        request.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Some(request)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// Gives one byte a read, as the worst network would.
    struct Trickle(Cursor<Vec<u8>>);

    impl Read for Trickle {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut out[..1])
        }
    }
    impl Write for Trickle {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn two_requests_on_one_connection_are_kept_apart() {
        let wire =
            b"POST /a?key=1 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
                     POST /b HTTP/1.1\r\ncontent-length: 2\r\n\r\nxy";
        let mut stream = Trickle(Cursor::new(wire.to_vec()));
        let mut inbox = Inbox::default();
        let mut seen = Vec::new();
        while let Ok(mut request) = inbox.read_head(&mut stream) {
            inbox.read_body(&mut stream, &mut request).unwrap();
            seen.push((request.path, request.body));
        }
        assert_eq!(seen, [("/a".into(), b"abc".to_vec()), ("/b".into(), b"xy".to_vec())]);
    }

    #[test]
    fn garbage_is_no_request() {
        let mut stream = Cursor::new(b"\x00\x01 nonsense\r\n\r\n".to_vec());
        let error = Inbox::default().read_head(&mut stream).unwrap_err();
        assert!(matches!(error, RequestError::Malformed), "{error}");
    }
}
