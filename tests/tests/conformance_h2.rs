//! HPACK and HTTP/2 against the shared conformance corpus: 47,142 header blocks of other encoders,
//! recorded conversations whole and cut, broken conversations, floods, and lost records.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use bytes::Bytes;
use serde_json::Value;
use tracer::event::BootTime;
use tracer::http::h2::Conn;
use tracer::http::h2::hpack::{Decoder, Limits};
use tracer::http::{Close, HttpEvent, Outcome, Protocol, Side};

/// Most state of one connection, events taken.
const STATE: usize = 64 * 1024;
const STRICT: Limits = Limits { table: 4096, field: 65_536, list: 65_536 };
const AT: BootTime = BootTime(1);

/// The corpus lies beside the repository, or where `AITRACE_SHARED` says.
fn corpus(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("AITRACE_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let path = shared.join("conformance").join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "no corpus at {}", path.display());
    eprintln!("SKIPPED: no corpus at {}", path.display());
    None
}

fn json(name: &str) -> Option<Value> {
    let bytes = std::fs::read(corpus(name)?).expect("readable");
    Some(serde_json::from_slice(&bytes).expect("JSON"))
}

fn hex(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("hex");
    let nibble = |b: u8| char::from(b).to_digit(16).expect("hex digit") as u8;
    text.as_bytes().chunks(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

type Fields = Vec<(Option<Vec<u8>>, Option<Vec<u8>>)>;

fn decode(decoder: &mut Decoder, block: &[u8], step: usize) -> Result<Fields, String> {
    let mut fields = Vec::new();
    let mut result = Ok(());
    for part in block.chunks(step) {
        result = result.and(decoder.push(part, &mut |field| {
            fields.push((field.name.map(<[u8]>::to_vec), field.value.map(<[u8]>::to_vec)));
        }));
    }
    result.and(decoder.finish().map(drop)).map(|()| fields).map_err(|error| error.to_string())
}

fn known(headers: &Value) -> Fields {
    let bytes = |text: &Value| Some(text.as_str().unwrap_or_default().as_bytes().to_vec());
    let headers = headers.as_array().map_or(&[][..], Vec::as_slice);
    headers.iter().map(|pair| (bytes(&pair[0]), bytes(&pair[1]))).collect()
}

/// Decodes every block of every encoder; returns how many, those of identical encoders counted.
fn stories(corpus: &Value) -> usize {
    let mut blocks = 0;
    for story in list(corpus, "stories") {
        let headers = list(story, "headers");
        for (name, encoder) in story["encoders"].as_object().into_iter().flatten() {
            let mut strict = Decoder::strict(STRICT);
            let mut observer = Decoder::observer(Limits { table: 16_384, ..STRICT });
            for (i, wire) in list(encoder, "wire").iter().enumerate() {
                if let Some(size) = encoder["table_size"][i.to_string()].as_u64() {
                    strict.announce(size as usize);
                }
                let (wire, expected) = (hex(wire), known(&headers[i]));
                let context = format!("{} {name} block {i}", story["story"]);
                let fields = decode(&mut strict, &wire, 1 + i * 7 % 64);
                assert_eq!(fields.as_ref(), Ok(&expected), "{context}");
                let fields = decode(&mut observer, &wire, usize::MAX);
                assert_eq!(fields.as_ref(), Ok(&expected), "observer: {context}");
            }
            blocks += list(encoder, "wire").len() * (1 + list(encoder, "also").len());
        }
    }
    blocks
}

#[test]
fn hpack_stories_decode_exactly() {
    let Some(corpus) = json("hpack/compact.json") else { return };
    assert_eq!(stories(&corpus), 4364);
}

#[test]
fn all_hpack_stories_decode_exactly() {
    let Some(path) = corpus("hpack/all.json.xz") else { return };
    let Ok(unpacked) = Command::new("xz").arg("-dc").arg(path).stderr(Stdio::inherit()).output()
    else {
        assert!(std::env::var_os("CI").is_none(), "no xz to unpack the corpus with");
        return eprintln!("SKIPPED: no xz to unpack the corpus with");
    };
    let corpus = serde_json::from_slice(&unpacked.stdout).expect("JSON");
    assert_eq!(stories(&corpus), 47_142);
}

/// A decoder that begins at block `start` never says anything else than one that was there from the
/// first: it only knows less.
#[test]
fn a_late_hpack_decoder_never_guesses() {
    let Some(corpus) = json("hpack/compact.json") else { return };
    let (mut right, mut unknown) = (0u64, 0u64);
    for story in list(&corpus, "stories") {
        let headers = list(story, "headers");
        for (name, encoder) in story["encoders"].as_object().into_iter().flatten() {
            for start in [1, 2, 5, 20, 60] {
                let mut late = Decoder::observer(STRICT);
                for (i, wire) in list(encoder, "wire").iter().enumerate().skip(start) {
                    let fields = decode(&mut late, &hex(wire), usize::MAX).expect("decodes");
                    let expected = known(&headers[i]);
                    assert_eq!(fields.len(), expected.len());
                    for (got, want) in fields.iter().zip(&expected) {
                        let context = format!("{} {name} from {start} block {i}", story["story"]);
                        assert!(got.0.is_none() || got.0 == want.0, "{context}");
                        assert!(got.1.is_none() || got.1 == want.1, "{context}");
                        let known = got.0.is_some() && got.1.is_some();
                        *if known { &mut right } else { &mut unknown } += 1;
                    }
                }
            }
        }
    }
    assert!(right > 4 * unknown && unknown > 0, "{right} known, {unknown} unknown");
}

#[test]
fn hpack_examples_of_the_rfc_and_negatives() {
    let Some(corpus) = json("hpack/rfc7541_and_negative.json") else { return };
    for case in list(&corpus, "positive") {
        let table = case["table_size"].as_u64().unwrap_or(4096) as usize;
        let mut decoder = Decoder::strict(Limits { table, ..STRICT });
        for block in list(case, "blocks") {
            let fields = decode(&mut decoder, &hex(&block["hex"]), usize::MAX);
            assert_eq!(fields, Ok(known(&block["headers"])), "{}", case["id"]);
        }
    }
    for case in list(&corpus, "negative") {
        let block = hex(&case["hex"]);
        for step in [1, 3, usize::MAX] {
            let fields = decode(&mut Decoder::strict(STRICT), &block, step);
            assert!(fields.is_err(), "{} was taken", case["id"]);
            let mut observer = Decoder::observer(Limits { table: 8192, field: 6144, list: 65_536 });
            let kept = decode(&mut observer, &block, step).unwrap_or_default();
            let len = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
            let kept: usize = kept.iter().map(|(name, value)| len(name) + len(value)).sum();
            assert!(kept <= 65_536 && observer.memory() <= 32 * 1024, "{}", case["id"]);
        }
    }
}

/// One exchange as a test sees it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    method: String,
    path: String,
    authority: String,
    status: Option<u16>,
    request: Vec<u8>,
    response: Vec<u8>,
    /// Outcome, late, gap, both sizes.
    end: Option<(Outcome, bool, bool, u64, u64)>,
    /// Every header that was let through.
    headers: Vec<String>,
    gaps: usize,
}

#[derive(Debug, Default, PartialEq)]
struct Watched {
    exchanges: BTreeMap<u64, Seen>,
    /// All heads as a careless log line would show them.
    text: String,
}

impl Watched {
    fn drain(&mut self, conn: &mut Conn) {
        while let Some(event) = conn.poll() {
            let seen = self.exchanges.entry(event.id().0).or_default();
            assert!(seen.end.is_none(), "an event after the end");
            match event {
                HttpEvent::RequestHead { head, .. } => {
                    self.text.push_str(&format!("{head:?}"));
                    seen.headers.extend(head.headers.iter().map(|(n, v)| format!("{n}: {v}")));
                    (seen.method, seen.path) = (head.method, head.target);
                    seen.authority = head.authority;
                }
                HttpEvent::RequestBody { data, .. } => seen.request.extend_from_slice(&data),
                HttpEvent::ResponseHead { head, .. } => {
                    self.text.push_str(&format!("{head:?}"));
                    assert_eq!(seen.status, None, "two heads");
                    seen.headers.extend(head.headers.iter().map(|(n, v)| format!("{n}: {v}")));
                    seen.status = Some(head.status);
                }
                HttpEvent::ResponseBody { data, .. } => seen.response.extend_from_slice(&data),
                HttpEvent::ResponseTrailers { .. } => {}
                HttpEvent::RequestEnd { size, .. } => {
                    assert!(size >= seen.request.len() as u64);
                }
                HttpEvent::ResponseEnd { size, .. } => {
                    assert!(size >= seen.response.len() as u64);
                }
                HttpEvent::Message { .. } => unreachable!("no WebSocket here"),
                HttpEvent::Gap { .. } => seen.gaps += 1,
                HttpEvent::End { outcome, late, gap, request_size, response_size, .. } => {
                    seen.end = Some((outcome, late, gap, request_size, response_size));
                }
            }
        }
    }
}

/// Feeds records; the peer closes at the end.
fn watch(conn: &mut Conn, records: &[(Side, Bytes)]) -> Watched {
    let mut watched = Watched::default();
    for (side, data) in records {
        conn.push(*side, AT, data.clone());
        watched.drain(conn);
        assert!(conn.memory() <= STATE, "{} bytes held", conn.memory());
    }
    conn.close(Side::Response, AT, Close::ByPeer);
    watched.drain(conn);
    assert_eq!(conn.open_exchanges(), 0);
    watched
}

fn records(case: &Value) -> Vec<(Side, Bytes)> {
    let side = |name: &Value| if name == "c" { Side::Request } else { Side::Response };
    list(case, "log").iter().map(|pair| (side(&pair[0]), Bytes::from(hex(&pair[1])))).collect()
}

fn assert_expected(case: &Value, watched: &Watched) {
    let expect = case["expect"].as_object().expect("streams");
    assert_eq!(watched.exchanges.len(), expect.len(), "{}", case["id"]);
    let mut streams: Vec<(u64, &Value)> =
        expect.iter().map(|(id, want)| (id.parse().expect("id"), want)).collect();
    streams.sort_by_key(|(id, _)| *id);
    for ((id, want), seen) in streams.iter().zip(watched.exchanges.values()) {
        let context = format!("{} stream {id}: {seen:?}", case["id"]);
        let bytes = |key: &str| want[key].as_str().unwrap_or_default().as_bytes();
        assert_eq!(want["path"], seen.path, "{context}");
        assert_eq!(want["authority"], seen.authority, "{context}");
        assert_eq!(want["status"].as_u64(), seen.status.map(u64::from), "{context}");
        assert_eq!(bytes("req_body"), seen.request, "{context}");
        assert_eq!(bytes("resp_body"), seen.response, "{context}");
        let outcome = match want["end"].as_str() {
            Some("complete") => Outcome::Complete,
            Some("rst:8") => Outcome::ClientGone,
            Some("open") => Outcome::Cut,
            other => unreachable!("{other:?}"),
        };
        let (request, response) = (seen.request.len() as u64, seen.response.len() as u64);
        assert_eq!(seen.end, Some((outcome, false, false, request, response)), "{context}");
    }
}

#[test]
fn conversations_are_read_however_they_are_cut() {
    let Some(corpus) = json("h2/cases.json") else { return };
    for case in list(&corpus, "golden") {
        let whole = records(case);
        let mut conn = Conn::new();
        let expected = watch(&mut conn, &whole);
        assert_expected(case, &expected);
        let counters = conn.counters();
        assert_eq!(counters.frame_errors + counters.header_errors, 0, "{}", case["id"]);
        assert!(!expected.text.contains("CANARY"));

        let singles = |(side, data): &(Side, Bytes)| {
            let (side, data) = (*side, data.clone());
            (0..data.len()).map(move |i| (side, data.slice(i..=i)))
        };
        let bytes: Vec<_> = whole.iter().flat_map(singles).collect();
        assert_eq!(watch(&mut Conn::new(), &bytes), expected, "{} byte by byte", case["id"]);

        let total: usize = whole.iter().map(|(_, data)| data.len()).sum();
        for (r, (side, data)) in whole.iter().enumerate() {
            for at in (1..data.len()).step_by(1 + total / 2000) {
                let mut cut = whole.clone();
                cut.splice(r..=r, [(*side, data.slice(..at)), (*side, data.slice(at..))]);
                let watched = watch(&mut Conn::new(), &cut);
                assert_eq!(watched, expected, "{} cut in record {r} at {at}", case["id"]);
                // The conversation ends here: nothing wrong, nothing panics.
                cut.truncate(r + 1);
                assert_only_missing(&expected, &watch(&mut Conn::new(), &cut), &case["id"]);
            }
        }
    }
}

/// Whatever was reported is what was there.
fn assert_only_missing(whole: &Watched, part: &Watched, context: &Value) {
    for seen in part.exchanges.values() {
        // Numbers differ when an exchange before it is missing: any that fits will do.
        let fits = |full: &Seen| {
            let text = |part: &str, full: &str| part.is_empty() || part == full;
            text(&seen.method, &full.method)
                && text(&seen.path, &full.path)
                && text(&seen.authority, &full.authority)
                && seen.status.is_none_or(|status| status == 0 || Some(status) == full.status)
                && seen.headers.iter().all(|header| full.headers.contains(header))
                && is_sub(&seen.request, &full.request)
                && is_sub(&seen.response, &full.response)
        };
        assert!(whole.exchanges.values().any(fits), "{context}: invented {seen:?}");
    }
}

/// Whether `part` is `full` with pieces left out.
fn is_sub(part: &[u8], full: &[u8]) -> bool {
    let mut rest = full.iter();
    part.iter().all(|byte| rest.any(|other| other == byte))
}

#[test]
fn a_lost_record_makes_no_wrong_field() {
    let Some(corpus) = json("h2/cases.json") else { return };
    for case in list(&corpus, "golden") {
        let whole = records(case);
        let expected = watch(&mut Conn::new(), &whole);
        for lost in 0..whole.len() {
            for length_known in [true, false] {
                let mut conn = Conn::new();
                let mut watched = Watched::default();
                for (r, (side, data)) in whole.iter().enumerate() {
                    if r == lost {
                        conn.gap(*side, AT, length_known.then_some(data.len() as u64));
                    } else {
                        conn.push(*side, AT, data.clone());
                    }
                    watched.drain(&mut conn);
                }
                conn.close(Side::Response, AT, Close::ByPeer);
                watched.drain(&mut conn);
                assert_only_missing(&expected, &watched, &case["id"]);
                // What is not as it was says so.
                if watched.exchanges.len() == expected.exchanges.len() {
                    for (seen, full) in watched.exchanges.values().zip(expected.exchanges.values())
                    {
                        let marked = seen.end.is_some_and(|(_, late, gap, ..)| late || gap);
                        let same = (&seen.response, &seen.request, &seen.path)
                            == (&full.response, &full.request, &full.path);
                        assert!(same || marked, "{} record {lost}: unmarked {seen:?}", case["id"]);
                    }
                }
            }
            // Attached only now.
            let watched = watch(&mut Conn::late(), &whole[lost..]);
            assert_only_missing(&expected, &watched, &case["id"]);
        }
    }
}

#[test]
fn a_hole_inside_a_body_costs_that_body_only() {
    let Some(corpus) = json("h2/cases.json") else { return };
    let whole = records(&list(&corpus, "golden")[0]);
    let mut conn = Conn::new();
    let mut watched = Watched::default();
    for (r, (side, record)) in whole.iter().enumerate() {
        if r == 6 {
            // 9 bytes of header, 15 of payload; 5 of the payload are lost.
            assert_eq!(&record[9..], b"data: {\"i\":1}\n\n");
            conn.push(*side, AT, record.slice(..15));
            conn.gap(*side, AT, Some(5));
            conn.push(*side, AT, record.slice(20..));
        } else {
            conn.push(*side, AT, record.clone());
        }
    }
    watched.drain(&mut conn);
    let seen = &watched.exchanges[&0];
    let text = String::from_utf8_lossy(&seen.response);
    assert!(text.starts_with("data: {\"i\":0}\n\ndata: 1}\n\ndata: {\"i\":2}"), "{text}");
    // Lost bytes of known number count as size.
    let size = 4 * 15 + 14;
    assert_eq!((seen.gaps, seen.end), (1, Some((Outcome::Complete, false, true, 32, size))));
}

#[test]
fn a_stream_joined_in_its_middle_is_read_from_there() {
    let Some(corpus) = json("h2/cases.json") else { return };
    let whole = records(&list(&corpus, "golden")[0]);
    let watched = watch(&mut Conn::late(), &whole[7..]);
    let seen = &watched.exchanges[&0];
    assert_eq!((seen.path.as_str(), seen.status, seen.gaps), ("", None, 1));
    assert_eq!(seen.response, b"data: {\"i\":2}\n\ndata: {\"i\":3}\n\ndata: [DONE]\n\n");
    assert_eq!(seen.end, Some((Outcome::Complete, true, true, 0, 44)));
}

/// Legal for a bystander, or nothing it could count.
const FINE: &[&str] = &[
    "settings-header-table-size-4GiB",
    "settings-unknown-id",
    "unknown-frame-type",
    "reserved-bit-set",
    "frame-header-truncated",
    "settings-flood-5000",
    "ping-flood-3000",
    "empty-data-flood-5000",
    "bad-preface",
    "continuation-flood-1000-empty",
];

#[test]
fn broken_conversations_are_counted_and_bounded() {
    let Some(corpus) = json("h2/cases.json") else { return };
    for case in list(&corpus, "negative") {
        let id = case["id"].as_str().unwrap_or_default();
        let bytes = Bytes::from(hex(&case["client_hex"]));
        let late = case["no_preface"] == true;
        let new = || if late { Conn::late() } else { Conn::new() };
        let mut conn = new();
        let expected = watch(&mut conn, &[(Side::Request, bytes.clone())]);
        let counters = *conn.counters();
        let errors = counters.frame_errors
            + counters.header_errors
            + counters.malformed
            + counters.places_lost
            + counters.streams_overflowed
            + counters.resets
            + counters.unknown_fields;
        assert_eq!(errors == 0, FINE.contains(&id), "{id}: {counters:?}");
        match id {
            "settings-unknown-id"
            | "unknown-frame-type"
            | "reserved-bit-set"
            | "settings-header-table-size-4GiB" => {
                assert_eq!(expected.exchanges[&0].path, "/v1/chat/completions", "{id}");
            }
            "rapid-reset-500" => {
                assert_eq!((expected.exchanges.len(), counters.resets), (500, 500));
            }
            "streams-1000-no-end" => {
                assert_eq!((expected.exchanges.len(), counters.streams_overflowed), (256, 744));
            }
            "mid-stream-join" => {
                // The head's fields are all literals or static, its stream ended before the data.
                assert_eq!(expected.exchanges[&0].path, "/v1/chat/completions");
                assert_eq!((counters.places_found, counters.frame_errors), (1, 1));
                assert!(expected.exchanges[&0].request.is_empty());
            }
            _ => {}
        }
        assert!(!expected.text.contains(['\u{1b}', '\0', '\r']), "{id}");
        let singles: Vec<_> =
            (0..bytes.len()).map(|i| (Side::Request, bytes.slice(i..=i))).collect();
        let watched = watch(&mut new(), &singles);
        // Cut anywhere, a connection met in its middle may not be recognised.
        assert!(late || watched == expected, "{id} byte by byte");
        for at in (1..bytes.len()).step_by(1 + bytes.len() / 300) {
            let cut = [(Side::Request, bytes.slice(..at)), (Side::Request, bytes.slice(at..))];
            let watched = watch(&mut new(), &cut);
            assert!(late || watched == expected, "{id} cut at {at}");
            watch(&mut new(), &cut[..1]);
        }
    }
}
