//! Tables of single things: limits, GPUs, runs, calls in flight, the last calls.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Cell, Row};

use super::{Palette, right, table};
use crate::sinks::clock::format_rfc3339;
use crate::terminal::{clip, count, short};
use crate::tui::dimension::By;
use crate::tui::state::State;

/// Full where all is left, and in red where little is.
fn bar(figures: Option<(u64, u64)>, length: usize, palette: Palette) -> (String, Style) {
    let Some((remaining, limit)) = figures.filter(|(_, limit)| *limit > 0) else {
        return ("-".to_owned(), Style::new());
    };
    let share = (remaining as f64 / limit as f64).clamp(0.0, 1.0);
    let full = (share * length as f64).round() as usize;
    let style = match share {
        s if s < 0.1 => palette.bad(),
        s if s < 0.3 => palette.warn(),
        _ => palette.good(),
    };
    let text = format!(
        "{}{} {:>3.0}% of {}",
        "█".repeat(full),
        "░".repeat(length - full),
        share * 100.0,
        short(limit)
    );
    (text, style)
}

pub(super) fn headroom(frame: &mut Frame<'_>, area: Rect, state: &mut State, palette: Palette) {
    let share = |figures: Option<(u64, u64)>| {
        figures
            .filter(|(_, limit)| *limit > 0)
            .map_or(1.0, |(left, limit)| left as f64 / limit as f64)
    };
    let mut rows: Vec<_> = state.headroom.iter().collect();
    rows.sort_by(|(a_key, a), (b_key, b)| {
        let least = |row: &crate::tui::state::Headroom| share(row.requests).min(share(row.tokens));
        least(a).total_cmp(&least(b)).then(a_key.cmp(b_key))
    });
    let wide = area.width >= 110;
    let length = if wide { 20 } else { 8 };
    let rows: Vec<Row<'_>> = rows
        .into_iter()
        .map(|((key, model), row)| {
            let (requests, requests_style) = bar(row.requests, length, palette);
            let (tokens, tokens_style) = bar(row.tokens, length, palette);
            let mut cells = vec![Cell::from(clip(model, 40))];
            if wide {
                cells.push(Cell::from(clip(key, 16)));
            }
            cells.push(Cell::from(Line::from(requests).style(requests_style)));
            cells.push(Cell::from(Line::from(tokens).style(tokens_style)));
            Row::new(cells)
        })
        .collect();
    let bars = Constraint::Length(length as u16 + 14);
    if wide {
        let widths = [Constraint::Min(20), Constraint::Length(16), bars, bars];
        let head = ["provider and model", "key", "requests left", "tokens left"];
        table(frame, area, state, &head, rows, &widths, NO_LIMITS);
    } else {
        let widths = [Constraint::Min(10), bars, bars];
        let head = ["model", "requests left", "tokens left"];
        table(frame, area, state, &head, rows, &widths, NO_LIMITS);
    }
}

const NO_LIMITS: &str = "No provider has told its limits yet.";

pub(super) fn gpus(frame: &mut Frame<'_>, area: Rect, state: &mut State, palette: Palette) {
    let mut list: Vec<_> = state.gpus.values().collect();
    list.sort_by_key(|gpu| (gpu.usage.index, gpu.usage.gpu.clone(), gpu.usage.who.pid));
    let rows: Vec<Row<'_>> = list
        .into_iter()
        .map(|gpu| {
            let usage = &gpu.usage;
            let who = usage.who.workload.as_deref().or(usage.who.title.as_deref()).unwrap_or("?");
            let name = usage.name.as_deref().or(usage.gpu.as_deref()).unwrap_or("?");
            let index = usage.index.map_or_else(String::new, |index| format!("{index} "));
            let share = |value: Option<f64>| match (value, usage.window_s) {
                (Some(value), Some(window)) if window > 0.0 => {
                    format!("{:.0}%", value / window * 100.0)
                }
                _ => "unknown".to_owned(),
            };
            let idle = usage.held_idle_s.unwrap_or(0.0) > 0.9 * usage.window_s.unwrap_or(f64::MAX);
            let style = if idle { palette.warn() } else { Style::new() };
            Row::new([
                Cell::from(clip(&format!("{index}{name}"), 30)),
                Cell::from(clip(who, 40)),
                right(usage.who.pid.map_or_else(String::new, |pid| pid.to_string())),
                right(
                    usage
                        .memory_used
                        .map_or("?".to_owned(), |bytes| format!("{} MiB", bytes >> 20)),
                ),
                right(share(usage.busy_s)),
                right(share(usage.held_idle_s)),
                Cell::from(clip(usage.workload.as_deref().unwrap_or(""), 10)),
            ])
            .style(style)
        })
        .collect();
    let widths = [
        Constraint::Min(12),
        Constraint::Min(12),
        Constraint::Length(8),
        Constraint::Length(11),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(10),
    ];
    let head = ["GPU", "holder", "pid", "memory", "busy", "held idle", "kind"];
    table(frame, area, state, &head, rows, &widths, "No GPU is held by any process.");
}

pub(super) fn runs(frame: &mut Frame<'_>, area: Rect, state: &mut State, palette: Palette) {
    let mut list: Vec<_> = state.runs.iter().collect();
    list.sort_by(|(a_id, a), (b_id, b)| b.second.cmp(&a.second).then(a_id.cmp(b_id)));
    let rows: Vec<Row<'_>> = list
        .into_iter()
        .map(|(id, run)| {
            let style = if run.sums.failed > 0 { palette.warn() } else { Style::new() };
            Row::new([
                Cell::from(clip(&run.workload, 40)),
                Cell::from(clip(id, 12)),
                right(run.turns.to_string()),
                right(count(run.tools)),
                right(short(run.sums.input)),
                right(short(run.sums.output)),
                right(if run.sums.priced > 0 {
                    format!("{:.4}", run.sums.usd())
                } else {
                    "?".to_owned()
                }),
                right(count(run.sums.failed)),
                Cell::from(clip(run.last_tool.as_deref().unwrap_or(""), 20)),
            ])
            .style(style)
        })
        .collect();
    let widths = [
        Constraint::Min(12),
        Constraint::Length(12),
        Constraint::Length(5),
        Constraint::Length(6),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(8),
        Constraint::Length(6),
        Constraint::Length(14),
    ];
    let head = ["run of", "id", "turns", "tools", "in", "out", "USD", "failed", "last tool"];
    table(frame, area, state, &head, rows, &widths, "No run of several turns yet.");
}

pub(super) fn in_flight(frame: &mut Frame<'_>, area: Rect, state: &mut State, _: Palette) {
    let mut list: Vec<_> = state.in_flight.values().collect();
    list.sort_by(|a, b| b.call.age_s.total_cmp(&a.call.age_s).then(a.call.id.cmp(&b.call.id)));
    let rows: Vec<Row<'_>> = list
        .into_iter()
        .map(|row| {
            let call = &row.call;
            let who = call.who.workload.as_deref().or(call.who.title.as_deref()).unwrap_or("?");
            let tokens = call.output_tokens.map_or_else(|| format!("~{}", call.chunks), count);
            Row::new([
                Cell::from(clip(who, 40)),
                Cell::from(clip(&call.provider, 16)),
                Cell::from(clip(call.model.as_deref().unwrap_or("?"), 30)),
                right(format!("{:.1}s", call.age_s)),
                right(tokens),
            ])
        })
        .collect();
    let widths = [
        Constraint::Min(12),
        Constraint::Length(16),
        Constraint::Min(12),
        Constraint::Length(8),
        Constraint::Length(9),
    ];
    let head = ["owner", "provider", "model", "for", "tokens"];
    table(frame, area, state, &head, rows, &widths, "No call is in flight.");
}

pub(super) fn calls(frame: &mut Frame<'_>, area: Rect, state: &mut State, palette: Palette) {
    let rows: Vec<Row<'_>> = state
        .recent
        .iter()
        .rev()
        .filter(|line| state.filter.matches(&line.dimensions))
        .map(|line| {
            let get = |by| line.dimensions.get(by).unwrap_or("?");
            let outcome = match (&line.error_type, line.status) {
                (Some(error), _) => {
                    let wait =
                        line.retry_after_s.map_or_else(String::new, |s| format!(" wait {s:.0}s"));
                    format!("{error}{wait}")
                }
                (None, Some(status)) => status.to_string(),
                (None, None) => String::new(),
            };
            let style = if line.sums.failed > 0 { palette.bad() } else { Style::new() };
            let time = format_rfc3339(line.second * 1_000_000_000);
            Row::new([
                Cell::from(time.get(11..19).unwrap_or_default().to_owned()),
                Cell::from(clip(get(By::Process), 30)),
                Cell::from(clip(get(By::Model), 24)),
                right(short(line.sums.input)),
                right(short(line.sums.output)),
                right(if line.sums.priced > 0 {
                    format!("{:.4}", line.sums.usd())
                } else {
                    "?".to_owned()
                }),
                right(format!("{:.2}s", line.sums.seconds)),
                Cell::from(clip(&outcome, 30)),
            ])
            .style(style)
        })
        .collect();
    let widths = [
        Constraint::Length(8),
        Constraint::Min(12),
        Constraint::Min(10),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Min(8),
    ];
    let head = ["ended", "process", "model", "in", "out", "USD", "took", "outcome"];
    table(frame, area, state, &head, rows, &widths, "No calls yet.");
}
