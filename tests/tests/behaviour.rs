//! What may go wrong between a program and a provider, and what may go wrong for us: each reported as
//! what it was, and the next call right again.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tests::clients::{self, program, python, run};
use tests::sandbox::Sandbox;
use tests::simulator::Config;
use tests::tracer::{Finished, Tracer};

const LIMIT: Duration = Duration::from_secs(120);

fn client(sandbox: &Sandbox, file: &str, arguments: &[&str]) -> clients::Finished {
    let mut command = sandbox.command(python().unwrap());
    command.arg(program(file)).args(arguments);
    run(&mut command, LIMIT).unwrap()
}

fn closed(finished: &Finished) {
    assert_eq!(finished.books()["aitrace.books.closed"], true, "{:#}", finished.books());
}

/// Everything the books say was dropped.
fn dropped(finished: &Finished) -> BTreeMap<&str, u64> {
    let books = finished.books().as_object().unwrap();
    books
        .iter()
        .filter(|(key, _)| key.contains(".dropped."))
        .map(|(key, value)| (&**key, value.as_u64().unwrap()))
        .collect()
}

fn class(call: &Value) -> &str {
    call["aitrace.failure.class"].as_str().unwrap_or("")
}

#[test]
#[ignore = "root"]
fn every_kind_of_failure_is_named() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let cases: &[(&str, &[&str], &str, &str)] = &[
        ("fail=429", &[], "rate_limit", ""),
        ("fail=quota", &[], "quota_exhausted", "insufficient_quota"),
        ("fail=context", &[], "context_length", "context_length_exceeded"),
        ("fail=401", &[], "auth", ""),
        ("fail=500", &[], "server_error", ""),
        ("fail=503", &[], "overloaded", ""),
        ("events=9; fail=stream@3", &["--stream"], "server_error", ""),
        ("events=40; cut=3", &["--stream"], "network_error", "stream_cut"),
        ("silent", &[], "network_error", "connection_reset"),
        ("events=400; reset=3; pace-us=2000", &["--stream"], "network_error", "stream_cut"),
        (
            "events=400; pace-us=5000",
            &["--stream", "--leave-after", "2"],
            "client_cancelled",
            "_OTHER",
        ),
    ];
    for (script, arguments, expected, error) in cases {
        let tracer = Tracer::start(&[]).unwrap();
        client(&sandbox, "client_http_client.py", &[arguments, &["--sim", script][..]].concat());
        tracer.wait_for(1, Duration::from_secs(5));
        let finished = tracer.finish().unwrap();
        let calls = finished.calls();
        assert_eq!(calls.len(), 1, "{script}: {calls:#?}");
        assert_eq!(class(calls[0]), *expected, "{script}: {:#}", calls[0]);
        if !error.is_empty() {
            assert_eq!(calls[0]["error.type"], *error, "{script}: {:#}", calls[0]);
        }
        closed(&finished);
    }
}

#[test]
#[ignore = "root"]
fn a_burst_of_large_calls_is_counted_to_the_token() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let tracer = Tracer::start(&[]).unwrap();
    let script = "in=5000; out=50";
    let arguments = ["--parallel", "4", "--repeat", "400", "--size", "20000", "--sim", script];
    client(&sandbox, "burst.py", &arguments).succeeded().unwrap();
    tracer.wait_for(1600, Duration::from_secs(20));
    let finished = tracer.finish().unwrap();
    let calls = finished.calls();
    assert_eq!(calls.len(), 1600);
    let sum = |key: &str| calls.iter().map(|call| call[key].as_u64().unwrap_or(0)).sum::<u64>();
    assert_eq!(sum("gen_ai.usage.input_tokens"), 1600 * 5000);
    assert_eq!(sum("gen_ai.usage.output_tokens"), 1600 * 50);
    assert!(calls.iter().all(|call| call["aitrace.capture"] == "complete"));
    assert_eq!(dropped(&finished), BTreeMap::new());
    closed(&finished);
    println!("1600 calls of 20 KB on 4 connections: 1600 reported, tokens exact, 0 dropped");
}

#[test]
#[ignore = "root"]
fn many_streams_at_once_are_each_reported_once() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let tracer = Tracer::start(&[]).unwrap();
    let script = "in=10; out=500; events=500";
    let arguments = ["--parallel", "200", "--repeat", "1", "--stream", "--usage", "--sim", script];
    client(&sandbox, "burst.py", &arguments).succeeded().unwrap();
    tracer.wait_for(200, Duration::from_secs(30));
    let finished = tracer.finish().unwrap();
    let calls = finished.calls();
    assert_eq!(calls.len(), 200);
    for call in &calls {
        assert_eq!(call["gen_ai.usage.output_tokens"], 500, "{call:#}");
        assert_eq!(call["aitrace.capture"], "complete");
    }
    assert_eq!(dropped(&finished), BTreeMap::new());
    closed(&finished);
    println!("200 streams of 500 events: 200 reported, tokens exact, 0 dropped");
}

#[test]
#[ignore = "root"]
fn a_stopped_reader_loses_what_it_says_it_loses() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let tracer = Tracer::start(&["--ring-kib", "64"]).unwrap();
    // SAFETY: kill(2) on our own child.
    let signal = |signal| unsafe { libc::kill(tracer.pid() as libc::pid_t, signal) };
    assert_eq!(signal(libc::SIGSTOP), 0);
    let arguments =
        ["--parallel", "4", "--repeat", "50", "--size", "20000", "--sim", "in=9; out=9"];
    let load = std::time::Instant::now();
    client(&sandbox, "burst.py", &arguments).succeeded().unwrap();
    std::thread::sleep(Duration::from_secs(5).saturating_sub(load.elapsed()));
    assert_eq!(signal(libc::SIGCONT), 0);
    // What comes afterwards is right again.
    std::thread::sleep(Duration::from_millis(300));
    client(&sandbox, "client_http_client.py", &["--sim", "in=77; out=7", "--repeat", "3"]);
    std::thread::sleep(Duration::from_millis(500));
    let finished = tracer.finish().unwrap();
    let lost = dropped(&finished);
    assert!(lost.values().sum::<u64>() > 100, "{lost:?}");
    closed(&finished);
    let (after, touched): (Vec<_>, Vec<_>) =
        finished.calls().into_iter().partition(|call| call["gen_ai.usage.input_tokens"] == 77);
    assert_eq!(after.len(), 3, "{lost:?}");
    assert!(after.iter().all(|call| call["aitrace.capture"] == "complete"));
    for call in &touched {
        let whole = call["aitrace.capture"] == "complete";
        let right =
            call["gen_ai.usage.input_tokens"] == 9 && call["gen_ai.usage.output_tokens"] == 9;
        assert!(!whole || right, "a call is right or marked: {call:#}");
    }
    println!("{} calls seen of 200 while stopped; dropped, by reason: {lost:?}", touched.len());
}

#[test]
#[ignore = "root"]
fn bad_input_costs_one_exchange_at_most() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let scripts = [
        "hostile=garbage; bytes=100000",
        "hostile=huge-header; bytes=20000000",
        "hostile=endless-line; bytes=20000000",
        "hostile=bad-chunk",
        "hostile=long-body",
        "hostile=short-body",
        "hostile=unasked",
    ];
    for script in scripts {
        let tracer = Tracer::start(&[]).unwrap();
        client(&sandbox, "client_http_client.py", &["--sim", script]);
        client(&sandbox, "client_http_client.py", &["--sim", "in=77; out=7"]);
        tracer.wait_for(2, Duration::from_secs(3));
        let memory = resident(tracer.pid());
        let finished = tracer.finish().unwrap();
        assert!(finished.status.success(), "{script}: {}", finished.text);
        assert!(!finished.text.contains("panicked"), "{script}");
        let calls = finished.calls();
        let right = calls.iter().filter(|call| {
            call["gen_ai.usage.input_tokens"] == 77 && call["aitrace.capture"] == "complete"
        });
        assert_eq!(right.count(), 1, "{script}: {calls:#?}");
        assert!(memory < 200 << 20, "{script}: {memory} bytes");
        closed(&finished);
    }
}

/// Resident bytes of a process.
fn resident(pid: u32) -> usize {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
#[ignore = "root"]
fn no_secret_and_no_prompt_comes_out_at_any_log_level() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let (key, prompt) = ("sk-planted-4f1d9a7c2b", "The planted sentence about a purple walrus");
    let tracer = Tracer::start_at("trace", &[]).unwrap();
    for api in ["chat", "responses", "messages"] {
        for file in ["client_http_client.py", "client_requests.py"] {
            client(&sandbox, file, &["--api", api, "--key", key, "--prompt", prompt]);
        }
    }
    client(
        &sandbox,
        "client_http_client.py",
        &["--key", key, "--prompt", prompt, "--sim", "fail=401"],
    );
    tracer.wait_for(7, Duration::from_secs(5));
    let finished = tracer.finish().unwrap();
    assert_eq!(finished.calls().len(), 7);
    for secret in [key, "planted", "walrus", "Bearer"] {
        assert!(!finished.text.contains(secret), "{secret} came out");
    }
}

#[test]
#[ignore = "root"]
fn events_follow_the_schema() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let tracer = Tracer::start(&[]).unwrap();
    client(&sandbox, "client_http_client.py", &["--stream", "--sim", "in=120; out=45; cached=20"]);
    client(&sandbox, "client_http_client.py", &["--sim", "fail=429; retry-after=7"]);
    tracer.wait_for(2, Duration::from_secs(5));
    let finished = tracer.finish().unwrap();
    assert_eq!(finished.calls().len(), 2);
    let schema = tracer::sinks::schema::json_schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (number, event) in finished.events.iter().enumerate() {
        let errors: Vec<_> = validator
            .iter_errors(event)
            .map(|e| format!("{} at {}", e, e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        assert_eq!(event["seq"], number as u64 + 1);
    }
    assert_eq!(finished.calls()[1]["aitrace.retry_after_s"], 7.0);
}

#[test]
#[ignore = "root"]
fn a_reader_that_goes_away_ends_it_quietly() {
    let mut child = std::process::Command::new(tests::tracer::binary().unwrap())
        .args(["stream", "--heartbeat", "1"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
    assert!(status.success() && said.is_empty(), "{status} {said}");
}
