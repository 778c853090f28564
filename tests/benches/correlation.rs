//! What a call costs us after it has been decoded: its price, its fingerprint, its run and retries.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tests::connection::{Connection, calls};
use tests::render::{Dice, Exchange};
use tracer::attribution::owner::Owner;
use tracer::correlate::{Derived, Stage};
use tracer::cost::Prices;
use tracer::event::Direction;
use tracer::keyed::Fingerprints;
use tracer::record::AttributedCall;

/// Turns of one agent's run.
const TURNS: usize = 64;

/// A run's calls as the pipeline reports them.
fn run() -> Vec<AttributedCall> {
    let mut dice = Dice::new(1);
    let mut flow = Connection::open(1, "api.openai.com");
    let mut messages = vec![serde_json::json!({ "role": "user", "content": "Go." })];
    for turn in 0..TURNS {
        let request = serde_json::json!({ "model": "gpt-4o-mini", "messages": messages });
        let response = serde_json::json!({
            "id": format!("chatcmpl-{turn}"), "model": "gpt-4o-mini-2024-07-18",
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "content": "x" } }],
            "usage": { "prompt_tokens": 1000, "completion_tokens": 20,
                "prompt_tokens_details": { "cached_tokens": 512 } },
        });
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let exchange = Exchange {
            method: "POST".into(),
            authority: "api.openai.com".into(),
            target: "/v1/chat/completions".into(),
            request_headers: vec![
                header("content-type", "application/json"),
                header("authorization", "Bearer sk-0123456789abcdef0123456789abcdef"),
            ],
            request: request.to_string().into_bytes(),
            status: 200,
            response_headers: vec![header("content-type", "application/json")],
            response: response.to_string().into_bytes(),
        };
        let (request, response): (Bytes, Bytes) = exchange.http1(false, &mut dice);
        flow.data(Direction::Outbound, &request, &mut dice);
        flow.data(Direction::Inbound, &response, &mut dice);
        for role in ["assistant", "user"] {
            messages.push(serde_json::json!({ "role": role, "content": format!("turn {turn}") }));
        }
    }
    flow.close();
    let attributed = |call: tracer::ai::call::Call| AttributedCall {
        owner: Arc::new(Owner {
            key: call.flow.process,
            cgroup_path: Some("/system.slice/agent.service".into()),
            ..Owner::default()
        }),
        call,
        peer: None,
        derived: Derived::default(),
    };
    calls(flow.records()).into_iter().map(attributed).collect()
}

fn correlation(criterion: &mut Criterion) {
    let calls = run();
    assert_eq!(calls.len(), TURNS);
    let prices = Arc::new(Prices::built_in());
    let mut stage = Stage::new(Fingerprints::new(&[1; 32]), prices);
    let mut group = criterion.benchmark_group("correlation");
    group.throughput(criterion::Throughput::Elements(TURNS as u64));
    group.bench_function("cost, key, run, retry of a call", |bencher| {
        bencher.iter_batched(
            || calls.clone(),
            |mut calls| {
                for call in &mut calls {
                    stage.push(call, 1);
                }
                black_box(calls)
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, correlation);
criterion_main!(benches);
