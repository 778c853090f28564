//! The groups as CSV (RFC 4180): one line a group, for a spreadsheet.

use std::fmt::Write as _;

use super::Report;

const HEADER: &str = "calls,failed,failed_capacity,lower_bound_calls,retries,input_tokens,output_tokens,\
cache_read_tokens,cache_write_tokens,reasoning_tokens,cost_usd,priced_calls,duration_p50_s,duration_p99_s";

/// CRLF between lines; unknown figures are empty.
pub fn csv(report: &Report) -> String {
    let mut out = format!("{},{HEADER}\r\n", report.by);
    for group in &report.groups {
        let figures = &group.figures;
        let int = |value: Option<u64>| value.map(|v| v.to_string()).unwrap_or_default();
        let number = |value: Option<f64>| value.map(|v| format!("{v:.6}")).unwrap_or_default();
        let _infallible = write!(
            out,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\r\n",
            field(&group.name),
            figures.calls,
            figures.failed,
            figures.failed_capacity,
            figures.lower_bound_calls,
            figures.retries,
            int(figures.input_tokens),
            int(figures.output_tokens),
            int(figures.cache_read_tokens),
            int(figures.cache_write_tokens),
            int(figures.reasoning_tokens),
            number(figures.cost_usd),
            figures.priced_calls,
            number(figures.duration_s.map(|p| p.p50)),
            number(figures.duration_s.map(|p| p.p99)),
        );
    }
    out
}

/// Quoted where needed; a leading sign would be a formula to a spreadsheet.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guarded = if formula { format!("'{text}") } else { text.to_owned() };
    if guarded.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn names_neither_break_the_line_nor_become_formulas() {
        assert_eq!(field("plain"), "plain");
        assert_eq!(field("a,b"), "\"a,b\"");
        assert_eq!(field("say \"x\""), "\"say \"\"x\"\"\"");
        assert_eq!(field("=HYPERLINK(1)"), "'=HYPERLINK(1)");
    }
}
