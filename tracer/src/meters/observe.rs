//! What an event adds to which metric.

use serde_json::{Map, Value as Json};

use super::Meters;
use crate::reader::{CallEvent, Event, GpuUsageEvent, read};

const UNKNOWN: &str = "unknown";

fn or_unknown(text: Option<&str>) -> &str {
    text.filter(|text| !text.is_empty()).unwrap_or(UNKNOWN)
}

impl Meters {
    /// Adds an event. A line that is none adds nothing.
    pub fn observe(&mut self, line: &[u8]) {
        match read(line) {
            Ok(Event::Call(call)) if call.is_counted() => self.call(&call),
            Ok(Event::GpuUsage(usage)) => self.gpu(&usage),
            Ok(Event::GpuFailure(failure)) => {
                let object: Map<String, Json> = serde_json::from_slice(line).unwrap_or_default();
                let class = object.get("aitrace.failure.class").and_then(Json::as_str);
                let labels = [or_unknown(class), or_unknown(failure.who.workload.as_deref())];
                self.add("aitrace_gpu_failures", &labels, 1.0);
            }
            Ok(Event::Heartbeat(_)) => {
                if let Ok(object) = serde_json::from_slice(line) {
                    self.heartbeat(&object);
                }
            }
            Ok(Event::Other(name)) if name == "policy.alert" => {
                let object: Map<String, Json> = serde_json::from_slice(line).unwrap_or_default();
                let text = |key: &str| or_unknown(object.get(key).and_then(Json::as_str));
                let labels = [text("aitrace.policy.name"), text("aitrace.policy.kind")];
                self.add("aitrace_policy_alerts", &labels, 1.0);
            }
            _ => {}
        }
        let overflowed = self.overflowed as f64;
        if overflowed > 0.0 {
            self.set("aitrace_overflowed_series", &[], overflowed);
        }
    }

    fn call(&mut self, call: &CallEvent) {
        let (provider, model) = (or_unknown(Some(&call.provider)), or_unknown(call.model()));
        let operation = or_unknown(Some(&call.operation));
        let workload = or_unknown(call.who.workload.as_deref());
        let team = or_unknown(call.who.team.as_deref());
        let labels = [provider, model, operation, workload, team];
        self.add("aitrace_calls", &labels, 1.0);
        // The convention: a call without usage adds 0, so that the series is there.
        let input = call.input_tokens.unwrap_or(0) as f64;
        self.add("gen_ai_client_inference_usage_input_tokens", &labels, input);
        let output = call.output_tokens.unwrap_or(0) as f64;
        self.add("gen_ai_client_inference_usage_output_tokens", &labels, output);
        let parts = [
            ("gen_ai_client_inference_usage_cache_read_input_tokens", call.cache_read),
            ("gen_ai_client_inference_usage_cache_write_input_tokens", call.cache_write),
            ("gen_ai_client_inference_usage_reasoning_output_tokens", call.reasoning),
        ];
        for (name, tokens) in parts {
            if let Some(tokens) = tokens {
                self.add(name, &labels, tokens as f64);
            }
        }
        if let Some(cost) = call.cost_usd {
            self.add("aitrace_cost_usd", &labels, cost);
        }
        if let Some(class) = &call.failure_class {
            let capacity = if call.failure_capacity { "true" } else { "false" };
            let labels = [provider, model, class, capacity, workload, team];
            self.add("aitrace_failures", &labels, 1.0);
        }
        let timed = [provider, model, operation];
        self.record("gen_ai_client_inference_duration_seconds", &timed, call.duration_s);
        if let Some(seconds) = call.time_to_first_chunk {
            self.record("gen_ai_client_inference_time_to_first_chunk_seconds", &timed, seconds);
        }
        let limits = [
            ("aitrace_rate_limit_remaining", "requests", call.requests_remaining),
            ("aitrace_rate_limit_limit", "requests", call.requests_limit),
            ("aitrace_rate_limit_remaining", "tokens", call.tokens_remaining),
            ("aitrace_rate_limit_limit", "tokens", call.tokens_limit),
        ];
        for (name, dimension, value) in limits {
            if let Some(value) = value {
                self.set(name, &[provider, model, workload, dimension], value as f64);
            }
        }
    }

    fn gpu(&mut self, usage: &GpuUsageEvent) {
        let labels = [
            or_unknown(usage.gpu.as_deref()),
            or_unknown(usage.who.workload.as_deref()),
            or_unknown(usage.who.team.as_deref()),
        ];
        if let Some(seconds) = usage.busy_s {
            self.add("aitrace_gpu_busy_seconds", &labels, seconds);
        }
        if let Some(seconds) = usage.held_idle_s {
            self.add("aitrace_gpu_held_idle_seconds", &labels, seconds);
        }
    }

    /// The books: `aitrace.books.<stage>.in`, `.out`, `.in_flight`, `.dropped.<reason>`.
    fn heartbeat(&mut self, object: &Map<String, Json>) {
        for (key, value) in object {
            let Some(number) = value.as_f64() else { continue };
            if let Some(counter) = key.strip_prefix("aitrace.trouble.") {
                self.set("aitrace_trouble", &[counter], number);
            }
            let Some(path) = key.strip_prefix("aitrace.books.") else { continue };
            if let Some((stage, reason)) = path.split_once(".dropped.") {
                self.set("aitrace_events_dropped", &[stage, reason], number);
                continue;
            }
            match path.rsplit_once('.') {
                Some((stage, "in")) => self.set("aitrace_events_in", &[stage], number),
                Some((stage, "out")) => self.set("aitrace_events_out", &[stage], number),
                Some((stage, "in_flight")) => {
                    self.set("aitrace_events_in_flight", &[stage], number);
                }
                _ => {}
            }
        }
        let closed = object.get("aitrace.books.closed").and_then(Json::as_bool);
        self.set("aitrace_books_closed", &[], f64::from(u8::from(closed == Some(true))));
        if let Some(uptime) = object.get("aitrace.uptime_s").and_then(Json::as_f64) {
            self.set("aitrace_uptime_seconds", &[], uptime);
        }
    }
}
