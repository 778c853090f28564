//! Recorded exchanges as bytes on a wire: HTTP/1.1 with a length or chunked, HTTP/2 interleaved.

use std::io::Write as _;

use bytes::Bytes;
use serde_json::Value;

/// One exchange with its bodies as they were sent.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub method: String,
    pub authority: String,
    /// Path and query.
    pub target: String,
    pub request_headers: Vec<(String, String)>,
    pub request: Vec<u8>,
    pub status: u16,
    pub response_headers: Vec<(String, String)>,
    pub response: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Length,
    Chunked,
    Http2,
}

/// Says nothing by itself: the wire writes these.
const FRAMING: &[&str] =
    &["content-length", "transfer-encoding", "connection", "host", "keep-alive", "upgrade"];

/// A small generator: the same seed cuts the same way.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }
    pub const fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % if limit == 0 { 1 } else { limit as u64 }) as usize
    }
}

impl Exchange {
    /// A line of the corpus; `None` when its URL is no URL.
    pub fn of(line: &Value, decode: impl Fn(&str) -> Vec<u8>) -> Option<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (request, response) = (&line["request"], &line["response"]);
        let url = text(&request["url"]);
        let (_, rest) = url.split_once("://")?;
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(at);
        let target = target.split('#').next().unwrap_or_default();
        let encoding = text(&response["body_encoding_actual"]);
        let headers = |list: &Value, encoding: &str| {
            let pairs = list.as_array().cloned().unwrap_or_default();
            let mut headers: Vec<(String, String)> = pairs
                .iter()
                .map(|pair| (text(&pair[0]).to_lowercase(), text(&pair[1])))
                .filter(|(name, _)| !FRAMING.contains(&&**name) && name != "content-encoding")
                .filter(|(name, _)| !name.starts_with(':'))
                .collect();
            if matches!(encoding, "gzip" | "br") {
                headers.push(("content-encoding".into(), encoding.into()));
            }
            headers
        };
        Some(Self {
            method: text(&request["method"]).to_uppercase(),
            authority: authority.to_owned(),
            target: if target.is_empty() { "/".into() } else { target.replace(' ', "%20") },
            request_headers: headers(&request["headers"], &text(&request["body_encoding_actual"])),
            request: decode(&text(&request["body"])),
            status: response["status"].as_u64()? as u16,
            response_headers: headers(&response["headers"], &encoding),
            response: decode(&text(&response["body"])),
        })
    }

    /// Bytes of both directions.
    pub fn http1(&self, chunked: bool, dice: &mut Dice) -> (Bytes, Bytes) {
        let mut request =
            format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.target, self.authority);
        put_headers(&mut request, &self.request_headers);
        let mut request = request.into_bytes();
        put_body(&mut request, &self.request, chunked && !self.request.is_empty(), dice);
        let mut response = format!("HTTP/1.1 {} X\r\n", self.status);
        put_headers(&mut response, &self.response_headers);
        let mut response = response.into_bytes();
        if matches!(self.status, 204 | 304) {
            response.extend(b"\r\n");
        } else {
            put_body(&mut response, &self.response, chunked, dice);
        }
        (request.into(), response.into())
    }

    /// Frames of both directions on one stream, each direction in order.
    pub fn http2(&self, stream: u32, dice: &mut Dice) -> (Vec<Bytes>, Vec<Bytes>) {
        let pseudo = [
            (":method", &*self.method),
            (":scheme", "https"),
            (":authority", &*self.authority),
            (":path", &*self.target),
        ];
        let status = self.status.to_string();
        let request = frames(stream, &pseudo, &self.request_headers, &self.request, dice);
        let response =
            frames(stream, &[(":status", &*status)], &self.response_headers, &self.response, dice);
        (request, response)
    }
}

fn put_headers(head: &mut String, headers: &[(String, String)]) {
    for (name, value) in headers {
        head.push_str(&format!("{name}: {}\r\n", value.replace(['\r', '\n'], " ")));
    }
}

fn put_body(wire: &mut Vec<u8>, body: &[u8], chunked: bool, dice: &mut Dice) {
    if !chunked {
        let _ = write!(wire, "content-length: {}\r\n\r\n", body.len());
        wire.extend(body);
        return;
    }
    wire.extend(b"transfer-encoding: chunked\r\n\r\n");
    let mut rest = body;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.len().min(1 + dice.below(1500)));
        let _ = write!(wire, "{:x}\r\n", chunk.len());
        wire.extend(chunk);
        wire.extend(b"\r\n");
        rest = after;
    }
    wire.extend(b"0\r\n\r\n");
}

/// A frame of RFC 9113.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Bytes {
    let mut wire = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    wire.extend([kind, flags]);
    wire.extend(stream.to_be_bytes());
    wire.extend(payload);
    wire.into()
}

/// Literals without indexing, RFC 7541 section 6.2.2.
fn literal(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        let len = text.len();
        if len < 127 {
            block.push(len as u8);
        } else {
            block.push(127);
            let mut rest = len - 127;
            while rest >= 128 {
                block.push(rest as u8 & 127 | 128);
                rest >>= 7;
            }
            block.push(rest as u8);
        }
        block.extend(text.as_bytes());
    }
}

fn frames(
    stream: u32,
    pseudo: &[(&str, &str)],
    headers: &[(String, String)],
    body: &[u8],
    dice: &mut Dice,
) -> Vec<Bytes> {
    let mut block = Vec::new();
    for (name, value) in pseudo {
        literal(&mut block, name, value);
    }
    for (name, value) in headers {
        literal(&mut block, name, value);
    }
    let mut frames = Vec::new();
    let parts: Vec<&[u8]> = block.chunks(1000).collect();
    for (i, part) in parts.iter().enumerate() {
        let last = if i + 1 == parts.len() { 4 } else { 0 };
        let end = u8::from(body.is_empty() && i == 0);
        frames.push(frame(if i == 0 { 1 } else { 9 }, last | end, stream, part));
    }
    let mut rest = body;
    while !rest.is_empty() {
        let (data, after) = rest.split_at(rest.len().min(1 + dice.below(4000)));
        frames.push(frame(0, u8::from(after.is_empty()), stream, data));
        rest = after;
    }
    frames
}
