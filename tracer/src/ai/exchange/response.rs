//! The answer's side of an exchange: head, body, trailers, or messages of a session.

use bytes::Bytes;

use super::{Ended, Exchange};
use crate::ai::answer::{AnswerBody, stream_message};
use crate::ai::call::Call;
use crate::ai::fact::{Count, Learned};
use crate::ai::families;
use crate::ai::framing::{Framing, SNIFF};
use crate::ai::providers::{self, OPENAI_COMPATIBLE};
use crate::event::BootTime;
use crate::http::ResponseHead;
use crate::http::headers::Headers;

/// Text of an answer that is no JSON, kept for the failure rules.
const MAX_RAW: usize = 2048;
/// Counts that some answers carry in their headers.
const HEADER_COUNTS: &[(&str, Count)] = &[
    ("x-amzn-bedrock-input-token-count", Count::Input),
    ("x-amzn-bedrock-output-token-count", Count::Output),
    ("x-amzn-bedrock-cache-read-input-token-count", Count::CacheRead),
    ("x-amzn-bedrock-cache-write-input-token-count", Count::CacheWrite),
    ("x-prompt-tokens", Count::Input),
    ("x-generated-tokens", Count::Output),
];

impl Exchange {
    pub fn response_head(&mut self, head: Box<ResponseHead>) {
        if self.provider.is_none_or(|row| *row == OPENAI_COMPATIBLE) {
            self.provider = providers::betrayed(&head.headers).or(self.provider);
        }
        for (name, count) in HEADER_COUNTS {
            if let Some(n) = head.headers.first(name).and_then(|text| text.parse().ok()) {
                self.learned.fallback(*count, n);
            }
        }
        if let Some(framing) = Framing::of(head.headers.first("content-type")) {
            self.streamed |= matches!(framing, Framing::Sse | Framing::EventStream);
            // Some serve a JSON error as an event stream: the first bytes have a say.
            if framing != Framing::Sse {
                self.answer_body = AnswerBody::of(framing);
            }
        }
        self.response = Some(head);
    }

    /// A piece of a message that the server sent. A call when an answer of the session is whole.
    pub fn answer_message(&mut self, end: &Ended, data: Bytes, last: bool) -> Option<Call> {
        if !matches!(self.answer_body, AnswerBody::Json(_)) {
            self.answer_body = AnswerBody::of(Framing::Json);
            *self.learned = Learned::new(families::session(&self.endpoint));
            self.streamed = true;
        }
        self.answer(data);
        if self.learned.content && self.first_content.is_none() {
            self.first_content = Some(end.at);
        }
        if !last {
            return None;
        }
        if let AnswerBody::Json(scanner) = &mut self.answer_body {
            scanner.reset();
        }
        if !self.learned.terminal {
            return None;
        }
        let call = self.call(end);
        self.learned.take_answer();
        self.answers += 1;
        self.started = end.at;
        self.first_content = None;
        self.answer_gap = false;
        Some(call)
    }

    pub fn trailers(&mut self, headers: Headers) {
        if let Some(response) = &mut self.response {
            response.headers.extend(headers);
        }
    }

    pub fn response_body(&mut self, at: BootTime, data: Bytes) {
        if self.raw.len() < MAX_RAW && self.status().is_none_or(|status| status >= 400) {
            let room = MAX_RAW - self.raw.len();
            self.raw.extend_from_slice(data.get(..data.len().min(room)).unwrap_or_default());
        }
        let data = match &mut self.answer_body {
            AnswerBody::Sniff(seen) => {
                // Some servers send blanks to keep the connection alive until the answer is there.
                let blanks = data.len() - data.trim_ascii_start().len();
                let data = if seen.is_empty() { data.slice(blanks..) } else { data };
                let mut joined = std::mem::take(seen);
                joined.extend_from_slice(&data);
                let framing = Framing::sniff(&joined);
                if framing.is_none() && joined.len() < SNIFF {
                    *seen = joined;
                    return;
                }
                let joined = Bytes::from(joined);
                let framing = match framing {
                    Some(framing) if framing != Framing::Opaque => framing,
                    _ if self.streamed => Framing::Sse,
                    _ => Framing::Opaque,
                };
                self.streamed |= framing == Framing::Sse;
                self.answer_body = AnswerBody::of(framing);
                joined
            }
            _ => data,
        };
        self.answer(data);
        if self.learned.content && self.first_content.is_none() {
            self.first_content = Some(at);
        }
    }

    fn answer(&mut self, data: Bytes) {
        let learned = &mut *self.learned;
        match &mut self.answer_body {
            AnswerBody::Json(scanner) => {
                scanner.push(&data, learned);
                self.streamed |= learned.documents > 1;
            }
            AnswerBody::Sse(stream) => stream.push(data, learned),
            AnswerBody::EventStream(parser, scanner) => {
                parser.push(data);
                while let Some(message) = parser.poll() {
                    self.exception |= message.message_type != "event";
                    stream_message(learned, scanner, &message);
                }
            }
            AnswerBody::Sniff(_) | AnswerBody::Opaque => {}
        }
    }

    pub fn answer_gap(&mut self) {
        self.answer_gap = true;
        self.learned.forget_document();
        match &mut self.answer_body {
            AnswerBody::Json(scanner) => scanner.gap(),
            AnswerBody::Sse(stream) => stream.parser.gap(),
            AnswerBody::EventStream(parser, _) => parser.gap(),
            AnswerBody::Sniff(seen) => {
                seen.clear();
            }
            AnswerBody::Opaque => {}
        }
    }

    /// What an answer ends with may lack its end.
    pub(super) fn finish_answer(&mut self) {
        let learned = &mut *self.learned;
        match &mut self.answer_body {
            AnswerBody::Json(scanner) => {
                let _whole = scanner.finish(learned);
            }
            AnswerBody::Sse(stream) => {
                if let Some(event) = stream.parser.tail() {
                    stream.event(learned, event);
                }
            }
            AnswerBody::EventStream(parser, _) => {
                let counters = parser.counters();
                self.truncated |= counters.oversized > 0;
                self.answer_gap |= counters.checksum_errors > 0;
            }
            AnswerBody::Sniff(_) | AnswerBody::Opaque => {}
        }
        if self.learned.overflowed {
            self.truncated = true;
        }
    }
}
