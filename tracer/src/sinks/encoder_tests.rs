//! The contract of a line: EVENTS `aitrace/1`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::ai::call::{Call, Capture, Failure, FailureClass, RateLimits, Usage};
use crate::attribution::owner::Owner;
use crate::attribution::process::Process;
use crate::correlate::Derived;
use crate::event::{FlowKey, ProcessKey};
use crate::http::Outcome;
use crate::record::{AttributedCall, Heartbeat};
use crate::telemetry::{Books, StageBooks};

fn call() -> Call {
    Call {
        flow: FlowKey { library: tracer_common::tls::library::OPENSSL, ..FlowKey::default() },
        cgroup_id: 1,
        started: BootTime(1_000_000_000),
        ended: BootTime(3_500_000_000),
        outcome: Outcome::Complete,
        operation: "chat",
        provider: "openai",
        request_model: Some("gpt-4o".into()),
        response_model: None,
        stream: false,
        max_tokens: None,
        temperature: None,
        top_p: None,
        response_id: None,
        finish_reasons: vec!["stop".into()],
        tools_called: vec![],
        tools_offered: None,
        time_to_first_chunk: None,
        usage: Usage { input: Some(10), output: Some(0), cache_write: Some(3), ..Usage::default() },
        service_tier: None,
        reported_cost: None,
        usage_complete: true,
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        status: Some(200),
        host: "api.openai.com".into(),
        port: None,
        version: "1.1",
        request_size: 5,
        response_size: 6,
        sdk: None,
        provider_request_id: None,
        organization: None,
        project: None,
        prompt: None,
        credential: None,
        failure: None,
        rate_limits: RateLimits::default(),
        capture: Capture::Complete,
    }
}

fn lines(calls: Vec<Call>, semconv: Semconv) -> Vec<Value> {
    let run = RunInfo { host: Some("h".into()), bpf_hash: "00".into(), semconv };
    let mut encoder = Encoder::new(run, WallClock::fixed(0));
    let mut text = Vec::new();
    for call in calls {
        let process = Process { title: "python app.py".into(), ..Process::default() };
        let owner = Owner {
            key: ProcessKey { tgid: 7, start: BootTime(1) },
            process: Some(Arc::new(process)),
            ..Owner::default()
        };
        let record = Record::Call(Box::new(AttributedCall {
            call,
            owner: Arc::new(owner),
            peer: None,
            derived: Derived::default(),
        }));
        text.extend_from_slice(&encoder.encode(record).unwrap().line);
    }
    let mut stage = StageBooks { received: 3, emitted: 1, ..StageBooks::default() };
    stage.drop("ring_full", 2);
    let sink = StageBooks { received: 2, emitted: 2, ..StageBooks::default() };
    let books = Books {
        stages: vec![("kernel", stage)],
        sinks: BTreeMap::from([("stdout".into(), sink)]),
        trouble: BTreeMap::new(),
    };
    let heartbeat = Heartbeat { at: BootTime(4), uptime_s: 1.0, books };
    let record = Record::Heartbeat(Box::new(heartbeat));
    text.extend_from_slice(&encoder.encode(record).unwrap().line);
    let text = String::from_utf8(text).unwrap();
    assert!(text.lines().all(|line| line.len() < MAX_LINE));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn unknown_is_absent_and_zero_is_zero() {
    let line = &lines(vec![call()], Semconv::Latest)[0];
    let object = line.as_object().unwrap();
    assert!(object.values().all(|v| !v.is_null() && *v != ""));
    assert_eq!(line["gen_ai.usage.output_tokens"], 0);
    assert!(!object.contains_key("gen_ai.usage.reasoning.output_tokens"));
    assert!(!object.contains_key("gen_ai.request.stream"));
    assert_eq!(line["aitrace.duration_s"], 2.5);
    assert_eq!(line["timestamp"], "1970-01-01T00:00:03.500000000Z");
    assert_eq!(line["tls.library"], "openssl");
}

#[test]
fn a_failure_is_a_warning_with_its_class() {
    let failure = Failure {
        class: FailureClass::RateLimit,
        error_type: "rate_limit_exceeded".into(),
        retryable: true,
        retry_after_s: Some(20.0),
    };
    let line = &lines(vec![Call { failure: Some(failure), ..call() }], Semconv::Latest)[0];
    assert_eq!(line["severity_text"], "WARN");
    assert_eq!(line["aitrace.failure.class"], "rate_limit");
    assert_eq!(line["aitrace.failure.capacity"], true);
    assert_eq!(line["aitrace.retry_after_s"], 20.0);
}

#[test]
fn no_key_is_a_prefix_of_another_and_seq_has_no_hole() {
    let lines = lines(vec![call(), call()], Semconv::Latest);
    for (index, line) in lines.iter().enumerate() {
        assert_eq!(line["seq"], index as u64 + 1);
        let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
        for key in &keys {
            assert!(!keys.iter().any(|other| other.starts_with(&format!("{key}."))), "{key}");
        }
    }
    let heartbeat = &lines[2];
    assert_eq!(heartbeat["aitrace.books.closed"], true);
    assert_eq!(heartbeat["aitrace.books.kernel.dropped.ring_full"], 2);
    assert_eq!(heartbeat["aitrace.books.sink.stdout.out"], 2);
}

#[test]
fn hostile_strings_stay_within_a_line() {
    let long = "\u{1}".repeat(100_000);
    let names: Vec<String> = (0..1000).map(|_| long.clone()).collect();
    let hostile = Call {
        request_model: Some(long.clone()),
        response_model: Some(long.clone()),
        path: long.clone(),
        host: long.clone(),
        finish_reasons: names.clone(),
        tools_called: names,
        ..call()
    };
    let line = &lines(vec![hostile], Semconv::Latest)[0];
    assert_eq!(line["aitrace.truncated"], true);
}

#[test]
fn the_older_convention_has_its_own_names() {
    let line = &lines(vec![call()], Semconv::V1_41)[0];
    assert_eq!(line["gen_ai.usage.cache_creation.input_tokens"], 3);
    assert!(line.get("gen_ai.usage.cache_write.input_tokens").is_none());
}
