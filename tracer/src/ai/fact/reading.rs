//! From the values of a body to what they teach: each fact in its place, each document at its end.

use std::ops::Range;

use super::document::{Item, ToolDelta};
use super::learned::is_error;
use super::{Fact, Learned, MAX_LIST};
use crate::ai::json::{Key, Path, Value, Visitor};
use crate::ai::template::Hole;

impl Learned {
    fn put_finish(&mut self, choice: u32, reason: String) {
        match self.finish.binary_search_by_key(&choice, |(at, _)| *at) {
            Ok(at) => self.finish[at].1 = reason,
            Err(_) if self.finish.len() == MAX_LIST => self.overflowed = true,
            Err(at) => self.finish.insert(at, (choice, reason)),
        }
    }

    fn put_tool(&mut self, name: String) {
        if self.tools.len() < MAX_LIST {
            self.tools.push(name);
        } else {
            self.overflowed = true;
        }
    }

    /// Some servers repeat the name with every piece of the arguments.
    fn tool_piece(&mut self, piece: ToolDelta) {
        let Some(name) = piece.name.clone() else { return };
        if piece.index.is_some() && self.pieces.contains(&piece) {
            return;
        }
        if self.pieces.len() < MAX_LIST {
            self.pieces.push(piece);
        }
        self.put_tool(name);
    }

    fn item(&mut self, level: usize) -> &mut Item {
        let item = &mut self.document.item;
        if item.level != level {
            *item = Item { level, ..Item::default() };
        }
        item
    }

    fn fact(&mut self, fact: Fact, path: &Path, keys: &[Key], value: Value<'_>) {
        let text = value.text().filter(|text| !text.is_empty());
        // Levels of the whole path; `keys` may have lost an outer array.
        let level = path.keys().len().saturating_sub(1);
        match fact {
            Fact::Id => {
                if self.id.is_none() {
                    self.id = text.map(str::to_owned);
                }
            }
            Fact::IdOf(object) => {
                let id = text.map(str::to_owned);
                self.document.ids = id.map(|id| (object, id));
            }
            Fact::ModelOf(object) => {
                let model = text.map(str::to_owned);
                self.document.models = model.map(|model| (object, model));
            }
            Fact::Object => self.document.object = text.map(str::to_owned),
            Fact::Model => {
                if let Some(text) = text {
                    self.model = Some(text.to_owned());
                }
            }
            Fact::Count(count) => {
                if let Some(n) = value.count() {
                    *self.tokens.place(count) = Some(n);
                }
            }
            Fact::Fallback(count) => {
                if let Some(n) = value.count() {
                    *self.fallback.place(count) = Some(n);
                }
            }
            Fact::Added(count) => {
                if let Some(n) = value.count() {
                    let place = self.tokens.place(count);
                    *place = Some(place.unwrap_or(0).saturating_add(n));
                }
            }
            Fact::Finish => {
                // Early Vertex wrote the enumeration's number.
                let number = value.count().map(|n| n.to_string());
                if let Some(text) = text.or(number.as_deref()) {
                    let element = keys.iter().rposition(|key| *key == Key::Item);
                    let shift = path.keys().len() - keys.len();
                    let place = element.map_or(0, |at| path.index(at + shift));
                    self.document.finish = Some((level, place, text.to_owned()));
                }
            }
            Fact::Choice => self.document.choice = value.count().map(|n| n as u32),
            Fact::WeakFinish => self.weak_finish = text.map(str::to_owned),
            Fact::Tool => {
                if let Some(text) = text {
                    self.content = true;
                    self.put_tool(text.to_owned());
                }
            }
            Fact::ToolPiece => {
                self.content |= text.is_some();
                self.document.tool.name = text.map(str::to_owned);
            }
            Fact::Tier => self.tier = text.map(str::to_owned).or(self.tier.take()),
            Fact::Cost | Fact::CostTicks => {
                let unit = if fact == Fact::Cost { 1.0 } else { 1e-10 };
                if let Value::Number(n) = value {
                    self.reported_cost = Some(n * unit);
                }
            }
            Fact::ToolIndex => self.document.tool.index = value.count(),
            Fact::ToolId => self.document.tool.id = text.map(str::to_owned),
            Fact::ItemName => self.item(level).name = text.map(str::to_owned),
            Fact::ItemKind => self.item(level).kind = text.map(str::to_owned),
            Fact::Content => self.content |= text.is_some(),
            Fact::Kind => {
                if let (Some(text), None) = (text, &self.document.kind) {
                    self.document.kind = Some(text.to_owned());
                    self.document.error_event = is_error(text);
                }
            }
            Fact::Terminal => {
                self.terminal |= value != Value::Bool(false) && value != Value::Null;
            }
            Fact::Server(id) => self.server = Some(id),
            Fact::Fingerprint => self.server = text.and_then(betrayed).or(self.server),
            Fact::LimitName => self.document.limit.0 = text.map(str::to_owned),
            Fact::LimitMost => self.document.limit.1.limit = value.count(),
            Fact::LimitRemaining => self.document.limit.1.remaining = value.count(),
            Fact::LimitReset => {
                if let Value::Number(seconds) = value {
                    self.document.limit.1.reset_s = Some(seconds).filter(|s| *s >= 0.0);
                }
            }
            Fact::Blocked => self.blocked = text.map(str::to_owned).or(self.blocked.take()),
            Fact::Error(part) => self.document.error.take(part, value),
            Fact::WeakError(part) => self.document.weak_error.take(part, value),
        }
    }
}

impl Visitor for Learned {
    fn value(&mut self, path: &Path, value: Value<'_>) {
        self.value_at(path, value, 0..0);
    }

    fn value_at(&mut self, path: &Path, value: Value<'_>, span: Range<usize>) {
        // Some streams are one array of documents, and some errors are wrapped in one.
        let keys = path.keys().strip_prefix(&[Key::Item]).unwrap_or(path.keys());
        let fact = (self.answers.map)(keys);
        if matches!(fact, None | Some(Fact::Content)) {
            if let Value::Text { .. } | Value::Number(_) = value {
                let is_text = matches!(value, Value::Text { .. });
                self.holes.push(Hole { span, is_text });
            }
        } else if !fact.is_some_and(Fact::repeats) && value != Value::Null {
            self.repeatable = false;
        }
        if let Some(fact) = fact {
            self.fact(fact, path, keys, value);
        }
    }

    fn close(&mut self, path: &Path, _items: u32) {
        let level = path.keys().len();
        if let Some((at, place, reason)) = self.document.finish.take_if(|(at, ..)| *at == level) {
            debug_assert_eq!(at, level);
            let choice = self.document.choice.unwrap_or(place);
            self.put_finish(choice, reason);
        }
        if matches!(path.keys(), [.., Key::Choices | Key::Candidates, Key::Item]) {
            self.document.choice = None;
        }
        if matches!(path.keys(), [.., Key::ToolCalls, Key::Item]) {
            let piece = std::mem::take(&mut self.document.tool);
            self.tool_piece(piece);
        }
        if matches!(path.keys(), [Key::RateLimits, Key::Item]) {
            let (name, limit) = std::mem::take(&mut self.document.limit);
            match name.as_deref() {
                Some("requests") => self.limits.requests = limit,
                Some("tokens") => self.limits.tokens = limit,
                Some("input_tokens") => self.limits.input_tokens = limit,
                Some("output_tokens") => self.limits.output_tokens = limit,
                _ => {}
            }
        }
        let item = &mut self.document.item;
        if item.level == level && (item.name.is_some() || item.kind.is_some()) {
            let Item { kind, name, .. } = std::mem::take(item);
            let is_tool = kind.is_some_and(|kind| self.answers.tool_kinds.contains(&&*kind));
            if let (true, Some(name)) = (is_tool, name)
                && self.document.names.len() < MAX_LIST
            {
                self.document.names.push(name);
            }
        }
        if path.keys() == [Key::Item] {
            // An element of a streamed array is a document.
            self.elements = true;
            self.end_document();
        }
    }

    fn document(&mut self) {
        if !std::mem::take(&mut self.elements) {
            self.end_document();
        }
    }
}

/// The server that names itself in a fingerprint: Ollama, or llama.cpp's build (`b6710-1d49ca37`).
fn betrayed(fingerprint: &str) -> Option<&'static str> {
    if fingerprint == "fp_ollama" {
        return Some("ollama");
    }
    let (build, commit) = fingerprint.strip_prefix('b')?.split_once('-')?;
    let is_build = !build.is_empty() && build.bytes().all(|b| b.is_ascii_digit());
    let is_commit = commit.len() >= 7 && commit.bytes().all(|b| b.is_ascii_hexdigit());
    (is_build && is_commit).then_some("llamacpp")
}

impl Learned {
    fn end_document(&mut self) {
        let document = std::mem::take(&mut self.document);
        self.documents += 1;
        let kind = document.kind.as_deref();
        let counts = self.answers.item_documents;
        if counts.is_empty()
            || kind.is_none_or(|kind| counts.contains(&kind) || !kind.contains('.'))
        {
            for name in document.names {
                self.put_tool(name);
            }
        }
        let is = |what: &str| kind == Some(what) || document.object.as_deref() == Some(what);
        if let Some((_, id)) = document.ids.filter(|(what, _)| what.iter().any(|what| is(what))) {
            self.id.get_or_insert(id);
        }
        if let Some((_, model)) = document.models.filter(|(what, _)| is(what)) {
            self.model = Some(model);
        }
        self.terminal |= kind.is_some_and(|kind| self.answers.last_documents.contains(&kind));
        let (mut error, weak_error, error_event) =
            (document.error, document.weak_error, document.error_event);
        if error.is_empty() && error_event {
            error = weak_error;
        } else if error.is_empty() {
            if !weak_error.is_empty() {
                self.weak_error = weak_error;
            }
            return;
        } else {
            error.fill_from(weak_error);
        }
        self.error = error;
    }
}
