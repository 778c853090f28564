//! The keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};

use crate::tui::keys::HELP;

pub(super) fn draw(frame: &mut Frame<'_>) {
    let area = frame.area();
    let width = area.width.min(78);
    let height = area.height.min(HELP.len() as u16 + 2);
    let place = Rect::new((area.width - width) / 2, (area.height - height) / 2, width, height);
    let lines: Vec<Line<'_>> =
        HELP.iter().map(|(keys, what)| Line::from(format!(" {keys:<30}  {what}"))).collect();
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys ")), place);
}
