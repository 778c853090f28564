//! Every metric: its names, what it is, its labels.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Prometheus; a counter's without `_total`.
    pub name: &'static str,
    pub otel: &'static str,
    pub unit: &'static str,
    pub kind: Kind,
    pub help: &'static str,
    pub labels: &'static [&'static str],
}

/// Seconds: the buckets of the GenAI convention's durations.
pub const BOUNDS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

const CALL: &[&str] = &["provider", "model", "operation", "workload", "team"];

const fn metric(
    name: &'static str,
    otel: &'static str,
    unit: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, otel, unit, kind, help, labels }
}

#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    metric("aitrace_calls", "aitrace.calls", "{call}", Kind::Counter, CALL, "Calls to AI providers, failed ones included."),
    metric("gen_ai_client_inference_usage_input_tokens", "gen_ai.client.inference.usage.input_tokens", "{token}", Kind::Counter, CALL, "Input tokens, cached ones included."),
    metric("gen_ai_client_inference_usage_output_tokens", "gen_ai.client.inference.usage.output_tokens", "{token}", Kind::Counter, CALL, "Output tokens, reasoning included."),
    metric("gen_ai_client_inference_usage_cache_read_input_tokens", "gen_ai.client.inference.usage.cache_read.input_tokens", "{token}", Kind::Counter, CALL, "Input tokens read from the provider's cache."),
    metric("gen_ai_client_inference_usage_cache_write_input_tokens", "gen_ai.client.inference.usage.cache_write.input_tokens", "{token}", Kind::Counter, CALL, "Input tokens written to the provider's cache."),
    metric("gen_ai_client_inference_usage_reasoning_output_tokens", "gen_ai.client.inference.usage.reasoning.output_tokens", "{token}", Kind::Counter, CALL, "Output tokens spent on reasoning."),
    metric("aitrace_cost_usd", "aitrace.cost.usd", "{USD}", Kind::Counter, CALL, "Cost in US dollars of calls whose price is known."),
    metric("aitrace_failures", "aitrace.failures", "{call}", Kind::Counter, &["provider", "model", "class", "capacity", "workload", "team"], "Failed calls by class; capacity: out of capacity, not broken."),
    metric("gen_ai_client_inference_duration_seconds", "gen_ai.client.inference.duration", "s", Kind::Histogram, &["provider", "model", "operation"], "First request byte to the end of the call."),
    metric("gen_ai_client_inference_time_to_first_chunk_seconds", "gen_ai.client.inference.time_to_first_chunk", "s", Kind::Histogram, &["provider", "model", "operation"], "Request's last byte to the first content chunk."),
    metric("aitrace_rate_limit_remaining", "aitrace.rate_limit.remaining", "1", Kind::Gauge, &["provider", "model", "workload", "dimension"], "What the provider's headers last said is left."),
    metric("aitrace_rate_limit_limit", "aitrace.rate_limit.limit", "1", Kind::Gauge, &["provider", "model", "workload", "dimension"], "What the provider's headers last said is the limit."),
    metric("aitrace_gpu_busy_seconds", "aitrace.gpu.busy", "s", Kind::Counter, &["gpu", "workload", "team"], "GPU-seconds that a workload got."),
    metric("aitrace_gpu_held_idle_seconds", "aitrace.gpu.held_idle", "s", Kind::Counter, &["gpu", "workload", "team"], "Seconds that a workload held GPU memory while the GPU did nothing."),
    metric("aitrace_gpu_failures", "aitrace.gpu.failures", "{failure}", Kind::Counter, &["class", "workload"], "GPU failures by class."),
    metric("aitrace_policy_alerts", "aitrace.policy.alerts", "{alert}", Kind::Counter, &["policy", "kind"], "Alerts raised by policies."),
    metric("aitrace_events_in", "aitrace.events.in", "{event}", Kind::Counter, &["stage"], "Events that each stage of the agent took in."),
    metric("aitrace_events_out", "aitrace.events.out", "{event}", Kind::Counter, &["stage"], "Events that each stage of the agent gave out."),
    metric("aitrace_events_in_flight", "aitrace.events.in_flight", "{event}", Kind::Gauge, &["stage"], "Events that each stage of the agent holds."),
    metric("aitrace_events_dropped", "aitrace.events.dropped", "{event}", Kind::Counter, &["stage", "reason"], "Events that a stage of the agent lost."),
    metric("aitrace_trouble", "aitrace.trouble", "{occurrence}", Kind::Counter, &["counter"], "What degraded the agent without costing an event."),
    metric("aitrace_books_closed", "aitrace.books.closed", "1", Kind::Gauge, &[], "1 when every event is accounted for."),
    metric("aitrace_uptime_seconds", "aitrace.uptime", "s", Kind::Gauge, &[], "Since the agent started."),
    metric("aitrace_overflowed_series", "aitrace.overflowed_series", "{event}", Kind::Counter, &[], "Samples added up under _other, for want of room."),
];
