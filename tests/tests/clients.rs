//! Real, unmodified clients against the simulator under the providers' real names: every call is
//! reported once, with the figures that the simulator gave out.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tests::clients::{self, program, python, run};
use tests::sandbox::Sandbox;
use tests::simulator::{Config, Told};
use tests::tracer::{Finished, Tracer};

const LIMIT: Duration = Duration::from_secs(60);

/// Joins events with the truth by request id; each is there once.
fn join<'a>(told: &'a [Told], finished: &'a Finished) -> Vec<(&'a Told, &'a Value)> {
    let mut by_id: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for call in finished.calls() {
        let id = call["aitrace.provider.request_id"].as_str().unwrap_or_default();
        by_id.entry(id).or_default().push(call);
    }
    told.iter()
        .map(|truth| {
            let found = by_id.remove(&*truth.request_id).unwrap_or_default();
            assert_eq!(found.len(), 1, "{truth:?} is reported {} times", found.len());
            (truth, found[0])
        })
        .collect()
}

fn same(truth: &Told, call: &Value) {
    let count = |key: &str| call[key].as_u64();
    let name = |key: &str| call[key].as_str().map(str::to_owned);
    let case = format!("{truth:#?}\n{call:#}");
    assert_eq!(name("gen_ai.provider.name").as_ref(), Some(&truth.provider), "{case}");
    assert_eq!(name("gen_ai.operation.name").as_ref(), Some(&truth.operation), "{case}");
    assert_eq!(name("gen_ai.request.model"), truth.request_model, "{case}");
    assert_eq!(name("gen_ai.response.model"), truth.response_model, "{case}");
    assert_eq!(count("gen_ai.usage.input_tokens"), truth.tokens.input, "{case}");
    assert_eq!(count("gen_ai.usage.output_tokens"), truth.tokens.output, "{case}");
    assert_eq!(count("gen_ai.usage.cache_read.input_tokens"), truth.tokens.cache_read, "{case}");
    assert_eq!(count("gen_ai.usage.reasoning.output_tokens"), truth.tokens.reasoning, "{case}");
    assert_eq!(call["gen_ai.request.stream"].as_bool().unwrap_or(false), truth.stream, "{case}");
    assert_eq!(count("http.response.status_code"), truth.status.map(u64::from), "{case}");
    assert_eq!(name("aitrace.failure.class"), truth.failure_class, "{case}");
    assert_eq!(count("http.response.body.size"), Some(truth.response_body), "{case}");
    assert_eq!(call["aitrace.capture"], "complete", "{case}");
    let list = |key: &str| -> Vec<String> {
        call[key]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect()
    };
    assert_eq!(list("gen_ai.response.finish_reasons"), truth.finish_reasons, "{case}");
    assert_eq!(list("aitrace.tools.called"), truth.tools_called, "{case}");
    assert!(call["process.pid"].is_u64() && call["process.title"].is_string(), "{case}");
}

#[test]
#[ignore = "root"]
fn every_client_is_seen_exactly() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let tracer = Tracer::start(&[]).unwrap();
    let python = python().unwrap();
    let script = "in=120; out=45; cached=20; reasoning=7; events=12";
    let mut runs = 0;
    let mut failures = Vec::new();
    let mut go = |file: &str, arguments: &[&str]| {
        let mut command = sandbox.command(&python);
        command.arg(program(file)).args(arguments).args(["--sim", script]);
        let finished = run(&mut command, LIMIT).and_then(clients::Finished::succeeded);
        let heard = finished.and_then(|finished| finished.heard());
        runs += 1;
        match heard {
            Ok(heard) if heard.iter().all(|line| line.error.is_none()) => {}
            other => failures.push(format!("{file} {arguments:?}: {other:?}")),
        }
    };
    let plain = [
        "client_http_client.py",
        "client_requests.py",
        "client_httpx.py",
        "client_aiohttp.py",
        "client_openai.py",
    ];
    for file in plain {
        go(file, &["--api", "chat"]);
        go(file, &["--api", "chat", "--stream", "--usage", "--tools", "find,add"]);
        go(file, &["--api", "responses", "--stream"]);
        go(file, &["--api", "embeddings"]);
        go(file, &["--api", "models"]);
    }
    for file in ["client_http_client.py", "client_requests.py", "client_anthropic.py"] {
        go(file, &["--api", "messages"]);
        go(file, &["--api", "messages", "--stream"]);
        go(file, &["--api", "count_tokens"]);
    }
    for file in ["client_httpx.py", "client_openai.py"] {
        go(file, &["--asynchronous", "--api", "chat", "--stream", "--usage"]);
        go(file, &["--asynchronous", "--api", "responses"]);
    }
    go("client_anthropic.py", &["--asynchronous", "--api", "messages", "--stream"]);
    for stream in [false, true] {
        let body = format!(
            r#"{{"model":"gpt-4o-mini","stream":{stream},"stream_options":{{"include_usage":true}},"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        let mut command = sandbox.command("curl");
        command
            .args(["-sS", "--http1.1", "https://api.openai.com/v1/chat/completions", "-d", &body])
            .args(["-H", "content-type: application/json"])
            .args(["-H", &format!("x-sim: {script}")]);
        run(&mut command, LIMIT).and_then(clients::Finished::succeeded).unwrap();
    }
    assert!(failures.is_empty(), "{failures:#?}");
    let told = sandbox.simulator.told();
    tracer.wait_for(told.len(), Duration::from_secs(10));
    let finished = tracer.finish().unwrap();
    assert!(finished.status.success());
    assert_eq!(finished.calls().len(), told.len());
    for (truth, call) in join(&told, &finished) {
        same(truth, call);
    }
    assert_eq!(finished.books()["aitrace.books.closed"], true, "{:#}", finished.books());
    println!("{runs} Python runs and curl: {} calls, all exact", told.len());
}
