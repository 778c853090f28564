//! What events add up to, and how it reads.

use super::*;
use crate::sinks::testing::line;

fn call(seq: u64, model: &str) -> String {
    let extra = format!(
        ",\"gen_ai.operation.name\":\"chat\",\"gen_ai.provider.name\":\"openai\",\
         \"gen_ai.request.model\":\"{model}\",\"gen_ai.usage.input_tokens\":10,\
         \"aitrace.usage.complete\":true,\"aitrace.duration_s\":1.0,\"aitrace.role\":\"client\",\
         \"aitrace.cost.usd\":0.25,\"aitrace.workload\":\"a\\\"b\",\
         \"aitrace.failure.class\":\"rate_limit\",\"aitrace.failure.capacity\":true,\
         \"aitrace.capture\":\"complete\""
    );
    line(seq, &extra)
}

#[test]
fn calls_add_up_and_labels_are_escaped() {
    let mut meters = Meters::new(100);
    for seq in 1..=3 {
        meters.observe(call(seq, "gpt-4o").as_bytes());
    }
    meters.observe(b"nonsense");
    let server = call(4, "gpt-4o").replace("\"client\"", "\"server\"");
    meters.observe(server.as_bytes());
    let text = meters.text(true);
    let labels =
        r#"{provider="openai",model="gpt-4o",operation="chat",workload="a\"b",team="unknown"}"#;
    assert!(text.contains(&format!("aitrace_calls_total{labels} 3\n")), "{text}");
    assert!(text.contains(&format!("aitrace_cost_usd_total{labels} 0.75\n")));
    assert!(text.contains("duration_seconds_bucket{provider=\"openai\",model=\"gpt-4o\",operation=\"chat\",le=\"1.28\"} 3\n"));
    assert!(text.contains("le=\"0.64\"} 0\n") && text.ends_with("# EOF\n"));
    assert!(text.contains("class=\"rate_limit\",capacity=\"true\""));
    assert!(!meters.text(false).contains("# EOF"));
}

#[test]
fn a_flood_of_labels_ends_in_one_series() {
    let mut meters = Meters::new(5);
    for seq in 0..1000 {
        meters.observe(call(seq, &format!("model-{seq}")).as_bytes());
    }
    let calls = &meters.series[0];
    assert_eq!(calls.len(), 6);
    let total: f64 = calls.values().map(|v| if let Value::Number(n) = v { *n } else { 0.0 }).sum();
    assert!((total - 1000.0).abs() < 1e-9, "nothing is lost from the sum");
    let text = meters.text(true);
    assert!(text.contains("aitrace_calls_total{provider=\"_other\""));
    assert!(text.contains("aitrace_overflowed_series_total"));
}

#[test]
fn the_books_are_metrics() {
    let mut meters = Meters::new(100);
    let extra = ",\"aitrace.uptime_s\":1.5,\"aitrace.books.closed\":true,\
                 \"aitrace.books.sink.otlp.in\":7,\"aitrace.books.ring.dropped.full\":2";
    meters.observe(line(1, extra).replace("ai.call", "heartbeat").as_bytes());
    let text = meters.text(false);
    assert!(text.contains("aitrace_events_in_total{stage=\"sink.otlp\"} 7\n"), "{text}");
    assert!(text.contains("aitrace_events_dropped_total{stage=\"ring\",reason=\"full\"} 2\n"));
    assert!(text.contains("aitrace_books_closed 1\n"));
}
