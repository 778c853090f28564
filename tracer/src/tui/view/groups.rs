//! Tables of sums: owners, models, providers, failures.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Cell, Row};

use super::{Palette, table};
use crate::terminal::{clip, count, short};
use crate::tui::dimension::By;
use crate::tui::state::{Pane, State};
use crate::tui::sums::Sums;

const FIGURES: [&str; 8] =
    ["calls/s", "failed", "in/s", "out/s", "$/h", "mean", "1st chunk", "retries"];
const WIDTHS: [u16; 8] = [8, 7, 7, 7, 9, 7, 9, 7];
/// Columns that a narrow terminal has room for.
const NARROW: usize = 6;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &mut State, palette: Palette) {
    let by = state.pane_by().unwrap_or(By::Workload);
    let groups: Vec<_> = if state.pane == Pane::Failures {
        state.groups(by).into_iter().filter(|(_, sums)| sums.failed > 0).collect()
    } else {
        state.groups(by)
    };
    let seconds = state.window.length as f64;
    let columns = if area.width < 100 { NARROW } else { FIGURES.len() };
    let taken: u16 = WIDTHS[..columns].iter().map(|width| width + 1).sum();
    let name_width = usize::from(area.width.saturating_sub(taken));
    let rows = groups.iter().map(|(name, sums)| {
        let name = Cell::from(clip(name, name_width));
        let figures = figures(sums, seconds).into_iter().take(columns).enumerate();
        Row::new(std::iter::once(name).chain(figures.map(|(index, text)| {
            let style = if index == 1 && sums.failed > 0 { palette.bad() } else { Style::new() };
            Cell::from(Line::from(text).right_aligned().style(style))
        })))
    });
    let rows: Vec<Row<'_>> = rows.collect();
    let mut widths = vec![Constraint::Min(10)];
    widths.extend(WIDTHS[..columns].iter().map(|width| Constraint::Length(*width)));
    let mut head = vec![by.as_str()];
    head.extend(&FIGURES[..columns]);
    let empty = match state.pane {
        Pane::Failures => "No call failed in this window.",
        _ => "No AI calls in this window yet.",
    };
    table(frame, area, state, &head, rows, &widths, empty);
}

fn figures(sums: &Sums, seconds: f64) -> [String; 8] {
    let time = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.2}s"));
    [
        format!("{:.2}", sums.calls as f64 / seconds),
        format!("{:.1}%", sums.failure_ratio() * 100.0),
        short((sums.input as f64 / seconds) as u64),
        short((sums.output as f64 / seconds) as u64),
        if sums.priced > 0 {
            format!("{:.2}", sums.usd() * 3600.0 / seconds)
        } else {
            "?".to_owned()
        },
        time(sums.mean_s()),
        time(sums.mean_ttfc_s()),
        count(sums.retries),
    ]
}

/// On a wide terminal: what fails, always in sight.
pub(super) fn failures_beside(frame: &mut Frame<'_>, area: Rect, state: &State, palette: Palette) {
    let mut groups = state.window.groups(By::Failure, &state.filter);
    groups.retain(|(_, sums)| sums.failed > 0);
    groups.sort_by(|(a_name, a), (b_name, b)| b.failed.cmp(&a.failed).then(a_name.cmp(b_name)));
    let mut lines = vec![Line::from("failures in this window")];
    for (class, sums) in groups.iter().take(usize::from(area.height.saturating_sub(1))) {
        let kind = if sums.capacity > 0 { "capacity" } else { "" };
        let text = format!("{:<28} {:>10}  {kind}", clip(class, 28), count(sums.failed));
        lines.push(Line::from(text).style(palette.bad()));
    }
    if groups.is_empty() {
        lines.push(Line::from("none").style(palette.good()));
    }
    frame.render_widget(ratatui::widgets::Paragraph::new(lines), area);
}
