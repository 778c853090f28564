//! Where a message's body ends: RFC 9112 section 6.

use bytes::{Buf as _, Bytes};

use super::head::{Head, Malformed};
use super::line::Lines;
use crate::http::headers::Headers;

/// A body being read.
#[derive(Debug)]
pub(super) enum Body {
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

#[derive(Debug)]
pub(super) enum Chunked {
    Size,
    Data(u64),
    /// The line end after a chunk.
    DataEnd,
    Trailers(Box<Head>),
}

/// What came out of the next bytes.
#[derive(Debug)]
pub(super) enum Part {
    Data(Bytes),
    /// The body is over.
    End(Option<Headers>),
}

impl Body {
    pub(super) const fn chunked() -> Self {
        Self::Chunked(Chunked::Size)
    }

    /// Takes the next part off `data`; `None`: all taken.
    pub(super) fn next(
        &mut self,
        lines: &mut Lines,
        data: &mut Bytes,
    ) -> Result<Option<Part>, Malformed> {
        loop {
            match self {
                Self::Length(0) => return Ok(Some(Part::End(None))),
                Self::UntilClose if data.is_empty() => return Ok(None),
                Self::UntilClose => return Ok(Some(Part::Data(std::mem::take(data)))),
                Self::Length(_) | Self::Chunked(Chunked::Data(_)) if data.is_empty() => {
                    return Ok(None);
                }
                Self::Length(left) => return Ok(Some(Part::Data(take(left, data)))),
                Self::Chunked(chunk) => match chunk {
                    Chunked::Data(left) => {
                        let part = take(left, data);
                        if *left == 0 {
                            *chunk = Chunked::DataEnd;
                        }
                        return Ok(Some(Part::Data(part)));
                    }
                    Chunked::DataEnd => {
                        let Some(line) = lines.next(data) else { return Ok(None) };
                        if !line.text.is_empty() {
                            return Err(Malformed);
                        }
                        *chunk = Chunked::Size;
                    }
                    Chunked::Size => {
                        let Some(line) = lines.next(data) else { return Ok(None) };
                        *chunk = match size(&line.text).ok_or(Malformed)? {
                            0 => Chunked::Trailers(Box::default()),
                            size => Chunked::Data(size),
                        };
                    }
                    Chunked::Trailers(head) => {
                        let Some(line) = lines.next(data) else { return Ok(None) };
                        if line.text.is_empty() {
                            let headers = std::mem::take(&mut head.headers);
                            let some = headers.iter().next().is_some();
                            return Ok(Some(Part::End(some.then_some(headers))));
                        }
                        head.line(&line.text, line.cut)?;
                    }
                },
            }
        }
    }

    /// A hole of `len` bytes; whether the place is still known after it.
    pub(super) fn skip(&mut self, len: Option<u64>) -> bool {
        match (self, len) {
            (Self::UntilClose, _) => true,
            (Self::Length(left), Some(len)) if len <= *left => {
                *left -= len;
                true
            }
            (Self::Chunked(chunk), Some(len)) => match chunk {
                Chunked::Data(left) if len < *left => {
                    *left -= len;
                    true
                }
                Chunked::Data(left) if len == *left => {
                    *chunk = Chunked::DataEnd;
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }
}

fn take(left: &mut u64, data: &mut Bytes) -> Bytes {
    let len = (*left).min(data.remaining() as u64);
    *left -= len;
    data.split_to(len as usize)
}

/// `chunk-size [chunk-ext]`, RFC 9112 section 7.1.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at_checked(digits)?;
    let extension = match rest.trim_ascii_start().first() {
        None => true,
        Some(b';') => !rest.contains(&b'\r'),
        Some(_) => false,
    };
    if !extension || digits.is_empty() {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn chunk_sizes() {
        assert_eq!(size(b"1a"), Some(26));
        assert_eq!(size(b"0;name=value"), Some(0));
        assert_eq!(size(b"5 ; x"), Some(5));
        for bad in ["", "x", "-1", "0x5", "5 6", "11111111111111111"] {
            assert_eq!(size(bad.as_bytes()), None, "{bad}");
        }
    }
}
