//! One exchange with an AI provider, from its request's head to the call it was.
//!
//! In: the exchange's [`HttpEvent`]s. Out: a [`Call`] when it ends, unless it turns out to be none.
//! Nothing of a body is held beyond what the scanners need.

use bytes::Bytes;

use super::answer::{AnswerBody, stream_message};
use super::asked::Asked;
use super::call::{Call, Capture, Failure, FailureClass};
use super::endpoint::{Endpoint, Family};
use super::fact::{Count, Learned};
use super::failure::{ErrorFacts, classify};
use super::framing::{Framing, SNIFF, multipart};
use super::json::Scanner;
use super::providers::{self, OPENAI_COMPATIBLE, Provider};
use super::{families, rate_limit, sdk};
use crate::event::{BootTime, FlowKey};
use crate::http::headers::Headers;
use crate::http::{Outcome, RequestHead, ResponseHead};

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

/// How the request's body is read.
#[derive(Debug)]
enum RequestBody {
    Unknown,
    Json(Box<Scanner>),
    Form(Box<multipart::Parser>),
    Opaque,
}

#[derive(Debug)]
pub struct Exchange {
    provider: Option<&'static Provider>,
    endpoint: Endpoint,
    head: Box<RequestHead>,
    response: Option<Box<ResponseHead>>,
    asked: Asked,
    learned: Box<Learned>,
    request_body: RequestBody,
    answer_body: AnswerBody,
    raw: Vec<u8>,
    started: BootTime,
    request_ended: BootTime,
    first_content: Option<BootTime>,
    /// Part of the answer's body is missing.
    answer_gap: bool,
    request_gap: bool,
    truncated: bool,
    /// An exception inside an event stream.
    exception: bool,
    streamed: bool,
    /// Answers of a WebSocket session that were reported.
    answers: u64,
}

impl Exchange {
    pub fn new(
        provider: Option<&'static Provider>,
        endpoint: Endpoint,
        head: Box<RequestHead>,
        at: BootTime,
    ) -> Self {
        let learned = Box::new(Learned::new(families::of(&endpoint)));
        let form = head.headers.first("content-type").and_then(multipart::Parser::new);
        let request_body =
            form.map_or(RequestBody::Unknown, |form| RequestBody::Form(Box::new(form)));
        Self {
            provider,
            endpoint,
            head,
            response: None,
            asked: Asked::default(),
            learned,
            request_body,
            answer_body: AnswerBody::Sniff(Vec::new()),
            raw: Vec::new(),
            started: at,
            request_ended: at,
            first_content: None,
            answer_gap: false,
            request_gap: false,
            truncated: false,
            exception: false,
            streamed: false,
            answers: 0,
        }
    }

    /// Bytes of memory held, roughly.
    pub fn memory(&self) -> usize {
        let request = match &self.request_body {
            RequestBody::Json(scanner) => scanner.memory(),
            _ => 0,
        };
        let answer = match &self.answer_body {
            AnswerBody::Json(scanner) => scanner.memory(),
            AnswerBody::Sse(stream) => stream.memory(),
            AnswerBody::EventStream(parser, scanner) => parser.memory() + scanner.memory(),
            _ => 0,
        };
        size_of::<Self>()
            + size_of::<Learned>()
            + self.head.headers.memory()
            + self.response.as_ref().map_or(0, |head| head.headers.memory())
            + self.learned.memory()
            + self.raw.capacity()
            + request
            + answer
    }

    pub fn request_body(&mut self, data: &Bytes) {
        if let RequestBody::Unknown = self.request_body {
            let Some(first) = data.iter().find(|b| !b.is_ascii_whitespace()) else { return };
            self.request_body = match first {
                b'{' | b'[' => RequestBody::Json(Box::new(Scanner::single())),
                _ => RequestBody::Opaque,
            };
        }
        match &mut self.request_body {
            RequestBody::Json(scanner) => scanner.push(data, &mut self.asked),
            RequestBody::Form(form) => {
                let asked = &mut self.asked;
                form.push(data, &mut |name, value| asked.field(name, value));
            }
            RequestBody::Unknown | RequestBody::Opaque => {}
        }
    }

    pub const fn request_end(&mut self, at: BootTime) {
        self.request_ended = at;
    }

    pub fn request_gap(&mut self) {
        self.request_gap = true;
        // Where in the document it would go on is not known.
        self.request_body = RequestBody::Opaque;
    }

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

    /// A piece of a WebSocket message that the client sent; `last` ends it.
    pub fn asked_message(&mut self, at: BootTime, data: &Bytes, last: bool) {
        let RequestBody::Json(scanner) = &mut self.request_body else {
            self.request_body = RequestBody::Json(Box::new(Scanner::sequence()));
            return self.asked_message(at, data, last);
        };
        scanner.push(data, &mut self.asked);
        if last {
            scanner.reset();
            self.request_ended = at;
        }
    }

    /// A piece of a message that the server sent. A call when an answer of the session is whole.
    pub fn answer_message(&mut self, end: &Ended, data: Bytes, last: bool) -> Option<Call> {
        if !matches!(self.answer_body, AnswerBody::Json(_)) {
            self.answer_body = AnswerBody::of(Framing::Json);
            *self.learned = Learned::new(families::session());
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

    fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|head| head.status).filter(|status| *status > 0)
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
    fn finish_answer(&mut self) {
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

    /// The exchange has ended: the call it was. `None`: nothing says that it was one.
    pub fn finish(mut self, end: &Ended) -> Option<Call> {
        if self.answers > 0 && !self.learned.content {
            // A session's answers have been reported one by one.
            return None;
        }
        self.finish_answer();
        self.is_call(end).then(|| self.call(end))
    }

    fn call(&self, end: &Ended) -> Call {
        let provider = self.provider.unwrap_or_else(|| unnamed(self.endpoint.family));
        let nothing = Headers::default();
        let headers = self.response.as_ref().map_or(&nothing, |head| &head.headers);
        let (rate_limits, retry_after_s) = rate_limit::parse(Some(provider), headers);
        let outcome = self.outcome(end);
        let failure = self.failure(outcome, provider, headers, retry_after_s);
        let whole = outcome == Outcome::Complete && !self.answer_gap && !self.truncated;
        let request = &self.head.headers;
        let from_either = |names: &[&str]| {
            names.iter().find_map(|name| headers.first(name).or(request.first(name)))
        };
        let owned = |text: &str| text.to_owned();
        let stream = self.asked.stream.or(self.endpoint.stream).unwrap_or(
            self.endpoint.family == Family::OllamaChat
                && self.response.is_some()
                && self.asked.has_prompt,
        );
        let time_to_first_chunk = self
            .first_content
            .filter(|_| self.streamed)
            .map(|at| at.seconds_since(self.request_ended));
        Call {
            flow: end.flow,
            cgroup_id: end.cgroup_id,
            started: self.started,
            ended: end.at,
            outcome,
            operation: self.endpoint.operation,
            provider: provider.otel,
            request_model: self.request_model(),
            response_model: self.learned.model.clone(),
            stream,
            max_tokens: self.asked.max_tokens,
            temperature: self.asked.temperature,
            top_p: self.asked.top_p,
            response_id: self.learned.id.clone().filter(|_| self.status().is_none_or(|s| s < 400)),
            finish_reasons: self.learned.finish_reasons(),
            tools_called: self.learned.tools.clone(),
            tools_offered: self.asked.tools,
            time_to_first_chunk,
            usage: self.learned.usage(),
            usage_complete: whole,
            method: self.head.method.clone(),
            path: self.head.path().to_owned(),
            status: self.status(),
            host: self.head.host().to_owned(),
            port: self.head.port(),
            version: self.head.version.as_str(),
            request_size: end.request_size,
            response_size: end.response_size,
            sdk: sdk::name(request),
            provider_request_id: provider.request_id(headers).map(owned),
            organization: from_either(provider.organization_headers).map(owned),
            project: from_either(provider.project_headers).map(owned),
            credential: request.credential().cloned(),
            failure,
            rate_limits,
            capture: self.capture(end),
        }
    }

    fn request_model(&self) -> Option<String> {
        let version =
            || self.asked.version.clone().filter(|_| self.endpoint.family == Family::Replicate);
        self.asked.model.clone().or_else(|| self.endpoint.model.clone()).or_else(version)
    }

    const fn capture(&self, end: &Ended) -> Capture {
        if end.late {
            Capture::LateAttach
        } else if end.gap
            || self.answer_gap
            || self.request_gap
            || matches!(end.outcome, Outcome::Lost)
        {
            Capture::Gap
        } else if self.truncated {
            Capture::Truncated
        } else {
            Capture::Complete
        }
    }

    /// Paths that other software uses too, and exchanges without a head, need evidence.
    fn is_call(&self, end: &Ended) -> bool {
        let learned = &self.learned;
        let answered = !learned.usage().is_empty()
            || learned.model.is_some()
            || learned.has_finish()
            || !learned.error.is_empty();
        if end.late && self.head.method.is_empty() {
            return answered || self.status().is_some_and(|status| status >= 400);
        }
        if self.endpoint.sure {
            return true;
        }
        let hinted =
            self.head.headers.first("anthropic-version").is_some() || self.provider.is_some();
        let asked = self.asked.model.is_some() && self.asked.has_prompt;
        hinted || (answered && (asked || (self.request_gap && learned.model.is_some())))
    }

    /// How it ended for the program: an answer that says it is whole is whole, whatever the
    /// connection did afterwards.
    fn outcome(&self, end: &Ended) -> Outcome {
        match end.outcome {
            Outcome::Cut | Outcome::ClientGone | Outcome::Lost if self.says_whole() => {
                Outcome::Complete
            }
            Outcome::Complete if self.lacks_end() => Outcome::Cut,
            outcome => outcome,
        }
    }

    fn says_whole(&self) -> bool {
        self.streamed && (self.learned.terminal || self.learned.has_finish())
    }

    /// A streamed answer that ends itself did not.
    fn lacks_end(&self) -> bool {
        self.streamed
            && self.learned.answers().ends_itself
            && self.status() == Some(200)
            && self.learned.documents > 0
            && self.learned.content
            && !self.says_whole()
            && !self.answer_gap
            && self.learned.error.is_empty()
            && !self.exception
    }

    fn failure(
        &self,
        outcome: Outcome,
        provider: &'static Provider,
        headers: &Headers,
        retry_after_s: Option<f64>,
    ) -> Option<Failure> {
        let status = self.status();
        let bad_status = status.is_some_and(|status| status >= 400);
        let strong = !self.learned.error.is_empty();
        if bad_status || strong || self.exception {
            let mut error = self.learned.error.clone();
            if error.is_empty() {
                error = self.learned.weak_error.clone();
            }
            let raw = String::from_utf8_lossy(&self.raw);
            let message = error
                .message
                .as_deref()
                .or_else(|| (error.is_empty() && bad_status).then_some(&*raw));
            let delay = error.retry_delay.as_deref().and_then(rate_limit::duration);
            return Some(classify(&ErrorFacts {
                provider: Some(provider),
                status: error.status.or(status),
                in_stream: !bad_status,
                code: error.code.as_deref(),
                kind: headers.first("x-amzn-errortype").or(error.kind.as_deref()),
                message,
                details: (!error.details.is_empty()).then_some(&*error.details),
                retry_after_s: retry_after_s.or(delay),
            }));
        }
        if let Some(reason) = &self.learned.blocked {
            return Some(Failure {
                class: FailureClass::ContentFilter,
                error_type: reason.clone(),
                retryable: false,
                retry_after_s: None,
            });
        }
        let network = |word: &str, class| {
            Some(Failure {
                class,
                error_type: word.to_owned(),
                retryable: class == FailureClass::NetworkError,
                retry_after_s: None,
            })
        };
        match outcome {
            Outcome::Complete | Outcome::Lost => None,
            Outcome::ClientGone => network("_OTHER", FailureClass::ClientCancelled),
            Outcome::Cut | Outcome::Reset(_) if status.is_some() => {
                network("stream_cut", FailureClass::NetworkError)
            }
            Outcome::Cut | Outcome::Reset(_) => {
                network("connection_reset", FailureClass::NetworkError)
            }
            Outcome::Malformed => network("_OTHER", FailureClass::NetworkError),
        }
    }
}

/// What the connection knows of an exchange that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub flow: FlowKey,
    pub cgroup_id: u64,
    pub at: BootTime,
    pub outcome: Outcome,
    pub late: bool,
    pub gap: bool,
    pub request_size: u64,
    pub response_size: u64,
}

/// Who answers at an address that no table knows: some formats are one server's own.
fn unnamed(family: Family) -> &'static Provider {
    let id = match family {
        Family::OllamaChat | Family::OllamaEmbed => "ollama",
        Family::BedrockConverse | Family::BedrockInvoke => "bedrock",
        Family::GeminiGenerate | Family::GeminiEmbed | Family::GeminiLive => "gemini",
        _ => OPENAI_COMPATIBLE.id,
    };
    providers::by_id(id).unwrap_or(&OPENAI_COMPATIBLE)
}
