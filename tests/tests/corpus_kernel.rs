//! Recorded exchanges through a real client, a real TLS library and the kernel: one of every
//! (provider, operation, stream, status) that the corpus has over TLS.

#![allow(clippy::unwrap_used, reason = "a corpus that cannot be read must fail the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tests::clients::{self, program, run};
use tests::sandbox::Sandbox;
use tests::simulator::Config;
use tests::simulator::recorded::Recordings;
use tests::tracer::Tracer;
use tracer::ai::providers;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Host of an exchange that went over TLS at the usual port.
fn host(exchange: &Value) -> Option<&str> {
    let rest = text(&exchange["request"]["url"]).strip_prefix("https://")?;
    let host = rest.split(['/', '?']).next()?;
    (!host.contains(':') && host.contains('.') && host.is_ascii()).then_some(host)
}

#[test]
#[ignore = "root"]
fn one_exchange_of_every_kind_through_the_kernel() {
    let Some(dev) = clients::corpus().unwrap() else {
        return eprintln!("SKIPPED: no corpus");
    };
    let lines = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(dev.join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let expected: BTreeMap<String, Value> = lines("expected.jsonl")
        .into_iter()
        .map(|line| (text(&line["id"]).to_owned(), line))
        .collect();
    let mut files: Vec<String> = std::fs::read_dir(&dev)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains('+'))
        .collect();
    files.sort();
    let (mut kinds, mut chosen) = (BTreeSet::new(), Vec::new());
    let mut hosts = BTreeSet::new();
    for exchange in files.iter().flat_map(|name| lines(name)) {
        let Some(expected) = expected.get(text(&exchange["id"])) else { continue };
        let (Some(provider), Some(host)) = (expected["provider"].as_str(), host(&exchange)) else {
            continue;
        };
        let kind = format!(
            "{provider} {} {} {}",
            expected["operation"], expected["stream"], expected["status"]
        );
        // 1xx and HEAD are not what a recording plays.
        if kinds.insert(kind) {
            hosts.insert(host.to_owned());
            chosen.push((exchange.clone(), expected.clone()));
        }
    }
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let recordings = Arc::new(Recordings::open(&dev, &names).unwrap());
    let config = Config {
        recordings: Some(Arc::clone(&recordings)),
        hosts: hosts.iter().cloned().collect(),
        ..Config::default()
    };
    let sandbox = Sandbox::start(config).unwrap();
    let script = sandbox.folder().join("calls.jsonl");
    let mut file = std::fs::File::create(&script).unwrap();
    for (exchange, _) in &chosen {
        let id = text(&exchange["id"]);
        let call = recordings.get(id).unwrap();
        let body = base64::engine::general_purpose::STANDARD.encode(&call.request_body);
        let plain = |value: &str| value.bytes().all(|b| (32..127).contains(&b));
        let headers: Vec<_> = call
            .request_headers
            .iter()
            .filter(|(name, value)| {
                plain(name) && plain(value) && !name.eq_ignore_ascii_case("host")
            })
            .collect();
        let target = if call.target.is_empty() { "/" } else { &*call.target };
        let target = target.replace(' ', "%20");
        let line = json!({"host": call.host, "method": call.method, "target": target, "headers": headers, "body": body, "id": id});
        writeln!(file, "{line}").unwrap();
    }
    drop(file);
    let tracer = Tracer::start(&[]).unwrap();
    let mut command = sandbox.command("python3");
    command.arg(program("play.py")).arg(&script);
    let played = run(&mut command, Duration::from_secs(120)).unwrap().succeeded().unwrap();
    assert_eq!(played.stdout.lines().count(), chosen.len());
    tracer.wait_for(chosen.len(), Duration::from_secs(10));
    let finished = tracer.finish().unwrap();
    let calls = finished.calls();
    let mut reported = calls.iter().map(|call| text(&call["url.path"]));
    let missing: Vec<&str> = chosen
        .iter()
        .map(|(exchange, _)| text(&exchange["id"]))
        .filter(|id| {
            let target = &recordings.get(id).unwrap().target;
            let path = target.split('?').next().unwrap();
            let mut ahead = reported.clone();
            let found = ahead.next() == Some(if path.is_empty() { "/" } else { path });
            if found {
                reported = ahead;
            }
            !found
        })
        .collect();
    assert_eq!(missing, Vec::<&str>::new(), "every exchange is reported once");
    let mut misses = Vec::new();
    for ((_, expected), call) in chosen.iter().zip(&calls) {
        misses.extend(compare(expected, call));
    }
    println!(
        "{} exchanges of {} hosts through the kernel, {} fields wrong",
        chosen.len(),
        hosts.len(),
        misses.len()
    );
    for miss in &misses {
        println!("{miss}");
    }
    // Nine fields each; the pure pipeline's few misses are the same here.
    assert!(misses.len() * 200 <= chosen.len() * 9, "{}", misses.len());
    assert_eq!(finished.books()["aitrace.books.closed"], true);
}

/// What is wrong, field by field.
fn compare(expected: &Value, call: &Value) -> Vec<String> {
    let id = text(&expected["id"]);
    let mut misses = Vec::new();
    // Hosts that serve other things too are decided by the first line, which user space reads: the
    // first call on a connection may lose a part, and says so.
    let marked = call["aitrace.capture"] == "gap";
    let mut mark = |field: &str, found: &Value, right: bool| {
        let absent = found.is_null() || found.as_array().is_some_and(Vec::is_empty);
        if !(right || (marked && absent)) {
            misses.push(format!("{field} {id}: {found}, expected {}", expected[field]));
        }
    };
    let otel =
        |id: &str| providers::by_id(id).map_or_else(|| id.to_owned(), |row| row.otel.to_owned());
    let accepted = expected["provider_accept"].as_array().into_iter().flatten().map(text);
    let provider = &call["gen_ai.provider.name"];
    let known = std::iter::once(text(&expected["provider"]))
        .chain(accepted)
        .any(|id| otel(id) == text(provider));
    mark("provider", provider, known);
    for (field, key) in [
        ("request_model", "gen_ai.request.model"),
        ("response_model", "gen_ai.response.model"),
        ("status", "http.response.status_code"),
        ("input_tokens_total", "gen_ai.usage.input_tokens"),
        ("output_tokens_total", "gen_ai.usage.output_tokens"),
    ] {
        mark(field, &call[key], call[key] == expected[field]);
    }
    let stream = call["gen_ai.request.stream"].as_bool().unwrap_or(false);
    mark(
        "stream",
        &call["gen_ai.request.stream"],
        expected["stream"].as_bool().unwrap_or(false) == stream,
    );
    let empty = json!([]);
    let reasons = call.get("gen_ai.response.finish_reasons").unwrap_or(&empty);
    mark("finish_reasons", reasons, *reasons == expected["finish_reasons"]);
    let class = &call["aitrace.failure.class"];
    let accepted = expected["failure_class_accept"].as_array().into_iter().flatten();
    let right = *class == expected["failure_class"] || accepted.clone().any(|other| other == class);
    mark("failure_class", class, right);
    misses
}
