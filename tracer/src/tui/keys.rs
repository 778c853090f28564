//! Keys to actions [pure].

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::dimension::Filter;
use super::screen::Screen;
use super::state::Pane;

/// Shown by `?`, and a test presses each of them.
pub(super) const HELP: &[(&str, &str)] = &[
    ("q, Ctrl-C", "leave"),
    ("1-9, Tab, Shift-Tab", "pane"),
    ("↑ ↓ j k PgUp PgDn Home End", "move"),
    ("Enter", "into the row: its processes, its calls"),
    ("Esc", "back out; clear the filter"),
    ("/", "filter: words, or team=search"),
    ("g", "group owners by team, service, pod ..."),
    ("s, r", "sort by the next column; turn around"),
    ("w", "window: 10 s, 1, 5, 15, 60 min"),
    ("p, Space", "pause"),
    ("?", "this help"),
];

const PAGE: usize = 10;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Stay,
    Leave,
}

pub(super) fn press(screen: &mut Screen, key: KeyEvent) -> Next {
    if key.kind == KeyEventKind::Release {
        return Next::Stay;
    }
    if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
        return Next::Leave;
    }
    let state = screen.shown();
    if let Some(typed) = &mut state.typing {
        match key.code {
            KeyCode::Enter => state.typing = None,
            KeyCode::Esc => {
                state.typing = None;
                state.filter = Filter::default();
            }
            KeyCode::Backspace => {
                typed.pop();
                state.filter = Filter::parse(typed);
            }
            KeyCode::Char(c) if typed.len() < 200 => {
                typed.push(c);
                state.filter = Filter::parse(typed);
            }
            _ => {}
        }
        state.selected = 0;
        return Next::Stay;
    }
    let pane = |state: &mut super::state::State, pane| {
        state.pane = pane;
        state.selected = 0;
    };
    match key.code {
        KeyCode::Char('q') => return Next::Leave,
        KeyCode::Char('?') => state.help = !state.help,
        KeyCode::Esc if state.help => state.help = false,
        KeyCode::Esc => state.back(),
        KeyCode::Char(c @ '1'..='9') => {
            pane(state, Pane::ALL[(c as usize - '1' as usize).min(Pane::ALL.len() - 1)]);
        }
        KeyCode::Tab | KeyCode::Right => pane(state, state.pane.step(1)),
        KeyCode::BackTab | KeyCode::Left => pane(state, state.pane.step(-1)),
        KeyCode::Down | KeyCode::Char('j') => state.selected = state.selected.saturating_add(1),
        KeyCode::Up | KeyCode::Char('k') => state.selected = state.selected.saturating_sub(1),
        KeyCode::PageDown => state.selected = state.selected.saturating_add(PAGE),
        KeyCode::PageUp => state.selected = state.selected.saturating_sub(PAGE),
        KeyCode::Home => state.selected = 0,
        // The view holds it to the last row.
        KeyCode::End => state.selected = usize::MAX,
        KeyCode::Enter => state.drill(),
        KeyCode::Char('/') => state.typing = Some(state.filter.typed.clone()),
        KeyCode::Char('g') => state.by = state.by.next(),
        KeyCode::Char('s') => state.next_sort(),
        KeyCode::Char('r') => state.reversed = !state.reversed,
        KeyCode::Char('w') => state.next_window(),
        KeyCode::Char('p' | ' ') => screen.pause(),
        _ => {}
    }
    Next::Stay
}
