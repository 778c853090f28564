//! Provider knowledge against recorded truth: addresses, failures, request ids, rate limits.
//!
//! Only tables are under test here: bodies are read with `serde_json`, not with the decoders.

#![allow(clippy::unwrap_used, reason = "a corpus that cannot be read must fail the test")]

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::corpus::operation;
use tracer::ai::call::{Failure, RateLimits};
use tracer::ai::endpoint::recognise;
use tracer::ai::failure::{ErrorFacts, classify};
use tracer::ai::providers::{self, HostTable};
use tracer::ai::rate_limit;
use tracer::http::headers::Headers;

/// The corpus' folder, or `None` after saying so: it lies beside the repository, not in it.
fn corpus() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");
    let shared = std::env::var_os("AITRACE_SHARED").map_or_else(|| beside.into(), PathBuf::from);
    let dev = shared.join("corpus/dev");
    if dev.is_dir() {
        return Some(dev);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "no corpus at {}", dev.display());
    eprintln!("SKIPPED: no corpus at {} (set AITRACE_SHARED)", dev.display());
    None
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

struct Case {
    id: String,
    expected: Value,
    exchange: Value,
}

fn cases(dev: &Path) -> Vec<Case> {
    let expected: HashMap<String, Value> = lines(&dev.join("expected.jsonl"))
        .into_iter()
        .map(|line| (text(&line["id"]).to_owned(), line))
        .collect();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(dev).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let recordings = files.iter().filter(|file| {
        let name = file.file_name().unwrap_or_default();
        name != "expected.jsonl" && name != "error_vectors.jsonl"
    });
    let found: Vec<Case> = recordings
        .flat_map(|file| lines(file))
        .map(|exchange| {
            let id = text(&exchange["id"]).to_owned();
            Case { expected: expected[&id].clone(), id, exchange }
        })
        .collect();
    assert_eq!(found.len(), expected.len());
    found
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

struct Address<'a> {
    host: &'a str,
    port: Option<u16>,
    path: &'a str,
    query: &'a str,
}

fn address(url: &str) -> Address<'_> {
    let url = url.split_once('#').map_or(url, |(sent, _)| sent);
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (authority, Some(if scheme == "https" { 443 } else { 80 })),
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Address { host, port, path, query }
}

fn headers(list: &Value) -> Headers {
    let mut headers = Headers::default();
    for pair in list.as_array().unwrap() {
        headers.push(text(&pair[0]).as_bytes(), text(&pair[1]).as_bytes());
    }
    headers
}

/// RFC 4648 §4.
fn base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for digit in text.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

fn response_body(exchange: &Value) -> String {
    let body = base64(text(&exchange["response"]["body"]));
    if text(&exchange["response"]["body_encoding_actual"]) == "gzip" {
        let mut plain = Vec::new();
        // Some recordings were cut: what came out counts.
        let _ = flate2::read::MultiGzDecoder::new(&*body).take(1 << 20).read_to_end(&mut plain);
        return String::from_utf8_lossy(&plain).into_owned();
    }
    String::from_utf8_lossy(&body).into_owned()
}

/// Cases whose label in the corpus is not what the address says, each for a reason.
fn labelled_otherwise(case: &Case, path: &str) -> bool {
    let provider = text(&case.expected["provider"]);
    // The labels know a gateway's inner path only for the OpenAI and Anthropic formats.
    (provider == "gateway" && (path.contains(":generateContent") || path.ends_with("/converse")))
        // Inference by POST to a model's own page.
        || (provider == "huggingface" && path.starts_with("/models/"))
        // The body's shape decides there; the path names a model that may take either.
        || text(&case.expected["api"]).starts_with("bedrock.invoke")
}

/// Counts what went wrong, by text.
type Wrong = BTreeMap<String, usize>;

#[test]
fn addresses_tell_provider_and_operation() {
    let Some(dev) = corpus() else { return };
    let none = HostTable::default();
    let (mut checked, mut strangers, mut left_to_body) = (0, 0, 0);
    let mut wrong = Wrong::new();
    for case in cases(&dev) {
        let request = &case.exchange["request"];
        let at = address(text(&request["url"]));
        let method = text(&request["method"]);
        let provider = providers::resolve(at.host, at.port, at.path, &none);
        let endpoint = recognise(provider, method, at.path, at.query);
        let mut fail = |what: String| {
            *wrong.entry(format!("{what}: {method} {} {}", at.host, at.path)).or_default() += 1;
        };
        if case.expected["provider"].is_null() {
            strangers += 1;
            if let Some(found) = endpoint {
                fail(format!("claimed as {found:?}"));
            }
            continue;
        }
        let response = headers(&case.exchange["response"]["headers"]);
        let id = provider
            .or_else(|| providers::betrayed(&response))
            .map_or("openai_compatible", |row| row.id);
        let hosted = text(&case.expected["provider"]);
        let accepted = case.expected["provider_accept"].as_array().unwrap();
        // Gateways without a row of their own, and one that betrays which software it is.
        let unnamed = match hosted {
            "pydantic_gateway" => id == "openai_compatible",
            "gateway" => id == "litellm",
            _ => false,
        };
        if id != hosted && !accepted.iter().any(|other| text(other) == id) && !unnamed {
            fail(format!("{id} instead of {hosted}"));
        }
        let Some(endpoint) = endpoint else {
            fail("not seen".to_owned());
            continue;
        };
        checked += 1;
        let wanted = operation(&case.expected);
        if endpoint.operation != wanted {
            if labelled_otherwise(&case, at.path) {
                left_to_body += 1;
            } else {
                fail(format!("{} instead of {wanted}", endpoint.operation));
            }
        }
        // A deployment's name is no model: the body's wins where there is one.
        if let (Some(model), Some(wanted)) =
            (&endpoint.model, case.expected["request_model"].as_str())
            && hosted != "azure_openai"
            && model != wanted.trim_start_matches("models/")
        {
            fail(format!("model {model} instead of {wanted}"));
        }
        if endpoint.stream.is_some_and(|stream| Some(stream) != case.expected["stream"].as_bool()) {
            fail(format!("stream {:?}", endpoint.stream));
        }
    }
    eprintln!(
        "{checked} addresses ({left_to_body} operations left to the body), {strangers} strangers, {} wrong",
        wrong.values().sum::<usize>()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked > 3000 && strangers > 100 && left_to_body <= 10);
}

/// The parts of an error that the decoders would find, wherever providers put them.
#[derive(Default)]
struct Parts {
    code: Option<String>,
    kind: Option<String>,
    message: Option<String>,
    details: Option<String>,
    status: Option<u16>,
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn parts(body: &Value) -> Parts {
    let body = if body.is_array() { &body[0] } else { body };
    let error = match (&body["error"], &body["response"]["error"]) {
        (Value::Null, Value::Null) => body,
        (Value::Null, inner) => inner,
        (Value::String(message), _) => {
            return Parts {
                code: word(&body["code"]),
                kind: word(&body["error_type"]),
                message: Some(message.clone()),
                ..Parts::default()
            };
        }
        (inner, _) => inner,
    };
    let base = &error["base_resp"];
    let rest: Vec<String> = ["details", "metadata", "innererror", "errors"]
        .iter()
        .map(|key| &error[*key])
        .filter(|value| !value.is_null())
        .map(Value::to_string)
        .collect();
    Parts {
        code: word(&error["code"]).or_else(|| word(&base["status_code"])),
        kind: word(&error["type"])
            .filter(|kind| kind != "error")
            .or_else(|| error["status"].as_str().map(str::to_owned)),
        message: word(&error["message"])
            .or_else(|| word(&error["detail"]))
            .or_else(|| word(&base["status_msg"])),
        details: (!rest.is_empty()).then(|| rest.join(" ")),
        status: error["originalStatusCode"].as_u64().map(|status| status as u16),
    }
}

/// The error object in a body of any framing.
fn find_error(body: &str) -> Parts {
    if let Ok(json) = serde_json::from_str::<Value>(body) {
        return parts(&json);
    }
    body.lines()
        .filter_map(|line| {
            let json = line.strip_prefix("data:").unwrap_or(line).trim();
            serde_json::from_str::<Value>(json).ok()
        })
        .filter(|event| !event["error"].is_null() || !event["response"]["error"].is_null())
        .map(|event| parts(&event))
        .next_back()
        .unwrap_or_else(|| Parts { message: Some(body.to_owned()), ..Parts::default() })
}

fn failure(provider: &str, status: u16, response: &Headers, body: &str) -> Failure {
    let found = find_error(body);
    let kind = response.first("x-amzn-errortype").map(str::to_owned).or(found.kind);
    let row = providers::by_id(provider);
    classify(&ErrorFacts {
        provider: row,
        status: Some(found.status.unwrap_or(status)),
        in_stream: status < 400,
        code: found.code.as_deref(),
        kind: kind.as_deref(),
        message: found.message.as_deref(),
        details: found.details.as_deref(),
        retry_after_s: rate_limit::parse(row, response).1,
    })
}

fn accepts(expected: &Value, class: &str) -> bool {
    text(&expected["failure_class"]) == class
        || expected["failure_class_accept"]
            .as_array()
            .is_some_and(|list| list.iter().any(|other| text(other) == class))
}

#[test]
fn recorded_failures_are_classed() {
    let Some(dev) = corpus() else { return };
    let (mut checked, mut wrong) = (0, Vec::new());
    for case in cases(&dev) {
        let class = text(&case.expected["failure_class"]);
        if class.is_empty() {
            continue;
        }
        let body = response_body(&case.exchange);
        // A blocked prompt's answer holds no error: the decoder says content_filter itself.
        if body.contains("\"blockReason\"") {
            continue;
        }
        checked += 1;
        let response = &case.exchange["response"];
        let status = response["status"].as_u64().unwrap() as u16;
        let provider = text(&case.expected["provider"]);
        let found = failure(provider, status, &headers(&response["headers"]), &body);
        if !accepts(&case.expected, found.class.as_str()) {
            let got = found.class.as_str();
            wrong.push(format!("{}: {got} instead of {class}: {body:.200}", case.id));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.:-".contains(&b);
        assert!(found.error_type.bytes().all(plain) && found.error_type.len() <= 64);
    }
    eprintln!("{checked} recorded failures, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked > 250);
}

#[test]
fn quoted_failures_are_classed() {
    let Some(dev) = corpus() else { return };
    let vectors = lines(&dev.join("error_vectors.jsonl"));
    let mut wrong = Vec::new();
    for vector in &vectors {
        let mut response = Headers::default();
        for (name, value) in vector["headers"].as_object().unwrap() {
            response.push(name.as_bytes(), text(value).as_bytes());
        }
        let quoted = &vector["body"];
        let body = quoted.as_str().map_or_else(|| quoted.to_string(), str::to_owned);
        let status = vector["status"].as_u64().unwrap() as u16;
        let found = failure(text(&vector["provider"]), status, &response, &body);
        let retryable = matches!(text(&vector["retryable"]), "yes" | "maybe");
        if !accepts(vector, found.class.as_str()) || found.retryable != retryable {
            wrong.push(format!(
                "{}: {} (retryable {}, {}): {body:.300}",
                text(&vector["id"]),
                found.class.as_str(),
                found.retryable,
                found.error_type
            ));
        }
    }
    eprintln!("{} quoted failures, {} wrong", vectors.len(), wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(vectors.len(), 90);
}

#[test]
fn headers_tell_request_ids_accounts_and_limits() {
    let Some(dev) = corpus() else { return };
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut wrong = Wrong::new();
    for case in cases(&dev) {
        let Some(row) = providers::by_id(text(&case.expected["provider"])) else { continue };
        let response = headers(&case.exchange["response"]["headers"]);
        let request = headers(&case.exchange["request"]["headers"]);
        let account = |names: &[&str]| {
            names.iter().find_map(|name| {
                response.first(name).or_else(|| request.first(name)).map(str::to_owned)
            })
        };
        let checks = [
            ("request_id", row.request_id(&response).map(str::to_owned)),
            ("organization", account(row.organization_headers)),
            ("project", account(row.project_headers)),
        ];
        for (key, found) in checks {
            let Some(wanted) = case.expected[key].as_str() else { continue };
            *counts.entry(key).or_default() += 1;
            if found.as_deref() != Some(wanted) {
                *wrong.entry(format!("{} {key}: {found:?}, not {wanted}", row.id)).or_default() +=
                    1;
            }
        }
        let (limits, _) = rate_limit::parse(Some(row), &response);
        let raw = case.expected["ratelimit_headers"].as_object();
        let figures = raw.is_some_and(|raw| {
            // Some recorders put a placeholder instead.
            raw.iter().any(|(name, value)| {
                (name.ends_with("requests") || name.ends_with("tokens") || name.ends_with("minute"))
                    && name.contains("remaining")
                    && !name.contains("ocr-pages")
                    && text(value).bytes().all(|b| b.is_ascii_digit())
            })
        });
        if figures {
            *counts.entry("limits").or_default() += 1;
            if limits == RateLimits::default() {
                *wrong.entry(format!("{} limits of {raw:?}", row.id)).or_default() += 1;
            }
        }
    }
    eprintln!("checked {counts:?}, {} wrong", wrong.values().sum::<usize>());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(counts["request_id"] > 1000 && counts["limits"] > 300);
}
