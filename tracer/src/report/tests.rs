use std::collections::BTreeMap;

use super::rows::Hours;
use super::sqlite::Sqlite;
use super::*;
use crate::reader::{CallEvent, Event};
use crate::sinks::clock::format_rfc3339;
use crate::store::{History, Limits};

const NS: u64 = 1_000_000_000;
/// 2026-11-01T00:00:00Z
const START: u64 = 1_793_491_200 * NS;
const HOUR: u64 = 3600 * NS;

/// Spread without a generator's state: splitmix64.
fn noise(index: u64) -> u64 {
    let mut z = index.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn calls(count: u64, hours: u64) -> Vec<CallEvent> {
    let classes = ["rate_limit", "overloaded", "invalid_request"];
    (0..count)
        .map(|index| {
            let dice = noise(index);
            let failed = dice.is_multiple_of(20);
            let mut call = CallEvent {
                timestamp: format_rfc3339(START + index * hours * HOUR / count),
                id: format!("e{index}"),
                operation: "chat".into(),
                provider: ["openai", "anthropic"][(dice >> 8) as usize % 2].into(),
                request_model: Some(format!("model-{}", (dice >> 16) % 5)),
                input_tokens: (!failed).then_some(100 + (dice >> 24) % 5000),
                output_tokens: (!failed).then_some((dice >> 36) % 800),
                usage_complete: true,
                cost_usd: (!failed && !(dice >> 4).is_multiple_of(10))
                    .then_some((dice % 1000) as f64 / 1e5),
                duration_s: 0.05 + ((dice >> 40) % 10_000) as f64 / 1000.0,
                role: "client".into(),
                ..CallEvent::default()
            };
            if failed {
                let class = classes[(dice >> 50) as usize % 3];
                call.failure_class = Some(class.into());
                call.failure_capacity = class != "invalid_request";
            }
            call.who.host = Some("h".into());
            call.who.workload = Some(format!("w{}", (dice >> 12) % 40));
            call.who.team =
                Some(["red", "blue", "<b>evil\u{1b}"][(dice >> 20) as usize % 3].into());
            call
        })
        .collect()
}

fn store(path: &std::path::Path, calls: &[CallEvent]) {
    let (mut history, _) = History::open(path, Limits::default(), START).unwrap();
    for call in calls {
        if history.push(Event::Call(Box::new(call.clone()))) {
            history.write(START).unwrap();
        }
    }
    history.close(START).unwrap();
}

fn report(path: &std::path::Path, by: By, hours: u64) -> Report {
    let from = START / HOUR;
    let question = Question { hours: Hours { from, to: from + hours }, by, protect: Some(20.0) };
    make(&mut Sqlite::open(path).unwrap(), &question, &|_| 1.0).unwrap()
}

#[test]
fn every_figure_equals_one_computed_from_the_events() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let calls = calls(20_000, 48);
    store(&path, &calls);
    for (by, name) in [
        (By::Team, (|c: &CallEvent| c.who.team.clone()) as fn(&CallEvent) -> Option<String>),
        (By::Workload, |c| c.who.workload.clone()),
        (By::Model, |c| c.request_model.clone()),
        (By::Provider, |c| Some(c.provider.clone())),
        (By::Failure, |c| Some(c.failure_class.clone().unwrap_or("(success)".into()))),
        (By::Key, |_| None),
    ] {
        let report = report(&path, by, 48);
        let mut truth: BTreeMap<String, Vec<&CallEvent>> = BTreeMap::new();
        for call in &calls {
            truth.entry(name(call).unwrap_or("(none)".into())).or_default().push(call);
        }
        assert_eq!(report.groups.len(), truth.len());
        for group in &report.groups {
            let own = &truth[&group.name];
            let sum = |f: fn(&CallEvent) -> u64| own.iter().map(|c| f(c)).sum::<u64>();
            assert_eq!(group.figures.calls, own.len() as u64);
            assert_eq!(
                group.figures.input_tokens.unwrap_or(0),
                sum(|c| c.input_tokens.unwrap_or(0))
            );
            assert_eq!(
                group.figures.output_tokens.unwrap_or(0),
                sum(|c| c.output_tokens.unwrap_or(0))
            );
            assert_eq!(group.figures.failed, sum(|c| u64::from(c.failure_class.is_some())));
            assert_eq!(group.figures.failed_capacity, sum(|c| u64::from(c.failure_capacity)));
            let cost: f64 = own.iter().filter_map(|c| c.cost_usd).sum();
            assert!((group.figures.cost_usd.unwrap_or(0.0) - cost).abs() < 1e-9 * (1.0 + cost));
            let mut times: Vec<f64> = own.iter().map(|c| c.duration_s).collect();
            times.sort_by(f64::total_cmp);
            for (q, found) in [
                (0.5, group.figures.duration_s.unwrap().p50),
                (0.99, group.figures.duration_s.unwrap().p99),
            ] {
                let exact = times[(q * (times.len() - 1) as f64).round() as usize];
                assert!((found - exact).abs() <= 0.01 * exact, "{found} {exact}");
            }
        }
        assert_eq!(report.timeline.iter().map(|m| m.calls).sum::<u64>(), 20_000);
        assert_eq!(report.timeline.len(), 48);
        assert_eq!(report.failures.capacity + report.failures.other, report.totals.failed);
    }
}

#[test]
fn a_period_takes_its_hours_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    store(&path, &calls(4800, 48));
    assert_eq!(report(&path, By::Team, 12).totals.calls, 1200);
}

#[test]
fn every_form_holds_the_names_and_no_form_obeys_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    store(&path, &calls(500, 10));
    let report = report(&path, By::Team, 10);
    let text = text(&report);
    assert!(text.contains("<b>evil\u{fffd}") && !text.contains('\u{1b}'), "{text}");
    assert!(text.contains("6. Where is money wasted?"));
    let page = html(&report).unwrap();
    assert!(page.contains("\\u003cb>evil") && !page.contains("<b>evil"));
    assert!(page.trim_end().ends_with("</html>") && !page.contains("{{"));
    let json: serde_json::Value = serde_json::to_value(&report).unwrap();
    assert_eq!(json["groups"].as_array().unwrap().len(), 3);
    assert_eq!(csv(&report).lines().count(), 4);
}

#[test]
fn an_empty_history_is_a_report_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    store(&path, &[]);
    let report = report(&path, By::Team, 10);
    assert_eq!(report.totals.calls, 0);
    assert!(text(&report).contains("Nothing failed."));
    let missing = Sqlite::open(&folder.path().join("none.db")).unwrap_err();
    assert!(missing.to_string().contains("--history"));
}
