//! What recorded exchanges cost: each one whose model has a price has a cost, and what the provider
//! said itself is what is reported.

#![allow(clippy::unwrap_used, reason = "a corpus that cannot be read must fail the test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use serde_json::Value;
use tests::connection::{Connection, calls};
use tests::render::{Dice, Exchange};
use tracer::cost::{Prices, Pricing, Source};
use tracer::event::Direction;

#[test]
fn every_recorded_exchange_with_a_known_model_has_a_cost() {
    let Some(dev) = tests::clients::corpus().unwrap() else {
        println!("SKIPPED: no corpus on this machine");
        return;
    };
    let mut files: Vec<_> =
        std::fs::read_dir(&dev).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default();
        name != "expected.jsonl" && name != "error_vectors.jsonl"
    });
    let prices = Arc::new(Prices::built_in());
    let mut pricing = Pricing::new(Arc::clone(&prices));
    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    let (mut told, mut table, mut used, mut missing) = (0, 0, 0, Vec::new());
    let mut unknown: BTreeMap<(&str, String), u32> = BTreeMap::new();
    for line in files.iter().flat_map(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    }) {
        let exchange = Exchange::of(&line, decode).unwrap();
        let mut dice = Dice::new(7);
        let mut flow = Connection::open(1, &exchange.authority);
        let (request, response) = exchange.http1(false, &mut dice);
        flow.data(Direction::Outbound, &request, &mut dice);
        flow.data(Direction::Inbound, &response, &mut dice);
        flow.close();
        for call in calls(flow.records()) {
            let cost = pricing.cost(&call);
            match &cost {
                Some(cost) if cost.source == Source::Provider => told += 1,
                Some(_) => table += 1,
                None => {}
            }
            let tokens = call.usage.input.unwrap_or(0) + call.usage.output.unwrap_or(0);
            if tokens == 0 || call.operation == "token_count" {
                continue;
            }
            used += 1;
            if cost.is_some() {
                continue;
            }
            let models = [&call.response_model, &call.request_model];
            let priced = models
                .into_iter()
                .flatten()
                .any(|model| prices.find(call.provider, &call.host, model).is_some());
            let model = call.response_model.or(call.request_model).unwrap_or_default();
            if priced {
                missing.push(format!("{} {}/{model}", line["id"], call.provider));
            }
            *unknown.entry((call.provider, model)).or_default() += 1;
        }
    }
    for ((provider, model), count) in &unknown {
        println!("no price: {provider}/{model} ({count})");
    }
    println!("{used} exchanges used tokens: {table} by the table, {told} by the provider's word");
    assert_eq!(missing, Vec::<String>::new());
    assert!(told >= 200, "{told}");
    // Local servers, subscriptions and models of small houses have no price.
    assert!((table + told) * 100 >= used * 75, "{} of {used}", table + told);
}
