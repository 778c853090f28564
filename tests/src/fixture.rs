//! Fixtures: one exchange a folder, as text, with what must be reported of it.
//!
//! `fixtures/<provider>/<case>/`: `request.http` and `response.http` (head, empty line, body; lines end
//! in LF), `messages.txt` for what follows a 101 (`> ` the client's, `< ` the server's), and
//! `expected.json`: a line on the origin, the wire family, and the calls with EVENTS' keys. A
//! `content-encoding` is applied here; an AWS event stream is one `name {json}` a line, exceptions
//! begin with `!`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tracer::ai::call::{Call, Limit};

use crate::render::Exchange;
use crate::wire;

#[derive(Debug)]
pub struct Fixture {
    /// A row of the table, `openai_compatible`, or `no_provider`.
    pub provider: String,
    pub case: String,
    pub family: String,
    pub origin: String,
    pub exchange: Exchange,
    /// Text, and whether the client sent it.
    pub messages: Vec<(bool, String)>,
    pub calls: Vec<Value>,
}

#[derive(Deserialize)]
struct Expected {
    origin: String,
    family: String,
    calls: Vec<Value>,
}

/// The folder of all fixtures.
pub fn folder() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures").into()
}

/// All fixtures, by name.
pub fn all() -> Result<Vec<Fixture>> {
    let mut fixtures = Vec::new();
    for provider in folders(&folder())? {
        for case in folders(&provider)? {
            fixtures.push(Fixture::open(&case).with_context(|| case.display().to_string())?);
        }
    }
    Ok(fixtures)
}

fn folders(of: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(of).with_context(|| of.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

impl Fixture {
    pub fn open(folder: &Path) -> Result<Self> {
        let name =
            |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let read = |name: &str| {
            std::fs::read_to_string(folder.join(name)).with_context(|| name.to_owned())
        };
        let expected: Expected = serde_json::from_str(&read("expected.json")?)?;
        let (request, response) = (read("request.http")?, read("response.http")?);
        let (line, request_headers, asked) = head(&request)?;
        let [method, target, _] = line.split(' ').collect::<Vec<_>>()[..] else {
            bail!("a request line has three words: {line}");
        };
        let (status, response_headers, answered) = head(&response)?;
        let status = status.split(' ').nth(1).context("a status")?.parse()?;
        let authority = value(&request_headers, "host").to_owned();
        let coding = value(&response_headers, "content-encoding");
        let packed = if value(&response_headers, "content-type").contains("amazon.eventstream") {
            events(answered)?
        } else {
            answered.as_bytes().to_vec()
        };
        let response = wire::encode(&packed, coding).context("an unknown coding")?;
        let messages = if status == 101 { messages(&read("messages.txt")?)? } else { Vec::new() };
        Ok(Self {
            provider: folder.parent().map(name).unwrap_or_default(),
            case: name(folder),
            family: expected.family,
            origin: expected.origin,
            exchange: Exchange {
                method: method.to_owned(),
                authority,
                target: target.to_owned(),
                request_headers: request_headers.into_iter().filter(|(n, _)| n != "host").collect(),
                request: asked.trim_end_matches('\n').as_bytes().to_vec(),
                status,
                response_headers,
                response,
            },
            messages,
            calls: expected.calls,
        })
    }

    pub fn name(&self) -> String {
        format!("{}/{}", self.provider, self.case)
    }
}

type Headers = Vec<(String, String)>;

/// First line, headers, body.
fn head(text: &str) -> Result<(&str, Headers, &str)> {
    let (head, body) = text.split_once("\n\n").context("a head ends in an empty line")?;
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").with_context(|| line.to_owned())?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect::<Result<_>>()?;
    Ok((first, headers, body))
}

fn value<'h>(headers: &'h Headers, name: &str) -> &'h str {
    headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
}

fn events(body: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for line in body.lines() {
        let (name, payload) = line.split_once(' ').with_context(|| line.to_owned())?;
        let exception = name.starts_with('!');
        bytes.extend(wire::event_stream(name.trim_start_matches('!'), exception, payload));
    }
    Ok(bytes)
}

fn messages(text: &str) -> Result<Vec<(bool, String)>> {
    text.lines()
        .map(|line| match line.split_at_checked(2) {
            Some(("> ", text)) => Ok((true, text.to_owned())),
            Some(("< ", text)) => Ok((false, text.to_owned())),
            _ => bail!("whose message is {line:?}?"),
        })
        .collect()
}

/// A call with EVENTS' keys; what differs from wire to wire left out. Absent stays absent.
pub fn describe(call: &Call) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        let is_empty = match &value {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            _ => false,
        };
        // What is false is said of a failure and of incomplete usage only.
        if !is_empty || matches!(key, "aitrace.usage.complete" | "aitrace.failure.retryable") {
            map.insert(key.to_owned(), value);
        }
    };
    put("gen_ai.operation.name", json!(call.operation));
    put("gen_ai.provider.name", json!(call.provider));
    put("gen_ai.request.model", json!(call.request_model));
    put("gen_ai.response.model", json!(call.response_model));
    put("gen_ai.request.stream", json!(call.stream));
    put("gen_ai.request.max_tokens", json!(call.max_tokens));
    put("gen_ai.request.temperature", json!(call.temperature));
    put("gen_ai.request.top_p", json!(call.top_p));
    put("gen_ai.response.id", json!(call.response_id));
    put("gen_ai.response.finish_reasons", json!(call.finish_reasons));
    let first = call.time_to_first_chunk.map(|_| "present");
    put("gen_ai.response.time_to_first_chunk", json!(first));
    let usage = &call.usage;
    put("gen_ai.usage.input_tokens", json!(usage.input));
    put("gen_ai.usage.output_tokens", json!(usage.output));
    put("gen_ai.usage.cache_read.input_tokens", json!(usage.cache_read));
    put("gen_ai.usage.cache_write.input_tokens", json!(usage.cache_write));
    put("gen_ai.usage.reasoning.output_tokens", json!(usage.reasoning));
    put("gen_ai.usage.audio.input_tokens", json!(usage.audio_input));
    put("gen_ai.usage.audio.output_tokens", json!(usage.audio_output));
    put("aitrace.usage.complete", json!(call.usage_complete));
    put("http.request.method", json!(call.method));
    put("url.path", json!(call.path));
    put("http.response.status_code", json!(call.status));
    put("server.address", json!(call.host));
    put("server.port", json!(call.port));
    put("aitrace.provider.request_id", json!(call.provider_request_id));
    put("openai.organization", json!(call.organization));
    put("openai.project", json!(call.project));
    put("aitrace.sdk.name", json!(call.sdk.as_ref().map(|(name, _)| name)));
    put("aitrace.sdk.version", json!(call.sdk.as_ref().and_then(|(_, version)| version.as_ref())));
    put("aitrace.tools.offered", json!(call.tools_offered));
    put("aitrace.tools.called", json!(call.tools_called));
    put("aitrace.capture", json!(call.capture.as_str()));
    if let Some(failure) = &call.failure {
        put("aitrace.failure.class", json!(failure.class.as_str()));
        put("aitrace.failure.retryable", json!(failure.retryable));
        put("error.type", json!(failure.error_type));
        put("aitrace.retry_after_s", json!(failure.retry_after_s));
    }
    let limits = &call.rate_limits;
    for (dimension, Limit { limit, remaining, reset_s }) in [
        ("requests", limits.requests),
        ("tokens", limits.tokens),
        ("input_tokens", limits.input_tokens),
        ("output_tokens", limits.output_tokens),
    ] {
        put(&format!("aitrace.rate_limit.{dimension}.limit"), json!(limit));
        put(&format!("aitrace.rate_limit.{dimension}.remaining"), json!(remaining));
        put(&format!("aitrace.rate_limit.{dimension}.reset_s"), json!(reset_s));
    }
    if let Some(failure) = &call.failure {
        // Said either way.
        map.insert("aitrace.failure.capacity".to_owned(), json!(failure.class.is_capacity()));
    }
    Value::Object(map)
}

/// Two descriptions that differ: the keys, found and wanted. Numbers compare as numbers.
pub fn differences(found: &Value, wanted: &Value) -> Vec<String> {
    let empty = Map::new();
    let (found, wanted) =
        (found.as_object().unwrap_or(&empty), wanted.as_object().unwrap_or(&empty));
    let mut keys: Vec<&String> = found.keys().chain(wanted.keys()).collect();
    keys.sort();
    keys.dedup();
    let same = |a: Option<&Value>, b: Option<&Value>| match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => {
            a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| (a - b).abs() < 1e-9)
        }
        (a, b) => a == b,
    };
    keys.into_iter()
        .filter(|key| !same(found.get(*key), wanted.get(*key)))
        .map(|key| {
            let text = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
            format!("{key}: found {}, expected {}", text(found.get(key)), text(wanted.get(key)))
        })
        .collect()
}
