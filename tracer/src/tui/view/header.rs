//! Totals, and what was lost.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Sparkline;

use super::Surroundings;
use crate::terminal::{clip, short};
use crate::tui::state::State;

pub(super) const HEIGHT: u16 = 5;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, around: &Surroundings<'_>) {
    let [first, second, third, bars] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(2),
    ])
    .areas(area);
    let total = state.window.total(&state.filter);
    let seconds = state.window.length as f64;
    let hourly = 3600.0 / seconds;
    let bold = Style::new().add_modifier(Modifier::BOLD);

    let mut line = vec![
        Span::styled("aitrace", bold),
        Span::raw(format!("  {}  window {}", around.source, length(state.window.length))),
    ];
    if let Some(held) = around.paused {
        let text = format!("  PAUSED, {held} calls since");
        line.push(Span::styled(text, around.palette.warn()));
    }
    frame.render_widget(Line::from(line), first);

    let cost = if total.priced > 0 {
        format!("${:.2}/h", total.usd() * hourly)
    } else {
        "$?/h".to_owned()
    };
    let mut line = vec![
        Span::styled(format!("{:.1} calls/s", total.calls as f64 / seconds), bold),
        Span::raw(format!(
            "  {}/h  in {}/s  out {}/s  ",
            short((total.calls as f64 * hourly) as u64),
            short((total.input as f64 / seconds) as u64),
            short((total.output as f64 / seconds) as u64),
        )),
        Span::styled(cost, bold),
    ];
    let failed = format!(
        "  failed {:.1}% (capacity {})",
        total.failure_ratio() * 100.0,
        if total.failed == 0 {
            "-".into()
        } else {
            format!("{:.0}%", 100.0 * total.capacity as f64 / total.failed as f64)
        },
    );
    let style = if total.failed > 0 { around.palette.bad() } else { around.palette.good() };
    line.push(Span::styled(failed, style));
    frame.render_widget(Line::from(line), second);

    frame.render_widget(third_line(state, around, first.width), third);
    let rate = state.window.rate(&state.filter, usize::from(bars.width));
    frame.render_widget(Sparkline::default().data(rate), bars);
}

/// GPUs, calls in flight; then, in red, what was lost.
fn third_line<'a>(state: &State, around: &Surroundings<'_>, width: u16) -> Line<'a> {
    let mut line = Vec::new();
    let gpus: std::collections::HashSet<&str> = state.gpus.keys().map(|(gpu, _)| &**gpu).collect();
    if !gpus.is_empty() {
        let sum = |f: fn(&crate::reader::GpuUsageEvent) -> Option<f64>| {
            let known: Vec<f64> = state
                .gpus
                .values()
                .filter_map(|gpu| Some(f(&gpu.usage)? / gpu.usage.window_s.filter(|w| *w > 0.0)?))
                .collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / gpus.len() as f64)
        };
        let share =
            |value: Option<f64>| value.map_or("?".to_owned(), |v| format!("{:.0}%", v * 100.0));
        let (busy, idle) = (sum(|usage| usage.busy_s), sum(|usage| usage.held_idle_s));
        let text = format!("{} GPU busy {} held idle {}  ", gpus.len(), share(busy), share(idle));
        line.push(Span::raw(text));
    }
    line.push(Span::raw(format!(
        "{} in flight  {} runs  ",
        state.in_flight.len(),
        state.runs.len()
    )));
    if let Some(alert) = &state.alert {
        line.push(Span::styled(format!("{}  ", clip(alert, 60)), around.palette.bad()));
    }
    let loss = &state.loss;
    if loss.is_none() {
        line.push(Span::styled("nothing lost", around.palette.good()));
    } else {
        let mut text = String::from("LOST ");
        for (reason, count) in &loss.dropped {
            text.push_str(&format!("{reason} {} ", short(*count)));
        }
        if loss.missed > 0 {
            text.push_str(&format!("by this view {} ", short(loss.missed)));
        }
        if loss.unreadable > 0 {
            text.push_str(&format!("unreadable {} ", short(loss.unreadable)));
        }
        if loss.books_open {
            text.push_str("books open ");
        }
        line.push(Span::styled(
            clip(text.trim_end(), usize::from(width / 2)),
            around.palette.bad(),
        ));
    }
    Line::from(line)
}

fn length(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
}
