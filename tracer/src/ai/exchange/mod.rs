//! One exchange with an AI provider, from its request's head to the call it was.
//!
//! In: the exchange's [`HttpEvent`]s. Out: a [`Call`] when it ends, unless it turns out to be none.
//! Nothing of a body is held beyond what the scanners need.

mod ending;
mod report;
mod request;
mod response;

use self::request::RequestBody;
use super::answer::AnswerBody;
use super::asked::Asked;
use super::call::Call;
use super::endpoint::Endpoint;
use super::fact::Learned;
use super::families;
use super::framing::multipart;
use super::providers::Provider;
use crate::event::{BootTime, FlowKey};
use crate::http::{Outcome, RequestHead, ResponseHead};
use crate::keyed::HashKey;

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
        key: HashKey,
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
            asked: Asked::new(key),
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

    fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|head| head.status).filter(|status| *status > 0)
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
