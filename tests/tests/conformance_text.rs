//! SSE, gzip, JSON and HTTP/1 against the shared vectors: whole, at every cut, byte by byte.

#![allow(clippy::unwrap_used, reason = "vectors that cannot be read must fail the test")]

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value;
use tracer::ai::json::{Path, Scanner, Visitor};
use tracer::event::BootTime;
use tracer::http::body::Decoder;
use tracer::http::{Close, HttpEvent, Protocol, Side, h1, sse};

const AT: BootTime = BootTime(1);

fn vectors(name: &str) -> Option<Value> {
    let shared = std::env::var_os("AITRACE_SHARED")
        .map_or_else(|| tests::clients::root().join("../shared"), PathBuf::from);
    let path = shared.join("conformance").join(name);
    if !path.exists() {
        assert!(std::env::var_os("CI").is_none(), "no vectors at {}", path.display());
        eprintln!("SKIPPED: no vectors at {}", path.display());
        return None;
    }
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// One code point is one byte.
fn latin1(text: &Value) -> Vec<u8> {
    text.as_str().unwrap_or_default().chars().map(|c| c as u32 as u8).collect()
}

fn hex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap_or_default().as_bytes();
    let digit = |b: u8| char::from(b).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Whole, at each cut, byte by byte: the same every time.
fn each_way<T: PartialEq + std::fmt::Debug>(
    wire: &[u8],
    id: &str,
    read: impl Fn(&[&[u8]]) -> T,
) -> T {
    let whole = read(&[wire]);
    for cut in (0..wire.len()).step_by((wire.len() / 400).max(1)) {
        let (head, tail) = wire.split_at(cut);
        assert_eq!(read(&[head, tail]), whole, "{id} cut at {cut}");
        // A beginning alone must only not panic.
        let _beginning = read(&[head]);
    }
    let bytes: Vec<&[u8]> = wire.chunks(1).collect();
    assert_eq!(read(&bytes), whole, "{id} byte by byte");
    whole
}

#[test]
fn server_sent_events() {
    let Some(vectors) = vectors("sse/cases.json") else { return };
    let cases = list(&vectors, "cases");
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let found = each_way(&latin1(&case["wire"]), id, |parts| {
            let utf8 = |data: Bytes| Bytes::from(String::from_utf8_lossy(&data).into_owned());
            let mut parser = sse::Parser::default();
            let mut events = Vec::new();
            for part in parts {
                parser.push(Bytes::copy_from_slice(part));
                while let Some(event) = parser.poll() {
                    events.push((event.name.map(utf8), utf8(event.data)));
                }
            }
            events
        });
        let text = |value: &Value| Bytes::from(value.as_str().unwrap_or_default().to_owned());
        let expected: Vec<_> = list(case, "events")
            .iter()
            .map(|event| {
                let name = event["event"].as_str().filter(|name| *name != "message");
                (name.map(|_| text(&event["event"])), text(&event["data"]))
            })
            .collect();
        assert_eq!(found, expected, "{id}");
    }
    println!("SSE: {} of {} streams", cases.len(), cases.len());
    assert!(cases.len() > 20);
}

#[test]
fn content_codings() {
    let Some(vectors) = vectors("gzip/cases.json") else { return };
    let mut checked = 0;
    for case in
        vectors.as_object().unwrap().values().flat_map(|v| v.as_array().into_iter().flatten())
    {
        let Some(result) = case["zlib_result"].as_str() else { continue };
        let coding = match case["format"].as_str().unwrap() {
            "deflate-raw" | "zlib" => "deflate",
            other => other,
        };
        let id = case["id"].as_str().unwrap();
        let wire = hex(&case["hex"]);
        let (out, error) = each_way(&wire, id, |parts| {
            let mut decoder = Decoder::new(Some(coding)).unwrap();
            let (mut out, mut error) = (0, false);
            for part in parts {
                let part = Bytes::copy_from_slice(part);
                error |= decoder.push(part, &mut |piece| out += piece.len()).is_err();
            }
            (out, error)
        });
        // A raw stream that begins like zlib's header is read as one: the sniff cannot know.
        let ambiguous = coding == "deflate"
            && case["format"] == "deflate-raw"
            && wire.first().is_some_and(|b| b & 0xf == 8);
        if !ambiguous {
            // Bytes after a whole body, and a body cut short, are no error for a bystander.
            assert!(result == "error" || !error, "{id}: {result}, but we fail after {out} bytes");
            if result == "ok" {
                assert_eq!(out as u64, case["out_len"].as_u64().unwrap_or(out as u64), "{id}");
            }
        }
        checked += 1;
    }
    println!("content codings: {checked} bodies");
    assert!(checked > 20);
}

#[derive(Default)]
struct Nothing;
impl Visitor for Nothing {
    fn value(&mut self, _path: &Path, _value: tracer::ai::json::Value<'_>) {}
}

#[test]
fn json() {
    let Some(vectors) = vectors("json/jsontestsuite.json") else { return };
    let cases = list(&vectors, "cases");
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let wire =
            case["hex"].as_str().map_or_else(|| latin1(&case["wire"]), |_| hex(&case["hex"]));
        let accepted = each_way(&wire, id, |parts| {
            let mut scanner = Scanner::single();
            for part in parts {
                scanner.push(part, &mut Nothing);
            }
            scanner.finish(&mut Nothing).is_ok()
        });
        match case["expect"].as_str().unwrap() {
            "y" => assert!(accepted, "{id} must be accepted"),
            // Encodings are not checked: providers' texts are never shown.
            "n" if !id.contains("utf8")
                && !id.contains("UTF8")
                && !id.contains("invalid-utf-8") =>
            {
                assert!(!accepted, "{id} must be rejected");
            }
            _ => {}
        }
    }
    println!("JSON: {} texts", cases.len());
    assert!(cases.len() > 250);
}

/// Where llhttp refuses and a bystander reads on: the peer may have accepted it, by llhttp's reason.
const LAXER: &[(&str, &str)] = &[
    ("Data after `Connection: close`", "what was sent was sent"),
    ("Missing expected CR", "a bare line feed ends a line, RFC 9112 section 2.2"),
    ("Expected CRLF after version", "the same"),
    ("Expected LF after CR", "a stray carriage return is part of the line"),
    ("Invalid header value char", "values are cleaned, not refused"),
    ("Unexpected space after start line", "a folded line without a header before it is read over"),
    ("Unexpected whitespace after header value", "the same"),
    ("Invalid method", "methods are not a closed list"),
    ("Expected space after method", "the same"),
    ("Invalid char in url path", "targets are not checked for their encoding"),
    ("Invalid character in chunk extensions", "extensions are not looked at"),
    ("Invalid character in chunk size", "white space around a size is allowed"),
    ("Request has invalid `Transfer-Encoding`", "refused too, but before the head is told"),
];
/// Where llhttp accepts and we do not, or read otherwise; by id, with the reason.
const OTHERWISE: &[(&str, &str)] = &[
    ("request/method:375", "ICE is no HTTP"),
    ("request/method:405", "RTSP is no HTTP"),
    ("request/method:433", "RTSP is no HTTP"),
    ("request/method:30", "what follows CONNECT is the tunnel's once it is answered, not before"),
    ("request/method:99", "what follows CONNECT is the tunnel's once it is answered, not before"),
    ("request/sample:317", "HTTP/0.9 has no heads to speak of"),
    ("response/sample:43", "RTSP is no HTTP"),
    ("response/sample:63", "ICE is no HTTP"),
    ("response/sample:648", "HTTP/0.9"),
    ("request/content-length:447", "the vector's text lost its empty lines"),
    ("response/content-length:126", "the vector's text lost its empty lines"),
    ("response/content-length:13", "the vector's text lost its line ends"),
    ("response/sample:121", "the vector's text lost its line ends"),
    ("response/sample:199", "the vector's text lost its line ends"),
    ("response/connection:644", "the vector's text lost its line ends"),
    ("response/transfer-encoding:7", "the vector's text lost its line ends"),
    ("response/transfer-encoding:115", "the vector's text lost its line ends"),
    (
        "request/transfer-encoding:754",
        "a request whose end is not told is refused, RFC 9112 section 6.3",
    ),
    ("request/method:461", "HTTP/2's preface is sniffed before this parser is asked"),
];

/// What a bystander makes of one side: messages whole, and whether it gave up.
fn http1(side: Side, parts: &[&[u8]]) -> (Vec<(String, Vec<u8>)>, bool) {
    let mut conn = h1::Conn::new();
    let mut messages: Vec<(String, Vec<u8>)> = Vec::new();
    for part in parts {
        conn.push(side, AT, Bytes::copy_from_slice(part));
    }
    let malformed = conn.counters().malformed > 0;
    conn.close(Side::Response, AT, Close::ByPeer);
    while let Some(event) = conn.poll() {
        match event {
            HttpEvent::RequestHead { head, .. } if side == Side::Request => {
                messages.push((format!("{} {}", head.method, head.target), Vec::new()));
            }
            HttpEvent::ResponseHead { head, .. } if side == Side::Response => {
                messages.push((head.status.to_string(), Vec::new()));
            }
            HttpEvent::RequestBody { data, .. } if side == Side::Request => {
                messages.last_mut().unwrap().1.extend(&data);
            }
            HttpEvent::ResponseBody { data, .. } if side == Side::Response => {
                messages.last_mut().unwrap().1.extend(&data);
            }
            _ => {}
        }
    }
    (messages, malformed)
}

#[test]
fn http1_as_llhttp_reads_it() {
    let Some(vectors) = vectors("http1/llhttp.json") else { return };
    let (mut agree, mut laxer, mut differ) = (0, 0, Vec::new());
    for case in list(&vectors, "cases") {
        let side = match case["type"].as_str().unwrap() {
            "request" => Side::Request,
            "response" => Side::Response,
            _ => continue,
        };
        let id = case["id"].as_str().unwrap();
        let wire = latin1(&case["wire"]);
        let as_is = each_way(&wire, id, |parts| http1(side, parts));
        // The vectors' texts lost their last empty line.
        let ended = each_way(&[&wire[..], b"\r\n"].concat(), id, |parts| http1(side, parts));
        let expected: Vec<(String, Vec<u8>)> = list(case, "messages")
            .iter()
            .filter(|message| message["headers_complete"] == true)
            // Interim answers are counted, not told.
            .filter(|message| !matches!(message["status_code"].as_u64(), Some(100 | 102..=199)))
            .map(|message| {
                let first = match side {
                    Side::Request => {
                        let url = message["url"].as_str().unwrap_or_default();
                        // The authority of an absolute form is told apart.
                        let path = url
                            .split_once("://")
                            .map_or(url, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
                        format!("{} {path}", message["method"].as_str().unwrap_or_default())
                    }
                    Side::Response => message["status_code"].to_string(),
                };
                (first, latin1(&message["body"]))
            })
            .collect();
        let reason = case["error"]["reason"].as_str().unwrap_or_default();
        // A pause hands over to another protocol.
        let rejected = !case["error"].is_null() && !reason.starts_with("Pause");
        let excused = LAXER.iter().any(|(why, _)| reason.starts_with(why))
            || OTHERWISE.iter().any(|(known, _)| *known == id);
        if [&as_is, &ended]
            .into_iter()
            .any(|(m, malformed)| *m == expected && *malformed == rejected)
        {
            agree += 1;
        } else if excused {
            laxer += 1;
        } else {
            differ.push(format!(
                "{id} ({}): {ended:?}, llhttp {expected:?} {:?}",
                case["name"], case["error"]["reason"]
            ));
        }
    }
    println!("HTTP/1: {agree} agree, {laxer} differ for a reason that is listed");
    assert!(differ.is_empty(), "{differ:#?}");
    assert!(agree > 140 && laxer < 60);
}
