//! Quoted failures through the pure pipeline: each on every address of its provider and operation
//! that the fixtures know, on three wires. What providers say of a failure is classed right, every
//! time.

#![allow(clippy::unwrap_used, reason = "a corpus that cannot be read must fail the test")]

use bytes::Bytes;
use serde_json::Value;
use tests::connection::{Connection, calls_with};
use tests::fixture;
use tests::render::{Dice, Exchange, Wire, frame};
use tracer::ai::call::Call;
use tracer::ai::providers::HostTable;
use tracer::event::Direction;
use tracer::http::h2;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn play(exchange: &Exchange, provider: &str, on: Wire) -> Vec<Call> {
    let dice = &mut Dice::new(3);
    let mut connection = Connection::open(1, &exchange.authority);
    if on == Wire::Http2 {
        connection.data(Direction::Outbound, &Bytes::from_static(h2::PREFACE), dice);
        connection.data(Direction::Inbound, &frame(4, 0, 0, &[]), dice);
        let (request, response) = exchange.http2(1, dice);
        for (direction, frames) in [(Direction::Outbound, request), (Direction::Inbound, response)]
        {
            for frame in frames {
                connection.data(direction, &frame, dice);
            }
        }
    } else {
        let (request, response) = exchange.http1(on == Wire::Chunked, dice);
        connection.data(Direction::Outbound, &request, dice);
        connection.data(Direction::Inbound, &response, dice);
    }
    connection.close();
    // Servers without a public name are known by configuration: a quoted error lacks their headers.
    let mut hosts = HostTable::default();
    hosts.add(exchange.authority.split(':').next().unwrap(), provider).unwrap();
    calls_with(hosts, connection.records())
}

#[test]
fn quoted_failures_are_classed_through_the_whole_pipeline() {
    let Some(dev) = tests::clients::corpus().unwrap() else {
        return eprintln!("SKIPPED: no corpus");
    };
    let file = std::fs::read_to_string(dev.join("error_vectors.jsonl")).unwrap();
    let vectors: Vec<Value> =
        file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fixtures = fixture::all().unwrap();
    let (mut played, mut wrong) = (0, Vec::new());
    for vector in &vectors {
        let (id, provider) = (text(&vector["id"]), text(&vector["provider"]));
        let wanted = match text(&vector["operation"]) {
            "chat" => vec!["chat", "generate_content", "text_completion"],
            other => vec![other],
        };
        let body =
            vector["body"].as_str().map_or_else(|| vector["body"].to_string(), str::to_owned);
        let mut headers: Vec<(String, String)> = vector["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.to_lowercase(), text(value).to_owned()))
            .collect();
        if !headers.iter().any(|(name, _)| name == "content-type") {
            headers.push(("content-type".into(), "application/json".into()));
        }
        let mut addresses = 0;
        for fixture in fixtures.iter().filter(|fixture| fixture.provider == provider) {
            let operation = fixture.calls.first().map(|call| text(&call["gen_ai.operation.name"]));
            let fits = operation.is_some_and(|operation| wanted.contains(&operation));
            if !fits || !fixture.messages.is_empty() {
                continue;
            }
            addresses += 1;
            let exchange = Exchange {
                status: vector["status"].as_u64().unwrap() as u16,
                response_headers: headers.clone(),
                response: body.clone().into_bytes(),
                ..fixture.exchange.clone()
            };
            for on in [Wire::Length, Wire::Chunked, Wire::Http2] {
                played += 1;
                let calls = play(&exchange, provider, on);
                let [call] = &calls[..] else {
                    wrong.push(format!("{id} at {}: {} calls", fixture.name(), calls.len()));
                    continue;
                };
                let class = call.failure.as_ref().map_or("none", |it| it.class.as_str());
                let accepted = vector["failure_class_accept"].as_array().into_iter().flatten();
                let right = std::iter::once(&vector["failure_class"])
                    .chain(accepted)
                    .any(|wanted| text(wanted) == class);
                let retryable = matches!(text(&vector["retryable"]), "yes" | "maybe");
                let found = call.failure.as_ref().is_some_and(|failure| failure.retryable);
                if !right || found != retryable {
                    let name = fixture.name();
                    wrong.push(format!("{id} at {name} {on:?}: {class}, retryable {found}"));
                }
            }
        }
        if addresses == 0 {
            wrong.push(format!("{id}: no fixture of {provider} says where it would be met"));
        }
    }
    println!("{} quoted failures, played {played} times, {} wrong", vectors.len(), wrong.len());
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(vectors.len(), 90);
}
