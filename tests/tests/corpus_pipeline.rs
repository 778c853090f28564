//! Every recorded exchange through the pure pipeline, rendered on three wires: what is reported is
//! what happened. A miss names the exchange and the field.

#![allow(clippy::unwrap_used, reason = "a corpus that cannot be read must fail the test")]

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use base64::Engine as _;
use bytes::Bytes;
use serde_json::Value;
use tests::connection::{Connection, calls};
use tests::corpus::operation;
use tests::render::{Dice, Exchange, Wire, frame};
use tracer::ai::call::Call;
use tracer::ai::providers;
use tracer::event::Direction;
use tracer::http::h2;

/// Share of exchanges each field must be right for.
const RIGHT: f64 = 0.995;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

struct Case {
    id: String,
    expected: Value,
    exchange: Exchange,
}

fn cases() -> Option<Vec<Case>> {
    let dev = tests::clients::corpus().unwrap()?.to_path_buf();
    let lines = |path: PathBuf| -> Vec<Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let expected: HashMap<String, Value> = lines(dev.join("expected.jsonl"))
        .into_iter()
        .map(|line| (text(&line["id"]).to_owned(), line))
        .collect();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&dev).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default();
        name != "expected.jsonl" && name != "error_vectors.jsonl"
    });
    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    let cases: Vec<Case> = files
        .into_iter()
        .flat_map(lines)
        .map(|line| {
            let id = text(&line["id"]).to_owned();
            let exchange = Exchange::of(&line, decode).unwrap();
            Case { expected: expected[&id].clone(), id, exchange }
        })
        .collect();
    assert_eq!(cases.len(), expected.len());
    Some(cases)
}

/// What was reported of each case, in order.
fn report(cases: &[&Case], wire: Wire, dice: &mut Dice) -> Vec<Vec<Call>> {
    if wire == Wire::Http2 {
        // Neighbours may be the same call recorded twice: take far ones together.
        let stride = cases.len().div_ceil(3);
        let mut reports = vec![Vec::new(); cases.len()];
        for first in 0..stride {
            let group: Vec<usize> = (first..cases.len()).step_by(stride).collect();
            let members: Vec<&Case> = group.iter().map(|at| cases[*at]).collect();
            for (at, calls) in group.into_iter().zip(http2(&members, dice)) {
                reports[at] = calls;
            }
        }
        return reports;
    }
    cases
        .iter()
        .enumerate()
        .map(|(number, case)| {
            let mut flow = Connection::open(number as u64 + 1, &case.exchange.authority);
            let (request, response) = case.exchange.http1(wire == Wire::Chunked, dice);
            flow.data(Direction::Outbound, &request, dice);
            flow.data(Direction::Inbound, &response, dice);
            flow.close();
            calls(flow.records())
        })
        .collect()
}

/// Several exchanges at once on one connection, their frames dealt out at random.
fn http2(group: &[&Case], dice: &mut Dice) -> Vec<Vec<Call>> {
    let mut flow = Connection::open(1, "");
    flow.data(Direction::Outbound, &Bytes::from_static(h2::PREFACE), dice);
    flow.data(Direction::Outbound, &frame(4, 0, 0, &[]), dice);
    flow.data(Direction::Inbound, &frame(4, 0, 0, &[]), dice);
    let mut sides: [Vec<std::vec::IntoIter<Bytes>>; 2] = Default::default();
    for (i, case) in group.iter().enumerate() {
        let (request, response) = case.exchange.http2(2 * i as u32 + 1, dice);
        sides[0].push(request.into_iter());
        sides[1].push(response.into_iter());
    }
    for (side, direction) in [(0, Direction::Outbound), (1, Direction::Inbound)] {
        // Header blocks must not be interleaved, and streams begin in order of their numbers.
        for frames in &mut sides[side] {
            for wire in frames.by_ref() {
                let last = wire[4] & 4 != 0;
                flow.data(direction, &wire, dice);
                if last {
                    break;
                }
            }
        }
        while sides[side].iter().any(|frames| frames.len() > 0) {
            let at = dice.below(sides[side].len());
            if let Some(wire) = sides[side][at].next() {
                flow.data(direction, &wire, dice);
            }
        }
    }
    flow.close();
    let mut found = calls(flow.records());
    group
        .iter()
        .map(|case| {
            let path = case.exchange.target.split('?').next().unwrap_or_default();
            let at = found.iter().position(|call| {
                call.path == path
                    && call.host
                        == case
                            .exchange
                            .authority
                            .split(':')
                            .next()
                            .unwrap_or_default()
                            .to_lowercase()
                    && call.request_size == case.exchange.request.len() as u64
                    && call.response_size == case.exchange.response.len() as u64
            });
            at.map(|at| found.remove(at)).into_iter().collect()
        })
        .collect()
}

#[derive(Default)]
struct Score {
    right: BTreeMap<&'static str, usize>,
    total: BTreeMap<&'static str, usize>,
    misses: Vec<String>,
}

impl Score {
    fn mark(
        &mut self,
        case: &Case,
        field: &'static str,
        found: String,
        expected: String,
        ok: bool,
    ) {
        *self.total.entry(field).or_default() += 1;
        if ok {
            *self.right.entry(field).or_default() += 1;
        } else {
            self.misses
                .push(format!("{field:<14} {} : found {found}, expected {expected}", case.id));
        }
    }

    fn equal(&mut self, case: &Case, field: &'static str, found: Option<&str>, expected: &Value) {
        let ok = found == expected.as_str().filter(|text| !text.is_empty());
        self.mark(case, field, format!("{found:?}"), expected.to_string(), ok);
    }

    fn count(&mut self, case: &Case, field: &'static str, found: Option<u64>, expected: &Value) {
        let wanted = expected.as_f64().map(|n| n as u64);
        self.mark(case, field, format!("{found:?}"), expected.to_string(), found == wanted);
    }

    fn list(&mut self, case: &Case, field: &'static str, found: &[String], expected: &Value) {
        let wanted: Vec<&str> = expected.as_array().into_iter().flatten().map(text).collect();
        self.mark(case, field, format!("{found:?}"), expected.to_string(), found == wanted);
    }
}

fn compare(score: &mut Score, case: &Case, calls: &[Call]) {
    let expected = &case.expected;
    let Some(provider) = expected["provider"].as_str() else {
        let found = calls.first().map(|call| call.provider);
        return score.mark(
            case,
            "negative",
            format!("{found:?}"),
            "nothing".into(),
            calls.is_empty(),
        );
    };
    let [call] = calls else {
        return score.mark(case, "reported", calls.len().to_string(), "1".into(), false);
    };
    score.mark(case, "reported", "1".into(), "1".into(), true);
    let otel =
        |id: &str| providers::by_id(id).map_or_else(|| id.to_owned(), |row| row.otel.to_owned());
    let accepted = expected["provider_accept"].as_array().into_iter().flatten().map(text);
    let ok = std::iter::once(provider).chain(accepted).any(|id| otel(id) == call.provider);
    score.mark(case, "provider", call.provider.into(), provider.into(), ok);
    let ok = call.operation == operation(expected);
    score.mark(case, "operation", call.operation.into(), operation(expected).into(), ok);
    score.equal(case, "request_model", call.request_model.as_deref(), &expected["request_model"]);
    score.equal(
        case,
        "response_model",
        call.response_model.as_deref(),
        &expected["response_model"],
    );
    score.equal(case, "response_id", call.response_id.as_deref(), &expected["response_id"]);
    score.count(case, "input", call.usage.input, &expected["input_tokens_total"]);
    score.count(case, "output", call.usage.output, &expected["output_tokens_total"]);
    score.count(case, "cached", call.usage.cache_read, &expected["cached_tokens"]);
    score.count(case, "cache_write", call.usage.cache_write, &expected["cache_creation_tokens"]);
    score.count(case, "reasoning", call.usage.reasoning, &expected["reasoning_tokens"]);
    let ok = call.stream == expected["stream"].as_bool().unwrap_or(false);
    score.mark(case, "stream", call.stream.to_string(), expected["stream"].to_string(), ok);
    score.list(case, "finish_reasons", &call.finish_reasons, &expected["finish_reasons"]);
    score.list(case, "tool_calls", &call.tools_called, &expected["tool_calls"]);
    let status = expected["status"].as_u64();
    let ok = call.status.map(u64::from) == status;
    score.mark(case, "status", format!("{:?}", call.status), format!("{status:?}"), ok);
    let class = call.failure.as_ref().map(|failure| failure.class.as_str());
    let accepted = expected["failure_class_accept"].as_array().into_iter().flatten().map(text);
    let wanted = expected["failure_class"].as_str();
    let ok = class == wanted || class.is_some_and(|class| accepted.clone().any(|a| a == class));
    let field = if wanted.is_some() { "failure" } else { "no_failure" };
    score.mark(case, field, format!("{class:?}"), format!("{wanted:?}"), ok);
}

#[test]
fn every_exchange_is_reported_as_it_was_on_every_wire() {
    let Some(cases) = cases() else {
        return eprintln!("SKIPPED: no corpus");
    };
    let cases: Vec<&Case> = cases.iter().collect();
    let mut failed = Vec::new();
    for wire in [Wire::Length, Wire::Chunked, Wire::Http2] {
        let mut score = Score::default();
        let mut dice = Dice::new(0x5eed);
        for (case, calls) in cases.iter().zip(report(&cases, wire, &mut dice)) {
            compare(&mut score, case, &calls);
        }
        println!("== {wire:?}");
        for (field, total) in &score.total {
            let right = score.right.get(field).copied().unwrap_or(0);
            println!("{field:<15} {right:>5} of {total:>5}");
            let all = matches!(*field, "negative" | "failure");
            if (right as f64) < RIGHT * *total as f64 || (all && right < *total) {
                failed.push(format!("{wire:?} {field}: {right} of {total}"));
            }
        }
        if wire == Wire::Length || std::env::var_os("MISSES").is_some() {
            for miss in &score.misses {
                println!("{}", miss.chars().take(260).collect::<String>());
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
