//! The text that Prometheus scrapes: OpenMetrics 1.0, or the older format for who asks for no other.

use std::fmt::Write as _;

use super::{BOUNDS, Kind, Meters, Value};

pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
pub const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Meters {
    /// Every series as text. The formats differ in a counter's name and in the end.
    pub fn text(&self, open_metrics: bool) -> String {
        let mut out = String::with_capacity(16 * 1024);
        for (metric, series) in self.iter() {
            let kind = match metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            let total = if metric.kind == Kind::Counter { "_total" } else { "" };
            let family = if open_metrics { "" } else { total };
            let name = metric.name;
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP {name}{family} {}", metric.help);
            let _ = writeln!(out, "# TYPE {name}{family} {kind}");
            for (values, value) in series {
                let labels = labels(metric.labels, values);
                match value {
                    Value::Number(number) => {
                        let _ = writeln!(out, "{name}{total}{} {number}", braced(&labels));
                    }
                    Value::Histogram(histogram) => {
                        let mut count = 0;
                        let separator = if labels.is_empty() { "" } else { "," };
                        for (index, bucket) in histogram.counts.iter().enumerate() {
                            count += bucket;
                            let bound = BOUNDS.get(index).map_or("+Inf".to_owned(), f64::to_string);
                            let _ = writeln!(
                                out,
                                "{name}_bucket{{{labels}{separator}le=\"{bound}\"}} {count}"
                            );
                        }
                        let _ = writeln!(out, "{name}_sum{} {}", braced(&labels), histogram.sum);
                        let _ = writeln!(out, "{name}_count{} {count}", braced(&labels));
                    }
                }
            }
        }
        if open_metrics {
            out.push_str("# EOF\n");
        }
        out
    }
}

fn braced(labels: &str) -> String {
    if labels.is_empty() { String::new() } else { format!("{{{labels}}}") }
}

fn labels(names: &[&str], values: &[String]) -> String {
    let mut out = String::new();
    for (name, value) in names.iter().zip(values) {
        if !out.is_empty() {
            out.push(',');
        }
        let _ = write!(out, "{name}=\"");
        for char in value.chars() {
            match char {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
    }
    out
}
