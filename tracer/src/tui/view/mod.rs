//! Draws [pure]: a state onto a frame, from 80x24 to 300 columns. Decides nothing.

mod groups;
mod header;
mod help;
mod lists;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState};

use super::state::{Pane, State};

/// From this width on, failures stand beside the pane.
const WIDE: u16 = 160;
const SIDE: u16 = 60;

/// Colours, or none where NO_COLOR says so: then weight and reversal tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    pub colour: bool,
}

impl Palette {
    fn style(self, colour: Color) -> Style {
        if self.colour {
            Style::new().fg(colour)
        } else {
            Style::new().add_modifier(Modifier::BOLD)
        }
    }
    pub(super) fn bad(self) -> Style {
        self.style(Color::Red)
    }
    fn warn(self) -> Style {
        self.style(Color::Yellow)
    }
    fn good(self) -> Style {
        if self.colour { Style::new().fg(Color::Green) } else { Style::new() }
    }
    fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }
}

/// Beside the state: what the surroundings tell.
#[derive(Clone, Debug)]
pub(super) struct Surroundings<'a> {
    pub source: &'a str,
    pub paused: Option<u64>,
    pub palette: Palette,
}

pub(super) fn draw(frame: &mut Frame<'_>, state: &mut State, around: &Surroundings<'_>) {
    let [head, tabs, body, foot] = Layout::vertical([
        Constraint::Length(header::HEIGHT),
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    header::draw(frame, head, state, around);
    draw_tabs(frame, tabs, state, around.palette);
    if body.width >= WIDE && state.pane != Pane::Failures {
        let [main, side] =
            Layout::horizontal([Constraint::Min(WIDE - SIDE), Constraint::Length(SIDE)])
                .spacing(2)
                .areas(body);
        pane(frame, main, state, around.palette);
        groups::failures_beside(frame, side, state, around.palette);
    } else {
        pane(frame, body, state, around.palette);
    }
    draw_foot(frame, foot, state, around);
    if state.help {
        help::draw(frame);
    }
}

fn pane(frame: &mut Frame<'_>, area: Rect, state: &mut State, palette: Palette) {
    match state.pane {
        Pane::Owners | Pane::Models | Pane::Providers | Pane::Failures => {
            groups::draw(frame, area, state, palette);
        }
        Pane::Headroom => lists::headroom(frame, area, state, palette),
        Pane::Gpus => lists::gpus(frame, area, state, palette),
        Pane::Runs => lists::runs(frame, area, state, palette),
        Pane::InFlight => lists::in_flight(frame, area, state, palette),
        Pane::Calls => lists::calls(frame, area, state, palette),
    }
}

const fn title(pane: Pane, wide: bool) -> &'static str {
    match (pane, wide) {
        (Pane::Owners, true) => "1 owners",
        (Pane::Models, true) => "2 models",
        (Pane::Providers, true) => "3 providers",
        (Pane::Failures, true) => "4 failures",
        (Pane::Headroom, true) => "5 headroom",
        (Pane::Gpus, true) => "6 GPUs",
        (Pane::Runs, true) => "7 runs",
        (Pane::InFlight, true) => "8 in flight",
        (Pane::Calls, true) => "9 calls",
        (Pane::Owners, false) => "1 own",
        (Pane::Models, false) => "2 model",
        (Pane::Providers, false) => "3 prov",
        (Pane::Failures, false) => "4 fail",
        (Pane::Headroom, false) => "5 room",
        (Pane::Gpus, false) => "6 GPU",
        (Pane::Runs, false) => "7 run",
        (Pane::InFlight, false) => "8 open",
        (Pane::Calls, false) => "9 call",
    }
}

fn draw_tabs(frame: &mut Frame<'_>, area: Rect, state: &State, palette: Palette) {
    let wide = area.width >= 110;
    let mut spans = Vec::new();
    for pane in Pane::ALL {
        let style = if pane == state.pane {
            Style::new().add_modifier(Modifier::REVERSED)
        } else {
            palette.dim()
        };
        spans.push(Span::styled(format!(" {} ", title(pane, wide)), style));
    }
    frame.render_widget(Line::from(spans), area);
}

fn draw_foot(frame: &mut Frame<'_>, area: Rect, state: &State, around: &Surroundings<'_>) {
    let text = if let Some(typed) = &state.typing {
        format!("filter: {typed}_")
    } else {
        let order = if state.reversed { "↑" } else { "↓" };
        let filter = if state.filter.typed.is_empty() {
            String::new()
        } else {
            format!("  filter: {}", crate::terminal::safe(&state.filter.typed))
        };
        format!(
            "by {}  sort {}{order}{filter}  ? help  q leave",
            state.by.as_str(),
            state.sort.as_str()
        )
    };
    let style = if state.typing.is_some() { Style::new() } else { around.palette.dim() };
    frame.render_widget(Paragraph::new(text).style(style), area);
}

/// A table with the selected row marked; the selection is held to the rows there are.
fn table(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &mut State,
    head: &[&str],
    rows: Vec<Row<'_>>,
    widths: &[Constraint],
    empty: &str,
) {
    if rows.is_empty() {
        state.selected = 0;
        frame.render_widget(Paragraph::new(empty.to_owned()), area);
        return;
    }
    state.selected = state.selected.min(rows.len() - 1);
    let mut selection = TableState::new().with_selected(Some(state.selected));
    let head = Row::new(head.iter().enumerate().map(|(index, title)| {
        let line = if index == 0 { Line::from(*title) } else { Line::from(*title).right_aligned() };
        Cell::from(line)
    }));
    let table = Table::new(rows, widths.to_vec())
        .header(head.style(Style::new().add_modifier(Modifier::BOLD)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_stateful_widget(table, area, &mut selection);
}

fn right(text: String) -> Cell<'static> {
    Cell::from(Line::from(text).right_aligned())
}
