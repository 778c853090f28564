//! Which protocol a connection speaks, from its client's first bytes.

use super::h2::PREFACE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniffed {
    Http1,
    Http2,
    NotHttp,
    /// Too few bytes to tell.
    Unsure,
}

/// RFC 9110 section 9, and PATCH (RFC 5789). Others open no call to a provider.
const METHODS: &[&[u8]] = &[
    b"GET ",
    b"POST ",
    b"PUT ",
    b"PATCH ",
    b"DELETE ",
    b"HEAD ",
    b"OPTIONS ",
    b"CONNECT ",
    b"TRACE ",
];

/// Looks at the first bytes that a client sent.
pub fn client(bytes: &[u8]) -> Sniffed {
    if bytes.starts_with(PREFACE) {
        return Sniffed::Http2;
    }
    if PREFACE.starts_with(bytes) {
        return Sniffed::Unsure;
    }
    if METHODS.iter().any(|method| bytes.starts_with(method)) {
        Sniffed::Http1
    } else if METHODS.iter().any(|method| method.starts_with(bytes)) {
        Sniffed::Unsure
    } else {
        Sniffed::NotHttp
    }
}

/// Whether bytes begin like an HTTP/1 answer.
pub fn is_http1_answer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.")
}

/// Whether a chunk begins like a frame of HTTP/2 that is common in the middle of a connection.
pub fn is_http2_frame(bytes: &[u8]) -> bool {
    let Some(&[a, b, c, kind, flags, stream, ..]) = bytes.get(..9) else { return false };
    let len = u32::from_be_bytes([0, a, b, c]);
    let fits = match kind {
        0 | 1 => len <= 16_384 && flags & !0x2d == 0,
        3 | 8 => len == 4 && flags == 0,
        4 => len.is_multiple_of(6) && len < 120 && flags <= 1,
        6 => len == 8 && flags <= 1,
        7 => (8..1024).contains(&len),
        9 => len <= 16_384 && flags & !4 == 0,
        _ => false,
    };
    fits && stream & 0x80 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell() {
        assert_eq!(client(b"POST /v1/chat"), Sniffed::Http1);
        assert_eq!(client(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Sniffed::Http2);
        assert_eq!(client(b"PRI * HT"), Sniffed::Unsure);
        assert_eq!(client(b"PO"), Sniffed::Unsure);
        assert_eq!(client(b""), Sniffed::Unsure);
        assert_eq!(client(b"\x16\x03\x01"), Sniffed::NotHttp);
        assert_eq!(client(b"EHLO me\r\n"), Sniffed::NotHttp);
        assert_eq!(client(&[b'A'; 64]), Sniffed::NotHttp);
    }
}
