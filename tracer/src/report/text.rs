//! The report for a person: the six questions, in plain words.

use std::fmt::Write as _;

use super::{Group, Report};
use crate::terminal::{self, clip, count, safe};

/// Lines a table has before it is cut.
const ROWS: usize = 15;

/// At most 100 columns, no control characters.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _infallible = write(report, &mut out);
    out
}

fn write(report: &Report, out: &mut String) -> std::fmt::Result {
    let totals = &report.totals;
    writeln!(out, "aitrace report, {} to {}", short(&report.from), short(&report.to))?;
    writeln!(
        out,
        "{} calls on {} host(s), {} in and {} out tokens, {}",
        count(totals.calls),
        report.hosts,
        tokens(totals.input_tokens),
        tokens(totals.output_tokens),
        dollars(totals.cost_usd),
    )?;
    if totals.lower_bound_calls > 0 {
        writeln!(
            out,
            "{} calls are lower bounds: part of them was not seen",
            totals.lower_bound_calls
        )?;
    }
    if totals.calls > totals.priced_calls {
        writeln!(
            out,
            "{} calls have no price: their model is unknown to the price table, or they reported no tokens",
            totals.calls - totals.priced_calls
        )?;
    }

    writeln!(out, "\n1. Where does the spend go, by {}?", report.by)?;
    table(out, &report.groups)?;
    writeln!(out, "\n   By model")?;
    table(out, &report.models)?;

    writeln!(out, "\n2. What fails, and is it capacity or a bug?")?;
    let failed = report.failures.capacity + report.failures.other;
    if failed == 0 {
        writeln!(out, "   Nothing failed.")?;
    } else {
        writeln!(
            out,
            "   {} of {} calls failed ({:.1} %): {} for lack of capacity, {} for other reasons.",
            count(failed),
            count(totals.calls),
            totals.failure_ratio * 100.0,
            count(report.failures.capacity),
            count(report.failures.other),
        )?;
        for class in report.failures.by_class.iter().take(ROWS) {
            let kind = if class.capacity { "capacity" } else { "other" };
            writeln!(out, "   {:<24} {:>12}  {kind}", safe(&class.class), count(class.calls))?;
        }
    }
    if let (Some(all), first) = (totals.duration_s, totals.time_to_first_chunk_s) {
        write!(out, "   A call takes {:.2} s (half), {:.2} s (99 %)", all.p50, all.p99)?;
        match first {
            Some(first) => {
                writeln!(
                    out,
                    "; the first chunk comes after {:.2} s, {:.2} s.",
                    first.p50, first.p99
                )?;
            }
            None => writeln!(out, ".")?,
        }
    }

    writeln!(out, "\n3. How do agents behave?")?;
    match &report.runs {
        None => writeln!(out, "   No runs of several turns were seen.")?,
        Some(runs) => writeln!(
            out,
            "   {} runs with {} calls and {} tool calls, the longest of {} turns; {} retries; {}.",
            count(runs.runs),
            count(runs.calls),
            count(runs.tool_calls),
            runs.longest_turns,
            count(runs.retries),
            dollars(Some(runs.cost_usd)),
        )?,
    }

    writeln!(out, "\n4. Is the GPU short, or held idle?")?;
    if report.gpus.is_empty() {
        writeln!(out, "   No GPU was seen in use.")?;
    }
    for gpu in report.gpus.iter().take(ROWS) {
        let seconds = |value: Option<f64>| {
            value.map_or("unknown".to_owned(), |s| format!("{:.1} h", s / 3600.0))
        };
        writeln!(
            out,
            "   {:<28} on {:<20} held {:.1} h, busy {}, idle {}, peak {} MiB, {} failures",
            clip(&gpu.holder, 28),
            clip(gpu.name.as_deref().unwrap_or(&gpu.gpu), 20),
            gpu.held_s / 3600.0,
            seconds(gpu.busy_s),
            seconds(gpu.held_idle_s),
            gpu.memory_peak_bytes >> 20,
            gpu.failures,
        )?;
    }

    writeln!(out, "\n5. What would be protected first if capacity were cut?")?;
    match &report.protect {
        None => writeln!(out, "   Ask with --protect PERCENT.")?,
        Some(plan) => {
            writeln!(out, "   To free {:.0} % of the tokens, in this order:", plan.cut_percent)?;
            for worth in plan.give_up.iter().take(ROWS) {
                writeln!(
                    out,
                    "   give up {:>3.0} % of {:<40} (weight {}, dependence {:.2})",
                    worth.given_up * 100.0,
                    clip(&worth.name, 40),
                    worth.weight,
                    worth.dependence,
                )?;
            }
            let kept: Vec<String> =
                plan.keep.iter().take(5).map(|worth| clip(&worth.name, 30)).collect();
            writeln!(out, "   Untouched, dearest to you first: {}", kept.join(", "))?;
        }
    }

    writeln!(out, "\n6. Where is money wasted?")?;
    if report.findings.is_empty() {
        writeln!(out, "   Nothing stands out.")?;
    }
    for finding in report.findings.iter().take(ROWS) {
        let money = finding.usd_month.map(|usd| format!(", about ${usd:.0} a month"));
        writeln!(
            out,
            "   {} [{}]{}\n     {}\n     {}",
            safe(&finding.title),
            safe(&finding.subject),
            money.unwrap_or_default(),
            safe(&finding.evidence),
            finding.advice,
        )?;
    }
    if report.findings.len() > ROWS {
        writeln!(out, "   ... and {} more (--json has them all)", report.findings.len() - ROWS)?;
    }
    Ok(())
}

fn table(out: &mut String, groups: &[Group]) -> std::fmt::Result {
    writeln!(
        out,
        "   {:<36} {:>10} {:>8} {:>9} {:>9} {:>11} {:>6}",
        "", "calls", "failed", "in", "out", "USD", "share"
    )?;
    for group in groups.iter().take(ROWS) {
        let figures = &group.figures;
        writeln!(
            out,
            "   {:<36} {:>10} {:>7.1}% {:>9} {:>9} {:>11} {:>6}",
            clip(&group.name, 36),
            count(figures.calls),
            figures.failure_ratio * 100.0,
            tokens(figures.input_tokens),
            tokens(figures.output_tokens),
            figures.cost_usd.map_or("-".to_owned(), |usd| format!("{usd:.2}")),
            group.share.map_or("-".to_owned(), |share| format!("{:.0}%", share * 100.0)),
        )?;
    }
    if groups.len() > ROWS {
        writeln!(out, "   ... and {} more", groups.len() - ROWS)?;
    }
    Ok(())
}

/// `2026-11-26 10:00`
fn short(time: &str) -> String {
    time.get(..16).unwrap_or(time).replace('T', " ")
}

/// `?` where nothing reported any.
fn tokens(value: Option<u64>) -> String {
    value.map_or_else(|| "?".to_owned(), terminal::short)
}

fn dollars(value: Option<f64>) -> String {
    value.map_or("cost unknown".to_owned(), |usd| format!("${usd:.2}"))
}
