//! The doors through which the program grows: every row has its proof, and no two rows are the same.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be read must fail the test")]

use std::collections::{BTreeMap, BTreeSet};

use tests::fixture;
use tracer::ai::endpoint::{Family, recognise};
use tracer::ai::providers::{HostTable, OPENAI_COMPATIBLE, PROVIDERS, resolve};
use tracer::discover::libraries::LIBRARIES;

/// What a family's fixtures show.
#[derive(Debug, Default)]
struct Shown {
    answers: usize,
    streams: usize,
    failures: usize,
}

#[test]
fn every_provider_has_a_fixture() {
    let ids: Vec<&str> = PROVIDERS.iter().map(|row| row.id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "sorted, and none twice");
    let fixtures = fixture::all().unwrap();
    let shown: BTreeSet<&str> = fixtures.iter().map(|fixture| &*fixture.provider).collect();
    let without: Vec<&&str> = ids.iter().filter(|id| !shown.contains(**id)).collect();
    assert!(without.is_empty(), "no fixture: {without:?}");
    for name in shown {
        let known = ids.contains(&name) || [OPENAI_COMPATIBLE.id, "no_provider"].contains(&name);
        assert!(known, "tests/fixtures/{name} belongs to no row");
    }
}

#[test]
fn every_family_has_an_answer_and_a_failure_and_those_that_stream_a_stream() {
    let mut families: BTreeMap<String, Shown> = BTreeMap::new();
    for fixture in fixture::all().unwrap() {
        assert!(!fixture.origin.is_empty(), "{} says where it comes from", fixture.name());
        let exchange = &fixture.exchange;
        let (path, query) = exchange.target.split_once('?').unwrap_or((&exchange.target, ""));
        let (host, port) = match exchange.authority.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()),
            None => (&*exchange.authority, None),
        };
        let provider = resolve(host, port, path, &HostTable::default());
        let method = if fixture.messages.is_empty() { &*exchange.method } else { "POST" };
        // An address that no row names is told by its answer.
        let told = provider.or_else(|| PROVIDERS.iter().find(|row| row.id == fixture.provider));
        let found = recognise(told, method, path, query).map(|endpoint| endpoint.family.as_str());
        if !fixture.calls.is_empty() {
            assert_eq!(found, Some(&*fixture.family), "{}", fixture.name());
        }
        let shown = families.entry(fixture.family.clone()).or_default();
        for call in &fixture.calls {
            let has = |key: &str| call.get(key).is_some();
            if has("aitrace.failure.class") {
                shown.failures += 1;
            } else {
                shown.answers += 1;
                shown.streams += usize::from(has("gen_ai.response.time_to_first_chunk"));
            }
        }
    }
    // One answer, whole: there is nothing to stream.
    let whole = [
        Family::OpenAiEmbeddings,
        Family::OpenAiImages,
        Family::OpenAiModerations,
        Family::OpenAiBatches,
        Family::AnthropicCountTokens,
        Family::AnthropicBatches,
        Family::GeminiEmbed,
        Family::VertexPredict,
        Family::OllamaEmbed,
        Family::Other,
    ];
    let mut missing = Vec::new();
    for family in Family::ALL {
        let shown = families.remove(family.as_str()).unwrap_or_default();
        let streams = shown.streams > 0 || whole.contains(family);
        if shown.answers == 0 || shown.failures == 0 || !streams {
            missing.push(format!("{}: {shown:?}", family.as_str()));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert_eq!(families.into_keys().collect::<Vec<_>>(), ["none"], "families nobody knows");
}

#[test]
fn every_dialect_of_rate_limits_has_a_fixture() {
    let mut shown = BTreeSet::from(["ietf"]);
    let fixtures = fixture::all().unwrap();
    for fixture in &fixtures {
        let limits = fixture.calls.iter().any(|call| {
            let call = call.as_object().unwrap();
            call.keys().any(|key| key.starts_with("aitrace.rate_limit."))
                || (call.contains_key("aitrace.retry_after_s") && fixture.provider == "gemini")
        });
        let row = PROVIDERS.iter().find(|row| row.id == fixture.provider);
        if let (true, Some(row)) = (limits, row) {
            shown.insert(row.rate_limit.as_str());
        }
    }
    let standard = fixtures.iter().any(|fixture| fixture.case == "standard-limits");
    assert!(standard, "the standard's own headers, which any gateway may send");
    // Bedrock says nothing of its limits.
    for row in PROVIDERS.iter().filter(|row| row.id != "bedrock") {
        let family = row.rate_limit.as_str();
        assert!(family.is_empty() || shown.contains(family), "{family} of {}", row.id);
    }
}

#[test]
fn tls_libraries_are_sorted_and_told_apart() {
    assert!(LIBRARIES.windows(2).all(|pair| pair[0].name < pair[1].name));
    for library in LIBRARIES {
        assert!(!library.proof.is_empty(), "{} would be found in every file", library.name);
        for name in library.proof {
            assert!(!name.is_empty());
        }
    }
}
