//! What one place in a body means, and what has been learned of an answer so far.
//!
//! In: [`Fact`]s that a family's map finds in a body, document by document. Out: [`Learned`]. Limits:
//! [`MAX_LIST`] finish reasons and tool names; texts as the scanner cut them.

use std::ops::Range;

use super::call::Usage;
use super::json::{Key, Path, Value, Visitor};
use super::template::Hole;
use super::tokens::Tokens;
pub use super::tokens::{Count, Counting};

/// Most finish reasons, and most tool names, kept of one call.
pub const MAX_LIST: usize = 128;
/// Most text of an error's details.
const MAX_DETAILS: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorPart {
    Code,
    Kind,
    Message,
    Details,
    /// A wait, as a duration's text.
    RetryDelay,
    /// The status that the provider had itself from somebody.
    Status,
}

/// What the value at a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    Id,
    /// An id that counts if the document is of this kind.
    IdOf(&'static str),
    Model,
    /// A model that counts if the document is of this kind.
    ModelOf(&'static str),
    /// What the document is (`object`), besides its kind.
    Object,
    Count(Count),
    /// Used where no [`Fact::Count`] says so: some report twice, once without all parts.
    Fallback(Count),
    /// Counts of several results, added up.
    Added(Count),
    /// A choice's reason to end; its [`Fact::Choice`] stands beside it, or its place in the array counts.
    Finish,
    Choice,
    /// A reason to end that gives way to any [`Fact::Finish`].
    WeakFinish,
    /// A called tool.
    Tool,
    /// A called tool in a stream, told once or with every piece; its index and id stand beside it.
    ToolPiece,
    ToolIndex,
    ToolId,
    /// A called tool if the [`Fact::ItemKind`] beside it says that the item is one.
    ItemName,
    ItemKind,
    /// Generated content, whatever kind: the first one ends the wait.
    Content,
    /// What the document is (`type`).
    Kind,
    /// The answer is whole when this is there (and true).
    Terminal,
    /// The prompt was refused, and there is no other answer.
    Blocked,
    Error(ErrorPart),
    /// Means something only in an answer that failed by its status or by another place.
    WeakError(ErrorPart),
}

impl Fact {
    /// To learn it again from the same bytes changes nothing.
    const fn repeats(self) -> bool {
        matches!(
            self,
            Self::Id
                | Self::IdOf(_)
                | Self::Model
                | Self::ModelOf(_)
                | Self::Object
                | Self::Count(_)
                | Self::Fallback(_)
                | Self::Choice
                | Self::WeakFinish
                | Self::ToolIndex
                | Self::Kind
        )
    }
}

/// An error as it stood in a body.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ErrorText {
    pub code: Option<String>,
    pub kind: Option<String>,
    pub message: Option<String>,
    pub details: String,
    pub retry_delay: Option<String>,
    pub status: Option<u16>,
}

impl ErrorText {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn fill_from(&mut self, other: Self) {
        self.code = self.code.take().or(other.code);
        self.kind = self.kind.take().or(other.kind);
        self.message = self.message.take().or(other.message);
        self.status = self.status.or(other.status);
    }

    fn take(&mut self, part: ErrorPart, value: Value<'_>) {
        let text = match value {
            Value::Text { text, .. } if !text.is_empty() => text.to_owned(),
            // Some answer well with code 0.
            Value::Number(n) if n != 0.0 => n.to_string(),
            _ => return,
        };
        match part {
            ErrorPart::Code => self.code = Some(text),
            ErrorPart::Kind if text != "error" => self.kind = Some(text),
            ErrorPart::Kind => {}
            ErrorPart::Message => self.message = Some(text),
            ErrorPart::RetryDelay => self.retry_delay = Some(text),
            ErrorPart::Status => self.status = text.parse().ok(),
            ErrorPart::Details => {
                if self.details.len() + text.len() < MAX_DETAILS {
                    self.details.push_str(&text);
                    self.details.push(' ');
                }
            }
        }
    }
}

/// Says nothing of the texts: providers echo keys and prompts in messages.
impl std::fmt::Debug for ErrorText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ErrorText").field("status", &self.status).finish_non_exhaustive()
    }
}

/// A body's map: what stands at a path.
pub type Map = fn(&[Key]) -> Option<Fact>;

/// What makes a family's answers readable.
#[derive(Clone, Copy, Debug)]
pub struct Answers {
    pub map: Map,
    pub counting: Counting,
    /// Kinds of items that are called tools.
    pub tool_kinds: &'static [&'static str],
    /// Kinds of documents whose items count; empty: all. Streams tell of one item several times.
    pub item_documents: &'static [&'static str],
    /// Kinds of documents after which nothing comes.
    pub last_documents: &'static [&'static str],
    /// A streamed answer has an end of its own ([`Fact::Terminal`], a last document, a finish
    /// reason): without it, it was cut.
    pub ends_itself: bool,
}

/// Scratch of one document: what has a meaning only with its neighbours.
#[derive(Clone, Debug, Default)]
struct Document {
    kind: Option<String>,
    item: Item,
    names: Vec<String>,
    object: Option<String>,
    ids: Option<(&'static str, String)>,
    models: Option<(&'static str, String)>,
    tool: ToolDelta,
    choice: Option<u32>,
    finish: Option<(usize, u32, String)>,
    error: ErrorText,
    weak_error: ErrorText,
    error_event: bool,
}

/// A tool's call as one event of a stream tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ToolDelta {
    index: Option<u64>,
    id: Option<String>,
    name: Option<String>,
}

#[derive(Clone, Debug, Default)]
struct Item {
    level: usize,
    kind: Option<String>,
    name: Option<String>,
}

/// Everything learned of an answer.
#[derive(Clone, Debug)]
pub struct Learned {
    answers: &'static Answers,
    pub id: Option<String>,
    pub model: Option<String>,
    tokens: Tokens,
    fallback: Tokens,
    finish: Vec<(u32, String)>,
    weak_finish: Option<String>,
    pub tools: Vec<String>,
    pieces: Vec<ToolDelta>,
    pub error: ErrorText,
    /// Told besides an answer; means nothing unless that failed.
    pub weak_error: ErrorText,
    /// Why the prompt was refused.
    pub blocked: Option<String>,
    pub terminal: bool,
    /// Content has come.
    pub content: bool,
    pub documents: u64,
    /// Something was left out because a list was full.
    pub overflowed: bool,
    document: Document,
    /// Values of the document under way that mean nothing.
    holes: Vec<Hole>,
    /// The document under way teaches nothing if it comes again.
    repeatable: bool,
}

impl Learned {
    pub fn new(answers: &'static Answers) -> Self {
        Self {
            answers,
            id: None,
            model: None,
            tokens: Tokens::default(),
            fallback: Tokens::default(),
            finish: Vec::new(),
            weak_finish: None,
            tools: Vec::new(),
            pieces: Vec::new(),
            error: ErrorText::default(),
            weak_error: ErrorText::default(),
            blocked: None,
            terminal: false,
            content: false,
            documents: 0,
            overflowed: false,
            document: Document::default(),
            holes: Vec::new(),
            repeatable: true,
        }
    }

    pub const fn answers(&self) -> &'static Answers {
        self.answers
    }

    /// A document begins; its kind when the framing knows it (an SSE event's name).
    pub fn begin(&mut self, kind: Option<&str>) {
        self.holes.clear();
        self.repeatable = true;
        self.document = Document {
            kind: kind.map(str::to_owned),
            error_event: kind == Some("error"),
            ..Document::default()
        };
    }

    /// What may differ in documents that teach no more than the last one did.
    pub fn holes(&mut self) -> Option<Vec<Hole>> {
        (self.repeatable && self.content).then(|| std::mem::take(&mut self.holes))
    }

    /// An exception's name, and its message where the frame has it.
    pub fn exception(&mut self, name: &str, message: Option<&str>) {
        if self.error.kind.is_none() && !name.is_empty() {
            self.error.kind = Some(name.to_owned());
        }
        if let Some(message) = message {
            self.error.message.get_or_insert_with(|| message.to_owned());
        }
    }

    /// An answer is whole: what was learned of it, making place for the next one of the session.
    pub fn take_answer(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.answers))
    }

    /// The document under way is lost.
    pub fn forget_document(&mut self) {
        self.document = Document::default();
    }

    /// A count from outside the body; the body's own wins.
    pub fn fallback(&mut self, count: Count, value: u64) {
        *self.fallback.place(count) = Some(value);
    }

    /// Normalised token counts.
    pub fn usage(&self) -> Usage {
        let mut tokens = self.tokens;
        for count in [Count::Input, Count::Output, Count::CacheRead, Count::CacheWrite] {
            let spare = *self.fallback.clone().place(count);
            let place = tokens.place(count);
            *place = place.or(spare);
        }
        tokens.normalised(self.answers.counting)
    }

    /// Per choice, in order of the choices.
    pub fn finish_reasons(&self) -> Vec<String> {
        if self.finish.is_empty() {
            return self.weak_finish.iter().cloned().collect();
        }
        self.finish.iter().map(|(_, reason)| reason.clone()).collect()
    }

    pub fn has_finish(&self) -> bool {
        !self.finish.is_empty()
    }

    /// Bytes of text held.
    pub fn memory(&self) -> usize {
        self.tools.iter().map(String::len).sum::<usize>()
            + self.finish.iter().map(|(_, reason)| reason.len()).sum::<usize>()
            + self.error.details.len()
            + self.error.message.as_ref().map_or(0, String::len)
    }

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
            Fact::ToolIndex => self.document.tool.index = value.count(),
            Fact::ToolId => self.document.tool.id = text.map(str::to_owned),
            Fact::ItemName => self.item(level).name = text.map(str::to_owned),
            Fact::ItemKind => self.item(level).kind = text.map(str::to_owned),
            Fact::Content => self.content |= text.is_some(),
            Fact::Kind => {
                if let (Some(text), None) = (text, &self.document.kind) {
                    self.document.kind = Some(text.to_owned());
                    self.document.error_event = text == "error";
                }
            }
            Fact::Terminal => {
                self.terminal |= value != Value::Bool(false) && value != Value::Null;
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
            self.end_document();
        }
    }

    fn document(&mut self) {
        self.end_document();
    }
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
        if let Some((_, id)) = document.ids.filter(|(what, _)| is(what)) {
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
