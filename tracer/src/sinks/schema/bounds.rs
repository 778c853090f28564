//! How long strings and lists of an event may be.

/// Longest string of an event; longer ones are cut and the event is marked.
const MAX_STRING: usize = 1024;
/// Most entries of a list in an event.
const MAX_LIST: usize = 64;

/// Bounds strings and lists, and remembers that it had to.
#[derive(Debug, Default)]
pub struct Cutter {
    pub cut: bool,
}

impl Cutter {
    pub(super) fn text(&mut self, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        if text.len() <= MAX_STRING {
            return Some(text.to_owned());
        }
        self.cut = true;
        Some(text[..text.floor_char_boundary(MAX_STRING)].to_owned())
    }

    pub(super) fn some(&mut self, text: Option<&str>) -> Option<String> {
        text.and_then(|t| self.text(t))
    }

    pub(super) fn list(&mut self, list: &[String]) -> Vec<String> {
        self.cut |= list.len() > MAX_LIST;
        list.iter()
            .take(MAX_LIST)
            .filter_map(|t| self.text(&t[..t.floor_char_boundary(128)]))
            .collect()
    }
}
