//! A month of a busy host, made up: 2 million calls of 200 workloads into a history, then the report,
//! timed and compared with sums made on the way. `cargo xtask month`.

#![allow(clippy::print_stdout, reason = "a program that reports to a person")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer::reader::{CallEvent, Event};
use tracer::sinks::clock::format_rfc3339;
use tracer::store::{History, Limits};

const NS: u64 = 1_000_000_000;
const HOUR: u64 = 3600;
const DAYS: u64 = 30;
const CLASSES: [&str; 4] = ["rate_limit", "overloaded", "invalid_request", "server_error"];

#[derive(Default)]
struct Truth {
    calls: u64,
    failed: u64,
    input: u64,
    output: u64,
    cost: f64,
    durations: Vec<f32>,
}

/// splitmix64: spread without state.
fn noise(index: u64) -> u64 {
    let mut z = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn call(index: u64, at_ns: u64, workloads: u64) -> CallEvent {
    let dice = noise(index);
    // A few workloads make most of the calls.
    let share = (dice % 1000) as f64 / 1000.0;
    let workload = (share * share * workloads as f64) as u64;
    let failed = (dice >> 10).is_multiple_of(20);
    let model = (workload + (dice >> 16) % 2) % 6;
    let mut call = CallEvent {
        timestamp: format_rfc3339(at_ns),
        id: format!("{index:x}"),
        seq: index + 1,
        operation: "chat".into(),
        provider: ["openai", "anthropic", "gcp.gemini"][(model % 3) as usize].into(),
        request_model: Some(format!("model-{model}")),
        stream: (dice >> 20).is_multiple_of(2),
        input_tokens: (!failed).then_some(200 + (dice >> 22) % 8000),
        output_tokens: (!failed).then_some(1 + (dice >> 36) % 900),
        usage_complete: true,
        cost_usd: (!failed).then_some(((dice >> 5) % 10_000) as f64 / 1e6),
        duration_s: f64::from(0.2 + ((dice >> 40) % 20_000) as f32 / 1000.0),
        key: Some(format!("{:016x}", workload % 40)),
        role: "client".into(),
        ..CallEvent::default()
    };
    if failed {
        let class = CLASSES[((dice >> 50) % 4) as usize];
        call.failure_class = Some(class.into());
        call.failure_capacity = class == "rate_limit" || class == "overloaded";
    }
    call.who.host = Some("host".into());
    call.who.workload = Some(format!("workload-{workload:03}"));
    call.who.team = Some(format!("team-{}", workload % 12));
    call
}

/// Peak resident memory of the children so far, KiB.
fn children_peak_kib() -> i64 {
    // SAFETY: an rusage of zeros is valid, and getrusage(2) fills it.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage.ru_maxrss
    }
}

fn fill(path: &Path, calls: u64, workloads: u64, start: u64) -> Result<BTreeMap<String, Truth>> {
    let end = (start + DAYS * 24 * HOUR) * NS;
    let limits = Limits::default();
    let (mut history, _) = History::open(path, limits, start * NS)?;
    let mut truth: BTreeMap<String, Truth> = BTreeMap::new();
    for index in 0..calls {
        let at = start * NS + (end - start * NS) / calls * index;
        let call = call(index, at, workloads);
        let own = truth.entry(call.who.workload.clone().unwrap_or_default()).or_default();
        own.calls += 1;
        own.failed += u64::from(call.failure_class.is_some());
        own.input += call.input_tokens.unwrap_or(0);
        own.output += call.output_tokens.unwrap_or(0);
        own.cost += call.cost_usd.unwrap_or(0.0);
        own.durations.push(call.duration_s as f32);
        if history.push(Event::Call(Box::new(call))) {
            history.write(at)?;
        }
    }
    history.close(end)?;
    Ok(truth)
}

fn compare(report: &Value, mut truth: BTreeMap<String, Truth>) -> Result<()> {
    let groups = report["groups"].as_array().context("groups")?;
    ensure!(groups.len() == truth.len(), "{} groups, {} expected", groups.len(), truth.len());
    let mut worst: f64 = 0.0;
    for group in groups {
        let name = group["name"].as_str().unwrap_or_default();
        let own = truth.get_mut(name).with_context(|| format!("no {name}"))?;
        let figures =
            ["calls", "failed", "input_tokens", "output_tokens"].map(|key| group[key].as_u64());
        let expected = [own.calls, own.failed, own.input, own.output].map(Some);
        ensure!(figures == expected, "{name}: {figures:?}, {expected:?} expected");
        let cost = group["cost_usd"].as_f64().unwrap_or(0.0);
        ensure!(
            (cost - own.cost).abs() < 1e-6 * own.cost.max(1.0),
            "{name}: ${cost}, ${}",
            own.cost
        );
        own.durations.sort_by(f32::total_cmp);
        for (key, q) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
            let at = (q * (own.durations.len() - 1) as f64).round() as usize;
            let exact = f64::from(own.durations[at]);
            let found = group["duration_s"][key].as_f64().context("percentiles")?;
            worst = worst.max((found - exact).abs() / exact);
        }
    }
    ensure!(worst <= 0.01, "a percentile is off by {:.2} %", worst * 100.0);
    println!(
        "{} groups: calls, failures, tokens, dollars equal; percentiles within {:.2} %",
        groups.len(),
        worst * 100.0
    );
    Ok(())
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let calls: u64 = arguments.next().map_or(Ok(2_000_000), |text| text.parse())?;
    let html = arguments.next();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("history.db");
    // A whole hour, so that the report's hours are the month's.
    let start = 1_793_491_200;
    let begun = Instant::now();
    let truth = fill(&path, calls, 200, start)?;
    println!("{calls} calls stored in {:.1} s", begun.elapsed().as_secs_f64());

    let until = format_rfc3339((start + DAYS * 24 * HOUR) * NS);
    let mut command = Command::new(tests::tracer::binary()?);
    command.args(["report", "--json", "--by", "workload", "--protect", "20"]);
    command.args(["--since", &format_rfc3339(start * NS), "--until", &until]);
    command.arg("--history").arg(&path);
    if let Some(html) = html {
        command.args(["--html", &html]);
    }
    let begun = Instant::now();
    let output = command.output()?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mib = children_peak_kib() >> 10;
    println!("report in {seconds:.2} s, {mib} MiB");
    compare(&serde_json::from_slice(&output.stdout)?, truth)?;
    ensure!(mib <= 200, "{mib} MiB is more than 200");
    Ok(())
}
