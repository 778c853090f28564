//! Agents at work: every call finds its run and its turn, a retry its failed attempt, a key its
//! fingerprint. Once rendered on the wire, once with a real SDK through the kernel.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tests::clients::{program, python, run};
use tests::connection::{Connection, calls};
use tests::render::{Dice, Exchange};
use tests::sandbox::Sandbox;
use tests::simulator::Config;
use tests::tracer::Tracer;
use tracer::attribution::owner::Owner;
use tracer::correlate::{Correlator, Derived};
use tracer::event::Direction;
use tracer::event_id::Ids;
use tracer::keyed::Fingerprints;
use tracer::record::AttributedCall;

const TURNS: u32 = 12;

/// An agent whose messages grow by an answer, a tool's result and a question each turn.
struct Agent {
    name: &'static str,
    messages: Vec<Value>,
}

impl Agent {
    fn new(name: &'static str) -> Self {
        let system = json!({ "role": "system", "content": format!("You are {name}.") });
        let user = json!({ "role": "user", "content": "Go." });
        Self { name, messages: vec![system, user] }
    }

    /// Its next request with the answer to it.
    fn ask(&self, turn: u32, status: u16) -> Exchange {
        let request = json!({ "model": "gpt-4o-mini", "messages": self.messages, "tools": [] });
        let response = match status {
            200 => json!({
                "id": format!("chatcmpl-{}-{turn}", self.name), "object": "chat.completion",
                "model": "gpt-4o-mini-2024-07-18",
                "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": {
                    "role": "assistant", "content": null, "tool_calls": [{
                        "id": format!("call_{turn}"), "type": "function",
                        "function": { "name": "lookup", "arguments": "{}" } }] } }],
                "usage": { "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120 },
            }),
            _ => json!({ "error": { "code": "rate_limit_exceeded", "type": "requests" } }),
        };
        let headers = |more: &[(&str, &str)]| {
            let json = [("content-type", "application/json")];
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            json.iter().chain(more).map(owned).collect()
        };
        Exchange {
            method: "POST".into(),
            authority: "api.openai.com".into(),
            target: "/v1/chat/completions".into(),
            request_headers: headers(&[("authorization", "Bearer sk-agent")]),
            request: request.to_string().into_bytes(),
            status,
            response_headers: headers(if status == 200 { &[] } else { &[("retry-after", "30")] }),
            response: response.to_string().into_bytes(),
        }
    }

    fn learn(&mut self, turn: u32) {
        self.messages.push(json!({ "role": "assistant", "tool_calls": [{
            "id": format!("call_{turn}"), "type": "function",
            "function": { "name": "lookup", "arguments": "{}" } }] }));
        self.messages.push(json!({ "role": "tool", "tool_call_id": format!("call_{turn}"),
            "content": format!("result {turn} for {}", self.name) }));
    }
}

#[test]
fn two_agents_on_one_connection_are_two_runs() {
    for seed in 1..=20 {
        let mut dice = Dice::new(seed);
        let mut flow = Connection::open(1, "api.openai.com");
        let mut agents = [Agent::new("planner"), Agent::new("critic")];
        // Which agent, and its turn, of each exchange in order.
        let mut expected = Vec::new();
        let mut play = |exchange: &Exchange, dice: &mut Dice| {
            let chunked = dice.below(2) == 1;
            let (request, response) = exchange.http1(chunked, dice);
            flow.data(Direction::Outbound, &request, dice);
            flow.data(Direction::Inbound, &response, dice);
        };
        for turn in 1..=TURNS {
            for (at, agent) in agents.iter_mut().enumerate() {
                if (at, turn) == (0, 5) {
                    play(&agent.ask(turn, 429), &mut dice);
                    expected.push((at, turn));
                }
                play(&agent.ask(turn, 200), &mut dice);
                expected.push((at, turn));
                agent.learn(turn);
            }
        }
        flow.close();

        let mut correlator = Correlator::new(Fingerprints::new(&[3; 32]));
        let mut ids = Ids::new();
        let found: Vec<Derived> = calls(flow.records())
            .into_iter()
            .map(|call| {
                let mut attributed = AttributedCall {
                    owner: Arc::new(Owner { key: call.flow.process, ..Owner::default() }),
                    call,
                    peer: None,
                    derived: Derived::default(),
                };
                let id = ids.next(1);
                correlator.push(&mut attributed, id);
                attributed.derived
            })
            .collect();
        assert_eq!(found.len(), expected.len());
        let first = [found[0].id.unwrap(), found[1].id.unwrap()];
        for (derived, (agent, turn)) in found.iter().zip(&expected) {
            let place = derived.turn.unwrap();
            assert_eq!((place.run, place.number), (first[*agent], *turn), "seed {seed}");
            assert_eq!(derived.duplicate_of, None);
            assert_eq!(derived.fingerprint, found[0].fingerprint);
        }
        let retries: Vec<_> = found.iter().filter_map(|derived| derived.retry).collect();
        let failed = expected.iter().position(|place| *place == (0, 5)).unwrap();
        assert_eq!(retries.len(), 1);
        assert_eq!((Some(retries[0].of), retries[0].attempt), (found[failed].id, 2));
        // Sent again within milliseconds, in place of 30 s.
        assert_eq!(retries[0].honoured, Some(false));
        let prefixes: std::collections::HashSet<_> =
            found.iter().map(|derived| derived.prefix.clone()).collect();
        assert_eq!(prefixes.len(), 2, "instructions differ between the agents only");
    }
}

#[test]
fn a_hole_in_a_request_makes_no_run_of_its_own() {
    let mut dice = Dice::new(9);
    let mut flow = Connection::open(1, "api.openai.com");
    let (request, response) = Agent::new("planner").ask(1, 200).http1(false, &mut dice);
    let cut = request.len() - 20;
    flow.data(Direction::Outbound, &request.slice(..cut), &mut dice);
    flow.data(Direction::Outbound, &Bytes::from_static(&[b' '; 20]), &mut dice);
    flow.data(Direction::Inbound, &response, &mut dice);
    flow.close();
    let mut records = flow.records();
    // The record before the last one of the request is lost.
    let lost = records
        .iter()
        .rposition(|event| {
            matches!(event, tracer::event::KernelEvent::Data(chunk)
                if chunk.direction == Direction::Outbound)
        })
        .unwrap();
    records.remove(lost);
    let found = calls(records);
    assert_eq!(found.len(), 1);
    assert!(found[0].prompt.is_none(), "what was not seen is not compared");
}

#[test]
#[ignore = "root"]
fn an_sdk_s_agents_are_followed_through_the_kernel() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let tracer = Tracer::start(&[]).unwrap();
    let mut command = sandbox.command(python().unwrap());
    command.arg(program("agent.py")).arg(TURNS.to_string());
    let client = run(&mut command, Duration::from_secs(120)).unwrap().succeeded().unwrap();
    let expected = 2 * TURNS as usize + 1;
    tracer.wait_for(expected, Duration::from_secs(20));
    let finished = tracer.finish().unwrap();
    let all = finished.calls();
    let calls: Vec<&&Value> = all.iter().filter(|call| call["process.pid"] == client.pid).collect();
    assert_eq!(calls.len(), expected);
    let mut runs: HashMap<&str, Vec<u64>> = HashMap::new();
    for call in &calls {
        let run = runs.entry(call["aitrace.session.id"].as_str().unwrap()).or_default();
        run.push(call["aitrace.session.turn"].as_u64().unwrap());
    }
    let turns: Vec<u64> = (1..=u64::from(TURNS)).collect();
    let mut with_retry = turns.clone();
    with_retry.insert(5, 5);
    let planner = calls[0]["aitrace.session.id"].as_str().unwrap();
    assert_eq!(planner, calls[0]["event.id"].as_str().unwrap());
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert_eq!(runs.remove(planner).unwrap(), with_retry);
    assert_eq!(runs.into_values().next().unwrap(), turns);
    let retries: Vec<&&&Value> =
        calls.iter().filter(|call| !call["aitrace.retry.of"].is_null()).collect();
    let failed = calls.iter().find(|call| call["http.response.status_code"] == 429).unwrap();
    assert_eq!(retries.len(), 1);
    assert_eq!(retries[0]["aitrace.retry.of"], failed["event.id"]);
    assert_eq!(retries[0]["aitrace.retry.attempt"], 2);
    assert_eq!(retries[0]["aitrace.retry.honoured"], true);
    let spent: f64 = calls.iter().filter_map(|call| call["aitrace.cost.usd"].as_f64()).sum();
    // 24 answers of 100 x 0.15 + 20 x 0.6 millionths.
    assert!((spent - 24.0 * 27e-6).abs() < 1e-12, "{spent}");
    let tools = calls.iter().filter(|call| call["aitrace.tools.called"] == json!(["lookup"]));
    assert_eq!(tools.count(), 2 * (TURNS as usize - 1));
    let key = &calls[0]["aitrace.key.fingerprint"];
    assert_eq!(key.as_str().unwrap().len(), 16);
    assert!(calls.iter().all(|call| &call["aitrace.key.fingerprint"] == key));
    assert!(!finished.text.contains("sk-simulated-agent"), "the key itself never leaves");
    println!("2 agents x {TURNS} turns in one process: 2 runs, turns right, 1 retry, ${spent:.6}");
}
