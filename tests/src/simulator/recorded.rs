//! Recorded exchanges as answers: bodies as they were, the wire built anew.
//!
//! In: a folder of JSON lines, one exchange each. Out: [`Exchange`]s by identifier. Recordings say
//! nothing about framing or pace, so the script decides both. Everything is kept in memory.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::answer::{Answer, Body, Piece, Told};

/// Headers that the wire decides here, or that recorders left wrong.
const OURS: [&str; 5] =
    ["content-length", "transfer-encoding", "connection", "content-encoding", "keep-alive"];

#[derive(Debug, Default)]
pub struct Recordings {
    by_id: HashMap<String, Exchange>,
}

#[derive(Clone, Debug)]
pub struct Exchange {
    pub method: String,
    pub host: String,
    /// With the query.
    pub target: String,
    pub request_headers: Vec<(String, String)>,
    pub request_body: Vec<u8>,
    pub status: u16,
    response_headers: Vec<(String, String)>,
    response_body: Vec<u8>,
    /// What the bytes of the answer's body really are: identity, gzip, br.
    encoding: String,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    request: Side,
    response: Side,
}

#[derive(Deserialize)]
struct Side {
    #[serde(default)]
    method: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    status: u16,
    headers: Vec<(String, String)>,
    #[serde(default)]
    body_encoding_actual: Option<String>,
    body: Option<String>,
}

impl Recordings {
    /// Reads every `*.jsonl` of `folder` whose lines are exchanges with one of `hosts`.
    pub fn open(folder: &Path, hosts: &[&str]) -> Result<Self> {
        let mut recordings = Self::default();
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_source = name.ends_with(".jsonl") && name.contains('+');
            if !is_source {
                continue;
            }
            for line in BufReader::new(File::open(&path)?).lines() {
                let line = line?;
                // Most lines are for other hosts: look before the costly parse.
                if !hosts.iter().any(|host| line.contains(host)) {
                    continue;
                }
                let line: Line = serde_json::from_str(&line).with_context(|| name.clone())?;
                recordings.add(line, hosts)?;
            }
        }
        Ok(recordings)
    }

    fn add(&mut self, line: Line, hosts: &[&str]) -> Result<()> {
        let Some((_, rest)) = line.request.url.split_once("://") else { return Ok(()) };
        let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if !hosts.contains(&host) {
            return Ok(());
        }
        let exchange = Exchange {
            method: line.request.method,
            host: host.to_owned(),
            target: target.to_owned(),
            request_headers: strip(line.request.headers),
            request_body: decode(line.request.body.as_deref().unwrap_or_default())?,
            status: line.response.status,
            response_headers: strip(line.response.headers),
            response_body: decode(line.response.body.as_deref().unwrap_or_default())?,
            encoding: line.response.body_encoding_actual.unwrap_or_else(|| "identity".into()),
        };
        self.by_id.insert(line.id, exchange);
        Ok(())
    }

    pub fn get(&self, id: &str) -> Option<&Exchange> {
        self.by_id.get(id)
    }

    /// All, in a stable order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Exchange)> {
        let mut all: Vec<_> = self.by_id.iter().map(|(id, it)| (id.as_str(), it)).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all.into_iter()
    }
}

impl Exchange {
    /// `number` makes a request id where the recording has lost it, to join with events.
    pub(super) fn answer(&self, number: u64) -> Answer {
        let mut headers = self.response_headers.clone();
        if self.encoding != "identity" {
            headers.push(("content-encoding".into(), self.encoding.clone()));
        }
        let id_name = if self.host == "api.anthropic.com" { "request-id" } else { "x-request-id" };
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case(id_name));
        let request_id = format!("req_{number:024x}");
        headers.push((id_name.into(), request_id.clone()));
        let streamed = headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("content-type") && value.contains("event-stream")
        });
        let body = if streamed && self.encoding == "identity" {
            Body::Stream(pieces(&self.response_body))
        } else {
            Body::Whole(self.response_body.clone())
        };
        let told = Told { request_id, operation: "recorded".into(), ..Told::default() };
        Answer { status: self.status, headers, body, told }
    }
}

/// One piece per event.
fn pieces(body: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let end = rest.windows(2).position(|two| two == b"\n\n").map_or(rest.len(), |at| at + 2);
        let (piece, tail) = rest.split_at(end);
        pieces.push(Piece { bytes: piece.to_vec(), content: true });
        rest = tail;
    }
    pieces
}

fn strip(headers: Vec<(String, String)>) -> Vec<(String, String)> {
    let keep = |(name, value): &(String, String)| {
        !OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours))
            && !name.starts_with(':')
            && !value.contains(['\r', '\n'])
    };
    headers.into_iter().filter(keep).collect()
}

/// Standard base64 with padding, RFC 4648 §4.
fn decode(text: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut word, mut bits) = (0_u32, 0_u32);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => bail!("not base64"),
        };
        word = word << 6 | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits) as u8);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_tail_length() {
        let read = |text| String::from_utf8(decode(text).unwrap()).unwrap();
        assert_eq!([read("Zm9v"), read("Zm8="), read("Zg=="), read("")], ["foo", "fo", "f", ""]);
        decode("Zm9v\n!").unwrap_err();
    }

    #[test]
    fn a_stream_is_cut_after_each_event() {
        let lengths: Vec<_> =
            pieces(b"data: 1\n\ndata: 22\n\nrest").iter().map(|p| p.bytes.len()).collect();
        assert_eq!(lengths, [9, 10, 4]);
    }
}
