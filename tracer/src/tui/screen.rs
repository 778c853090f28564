//! What is on the screen: the live state, or the one that was frozen by a pause [pure].

use super::state::State;
use crate::reader::Event;

#[derive(Debug)]
pub(super) struct Screen {
    live: State,
    frozen: Option<State>,
    /// Calls that came since the pause.
    held: u64,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { live: State::new(), frozen: None, held: 0 }
    }

    pub(super) fn update(&mut self, event: Event) {
        self.held += u64::from(self.frozen.is_some() && matches!(event, Event::Call(_)));
        self.live.update(event);
    }

    pub(super) fn tick(&mut self, second: u64) {
        self.live.tick(second);
    }

    pub(super) fn live(&mut self) -> &mut State {
        &mut self.live
    }

    /// What is looked at and what keys act on.
    pub(super) fn shown(&mut self) -> &mut State {
        self.frozen.as_mut().unwrap_or(&mut self.live)
    }

    /// Calls that came since the pause; `None`: not paused.
    pub(super) fn paused(&self) -> Option<u64> {
        self.frozen.is_some().then_some(self.held)
    }

    pub(super) fn pause(&mut self) {
        self.held = 0;
        self.frozen = match self.frozen.take() {
            None => Some(self.live.clone()),
            Some(frozen) => {
                // Where the eye was stays.
                self.live.pane = frozen.pane;
                self.live.by = frozen.by;
                self.live.sort = frozen.sort;
                self.live.reversed = frozen.reversed;
                self.live.filter = frozen.filter;
                self.live.outer = frozen.outer;
                self.live.selected = frozen.selected;
                if self.live.window.length != frozen.window.length {
                    self.live.window.set_length(frozen.window.length);
                }
                None
            }
        };
    }
}
