//! What has been learned of an answer so far.

use super::document::{Document, ToolDelta};
use super::error::ErrorText;
use super::{Answers, Count};
use crate::ai::call::{RateLimits, Usage};
use crate::ai::template::Hole;
use crate::ai::tokens::Tokens;

/// Everything learned of an answer.
#[derive(Clone, Debug)]
pub struct Learned {
    pub(super) answers: &'static Answers,
    pub id: Option<String>,
    pub model: Option<String>,
    pub tier: Option<String>,
    pub reported_cost: Option<f64>,
    pub(super) tokens: Tokens,
    pub(super) fallback: Tokens,
    pub(super) finish: Vec<(u32, String)>,
    pub(super) weak_finish: Option<String>,
    pub tools: Vec<String>,
    pub(super) pieces: Vec<ToolDelta>,
    pub error: ErrorText,
    /// Told besides an answer; means nothing unless that failed.
    pub weak_error: ErrorText,
    /// The server that the body betrays, by its id.
    pub server: Option<&'static str>,
    /// Told in a session, where headers cannot.
    pub limits: RateLimits,
    /// Why the prompt was refused.
    pub blocked: Option<String>,
    pub terminal: bool,
    /// Content has come.
    pub content: bool,
    pub documents: u64,
    /// The body is an array whose elements were the documents.
    pub(super) elements: bool,
    /// Something was left out because a list was full.
    pub overflowed: bool,
    pub(super) document: Document,
    /// Values of the document under way that mean nothing.
    pub(super) holes: Vec<Hole>,
    /// The document under way teaches nothing if it comes again.
    pub(super) repeatable: bool,
}

/// Kinds of events that are errors: `error`, `conversation.response.error`.
pub(super) fn is_error(kind: &str) -> bool {
    kind == "error" || kind.ends_with(".error")
}

impl Learned {
    pub fn new(answers: &'static Answers) -> Self {
        Self {
            answers,
            id: None,
            model: None,
            tier: None,
            reported_cost: None,
            tokens: Tokens::default(),
            fallback: Tokens::default(),
            finish: Vec::new(),
            weak_finish: None,
            tools: Vec::new(),
            pieces: Vec::new(),
            error: ErrorText::default(),
            weak_error: ErrorText::default(),
            server: None,
            limits: RateLimits::default(),
            blocked: None,
            terminal: false,
            content: false,
            documents: 0,
            elements: false,
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
            error_event: kind.is_some_and(is_error),
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
}
