//! How an answer's body is read, by its packing: documents go to what is being learned.

use base64::Engine as _;
use bytes::Bytes;

use super::fact::Learned;
use super::framing::{Framing, eventstream};
use super::json::Scanner;
use super::template::Template;
use crate::http::sse;

/// How the answer's body is read.
#[derive(Debug)]
pub(super) enum AnswerBody {
    /// The first bytes must tell.
    Sniff(Vec<u8>),
    Json(Box<Scanner>),
    Sse(Box<Stream>),
    EventStream(Box<eventstream::Parser>, Box<Scanner>),
    Opaque,
}

/// A stream of events.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) parser: sse::Parser,
    scanner: Scanner,
    /// The last event, if more of its kind need not be parsed.
    template: Option<Template>,
}

impl AnswerBody {
    pub(super) fn of(framing: Framing) -> Self {
        let scanner = Box::new(Scanner::sequence());
        match framing {
            Framing::Json => Self::Json(scanner),
            Framing::Sse => Self::Sse(Box::new(Stream {
                parser: sse::Parser::default(),
                scanner: *scanner,
                template: None,
            })),
            Framing::EventStream => Self::EventStream(Box::default(), scanner),
            Framing::Opaque => Self::Opaque,
        }
    }
}

impl Stream {
    pub(super) fn push(&mut self, data: Bytes, learned: &mut Learned) {
        self.parser.push(data);
        while let Some(event) = self.parser.poll() {
            self.event(learned, event);
        }
    }

    pub(super) fn event(&mut self, learned: &mut Learned, event: sse::Event) {
        if self.template.as_ref().is_some_and(|same| same.fits(event.name.as_ref(), &event.data)) {
            learned.documents += 1;
            return;
        }
        if event.data.trim_ascii() == b"[DONE]" {
            learned.terminal = true;
            return;
        }
        let name = event.name.as_deref().and_then(|name| std::str::from_utf8(name).ok());
        if name == Some("output") && !event.data.starts_with(b"{") {
            // Replicate streams bare text.
            learned.content |= !event.data.is_empty();
            return;
        }
        learned.begin(name);
        self.scanner.reset();
        self.scanner.push(&event.data, learned);
        let whole = self.scanner.finish(learned).is_ok();
        if let (true, Some(holes)) = (whole, learned.holes()) {
            self.template = Template::new(event.name, event.data, holes).or(self.template.take());
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.parser.memory()
            + self.scanner.memory()
            + self.template.as_ref().map_or(0, Template::memory)
    }
}

pub(super) fn stream_message(
    learned: &mut Learned,
    scanner: &mut Scanner,
    message: &eventstream::Message,
) {
    let is_error = message.message_type != "event";
    learned.begin(Some(if is_error { "error" } else { &message.name }));
    let payload = if message.name == "chunk" { chunk_bytes(&message.payload) } else { None };
    scanner.reset();
    scanner.push(payload.as_deref().unwrap_or(&message.payload), learned);
    let _whole = scanner.finish(learned);
    if is_error {
        learned.exception(&message.name, message.error_message.as_deref());
    }
}

/// Bedrock Invoke wraps each model event: `{"bytes":"<base64>","p":"padding"}`.
fn chunk_bytes(payload: &[u8]) -> Option<Vec<u8>> {
    const KEY: &[u8] = b"\"bytes\"";
    let rest = payload.get(memchr::memmem::find(payload, KEY)? + KEY.len()..)?;
    let rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', rest)?;
    base64::engine::general_purpose::STANDARD.decode(rest.get(..end)?).ok()
}
