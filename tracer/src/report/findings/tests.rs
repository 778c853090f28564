//! For each finding a scenario that has it, and a near miss that has not.

use std::collections::HashMap;
use std::rc::Rc;

use super::*;
use crate::report::rows::{Model, Owner};

const MINUTE: u64 = 60 * 1_000_000_000;

fn owners() -> Owners {
    let owner = |workload: &str, team: &str| Owner {
        workload: Some(workload.into()),
        team: Some(team.into()),
        ..Owner::default()
    };
    Owners(HashMap::from([(1, owner("search", "red")), (2, owner("batch", "blue"))]))
}

fn chat(model: &str) -> Rc<Model> {
    Rc::new(Model { provider: "openai".into(), model: model.into(), operation: "chat".into() })
}

/// An unremarkable call: dollars are 1e-6 a token of input.
fn call(index: u64) -> Single {
    Single {
        ts: index * MINUTE,
        id: format!("e{index}"),
        who: 1,
        model: chat("small"),
        input: Some(400),
        output: Some(300),
        cost_usd: Some((400.0 + 4.0 * 300.0) * 1e-6),
        duration_s: 1.0,
        ..Single::default()
    }
}

/// Kinds found in `count` calls changed by `change`.
fn found(count: u64, change: impl Fn(u64, &mut Single)) -> Vec<Finding> {
    let owners = owners();
    let context = Context { owners: &owners, period_s: MONTH_S };
    let mut examination = Examination::new();
    for index in 0..count {
        let mut single = call(index);
        change(index, &mut single);
        examination.see(&single, &context);
    }
    examination.finish(&context, &[], &[]).0
}

fn only(kind: &str, findings: &[Finding]) -> Finding {
    assert_eq!(findings.iter().map(|f| f.kind).collect::<Vec<_>>(), [kind]);
    findings[0].clone()
}

fn nothing(findings: &[Finding]) {
    assert_eq!(findings, []);
}

#[test]
fn ordinary_calls_have_no_findings() {
    nothing(&found(500, |_, _| {}));
}

#[test]
fn uncached_prefix() {
    let long = |_, call: &mut Single| {
        (call.prefix, call.input) = (Some("p".into()), Some(4000));
        call.cost_usd = Some((4000.0 + 1200.0) * 1e-6);
    };
    let finding = only("uncached_prefix", &found(101, long));
    // 100 repeats of 4,000 tokens at 1e-6, half saved.
    assert!((finding.usd_month.unwrap() - 0.2).abs() < 1e-9);
    assert_eq!(finding.subject, "search");
    nothing(&found(9, long));
    nothing(&found(100, |i, call| {
        long(i, call);
        call.cache_read = Some(u64::from(i == 50) * 3000);
    }));
    nothing(&found(100, |i, call| {
        long(i, call);
        call.input = Some(1000);
    }));
}

#[test]
fn duplicate_prompts() {
    let duplicate = |i, call: &mut Single| call.duplicate_of = (i > 0).then(|| "e0".into());
    let finding = only("duplicate_prompts", &found(11, duplicate));
    assert_eq!(finding.count, 10);
    assert!((finding.usd_month.unwrap() - 10.0 * 1600.0 * 1e-6).abs() < 1e-9);
    nothing(&found(10, duplicate));
}

#[test]
fn retry_after_ignored() {
    let ignored = |_, call: &mut Single| {
        (call.retry_of, call.honoured) = (Some("e".into()), Some(false));
    };
    assert_eq!(only("retry_after_ignored", &found(5, ignored)).count, 5);
    nothing(&found(4, ignored));
    nothing(&found(9, |i, call| {
        ignored(i, call);
        call.honoured = Some(true);
    }));
}

#[test]
fn retry_storm() {
    let fast = |i, call: &mut Single| {
        (call.retry_of, call.ts) = (Some("e".into()), i * MINUTE / 12);
    };
    assert_eq!(only("retry_storm", &found(10, fast)).count, 1);
    nothing(&found(9, fast));
    // As many, with back-off.
    nothing(&found(60, |i, call| (call.retry_of, call.ts) = (Some("e".into()), i * MINUTE / 8)));
}

#[test]
fn agent_loop() {
    let step = |_, call: &mut Single| {
        call.session = Some("s".into());
        call.tools = vec!["search".into()];
    };
    assert_eq!(only("agent_loop", &found(8, step)).count, 8);
    nothing(&found(7, step));
    nothing(&found(100, |i, call| {
        step(i, call);
        call.tools = vec![if i % 2 == 0 { "search".into() } else { "read".into() }];
    }));
    let again = found(6, |i, call| {
        call.session = Some("s".into());
        call.duplicate_of = (i > 0).then(|| "e0".into());
    });
    assert_eq!(only("agent_loop", &again).count, 5);
}

#[test]
fn growing_context() {
    let grows = |i, call: &mut Single| {
        call.session = Some("s".into());
        call.input = Some(2000 + i * 2000);
    };
    let finding = only("growing_context", &found(12, grows));
    assert!(finding.usd_month.unwrap() > 0.0);
    nothing(&found(9, grows));
    nothing(&found(50, |i, call| {
        call.session = Some("s".into());
        call.input = Some(20_000 + i * 100);
    }));
}

#[test]
fn abandoned_streams() {
    let closed = |_, call: &mut Single| {
        (call.stream, call.class) = (true, Some("client_cancelled".into()));
    };
    assert_eq!(only("abandoned_streams", &found(5, closed)).count, 5);
    nothing(&found(4, closed));
    nothing(&found(50, |_, call| call.stream = true));
}

#[test]
fn max_tokens_oversized() {
    let asks = |_, call: &mut Single| (call.max_tokens, call.output) = (Some(4096), Some(300));
    assert_eq!(only("max_tokens_oversized", &found(50, asks)).count, 50);
    nothing(&found(49, asks));
    nothing(&found(100, |i, call| {
        asks(i, call);
        call.output = Some(if i % 20 == 0 { 4000 } else { 300 });
    }));
}

#[test]
fn dear_model_tiny_output() {
    let word = |_, call: &mut Single| {
        (call.model, call.output) = (chat("large"), Some(2));
        call.cost_usd = Some((400.0 + 8.0) * 5e-6);
    };
    let finding = only("dear_model_tiny_output", &found(50, word));
    assert!((finding.usd_month.unwrap() - 50.0 * 408.0 * 5e-6 * 0.8).abs() < 1e-9);
    nothing(&found(49, word));
    nothing(&found(100, |i, call| {
        word(i, call);
        call.cost_usd = Some(408.0 * 1e-6);
    }));
    nothing(&found(100, |i, call| {
        word(i, call);
        call.output = Some(40);
    }));
}

#[test]
fn limit_nearly_exhausted() {
    let short = |i, call: &mut Single| {
        call.requests_limit = Some(100);
        call.requests_remaining = Some(if i % 10 == 0 { 4 } else { 60 });
    };
    assert_eq!(only("limit_nearly_exhausted", &found(100, short)).count, 10);
    nothing(&found(100, |_, call| {
        (call.requests_limit, call.requests_remaining) = (Some(100), Some(11));
    }));
    nothing(&found(100, |i, call| {
        call.tokens_limit = Some(100);
        call.tokens_remaining = Some(if i % 50 == 0 { 4 } else { 60 });
    }));
}

#[test]
fn shared_key() {
    let two = |i, call: &mut Single| (call.key, call.who) = (Some("k".into()), 1 + (i % 2) as i64);
    let finding = only("shared_key", &found(4, two));
    assert!(finding.evidence.contains("blue, red"), "{}", finding.evidence);
    nothing(&found(4, |_, call| call.key = Some("k".into())));
}

#[test]
fn gpus_held_idle_and_short_beside_it() {
    let owners = owners();
    let context = Context { owners: &owners, period_s: MONTH_S };
    let row = |who, idle: Option<f64>| GpuRow {
        who,
        gpu: "GPU-1".into(),
        window_s: 10_000.0,
        held_idle_s: idle,
        memory_peak: 1 << 30,
        ..GpuRow::default()
    };
    let oom = GpuFailureRow {
        who: 1,
        gpu: "GPU-1".into(),
        class: "out_of_memory".into(),
        failures: 3,
        requested_bytes: 1,
    };
    let kinds = |rows: &[GpuRow], failures: &[GpuFailureRow]| {
        let (findings, _) = Examination::new().finish(&context, rows, failures);
        findings.into_iter().map(|finding| finding.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&[row(2, Some(9000.0))], &[]), ["gpu_held_idle"]);
    assert!(kinds(&[row(2, Some(4000.0))], &[]).is_empty(), "mostly busy");
    assert!(kinds(&[row(2, None)], &[]).is_empty(), "unknown is not idle");
    assert_eq!(
        kinds(&[row(2, Some(9000.0))], std::slice::from_ref(&oom)),
        ["gpu_held_idle", "gpu_oom_beside_idle"]
    );
    assert!(kinds(&[row(1, Some(4000.0)), row(2, Some(100.0))], &[oom]).is_empty());
}

#[test]
fn what_finds_no_room_is_counted() {
    let owners = owners();
    let context = Context { owners: &owners, period_s: MONTH_S };
    let mut examination = Examination::new();
    for index in 0..MAX_GROUPS as u64 + 7 {
        let mut single = call(index);
        single.session = Some(format!("s{index}"));
        examination.see(&single, &context);
    }
    assert_eq!(examination.finish(&context, &[], &[]).1, 7);
}
