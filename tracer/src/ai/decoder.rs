//! The exchanges of one flow: which of them are AI calls, and what those were.
//!
//! In: a connection's [`HttpEvent`]s. Out: [`Call`]s, and whether the flow is worth capturing. Limits:
//! as many exchanges as the connection's parser follows.

use std::collections::HashMap;
use std::sync::Arc;

use super::call::{Call, Sent};
use super::endpoint::{Endpoint, recognise};
use super::exchange::{Ended, Exchange};
use super::providers::{self, HostTable, Provider};
use crate::event::{BootTime, Handshake};
use crate::flow::table::FlowInfo;
use crate::http::{ExchangeId, HttpEvent, Outcome, RequestHead, Side};
use crate::keyed::HashKey;

/// What a flow has to tell.
#[derive(Debug)]
pub enum Said {
    Sent(Sent),
    Call(Box<Call>),
}

/// AI semantics of one flow.
#[derive(Debug)]
pub struct FlowDecoder {
    hosts: Arc<HostTable>,
    key: HashKey,
    exchanges: HashMap<ExchangeId, Exchange>,
    saw_ai: bool,
    last: Option<Asked>,
}

impl FlowDecoder {
    /// `key`: of what is hashed of requests.
    pub fn new(hosts: Arc<HostTable>, key: HashKey) -> Self {
        Self { hosts, key, exchanges: HashMap::new(), saw_ai: false, last: None }
    }

    /// An AI exchange has been seen on this flow.
    pub const fn saw_ai(&self) -> bool {
        self.saw_ai
    }

    /// The flow's first line is an AI call's, though its head is not whole.
    pub const fn expect_ai(&mut self) {
        self.saw_ai = true;
    }

    pub fn memory(&self) -> usize {
        self.exchanges.values().map(Exchange::memory).sum()
    }

    /// Takes an event; what is to be told when a request is sent, or an exchange ends.
    pub fn push(&mut self, flow: &FlowInfo, event: HttpEvent) -> Option<Said> {
        if let HttpEvent::RequestEnd { id, at, .. } = event {
            let (started, text) = self.exchanges.get_mut(&id)?.request_end(at)?;
            let (flow, cgroup_id) = (flow.key, flow.cgroup_id);
            return Some(Said::Sent(Sent { flow, cgroup_id, started, at, text }));
        }
        self.answered(flow, event).map(|call| Said::Call(Box::new(call)))
    }

    fn answered(&mut self, flow: &FlowInfo, event: HttpEvent) -> Option<Call> {
        let id = event.id();
        if let HttpEvent::RequestHead { at, head, .. } = event {
            self.begin(flow, id, at, head);
            return None;
        }
        if let HttpEvent::End { at, outcome, late, gap, request_size, response_size, .. } = event {
            let exchange = self.exchanges.remove(&id)?;
            return exchange.finish(&Ended {
                flow: flow.key,
                cgroup_id: flow.cgroup_id,
                at,
                outcome,
                late,
                gap,
                request_size,
                response_size,
            });
        }
        let exchange = self.exchanges.get_mut(&id)?;
        match event {
            HttpEvent::RequestBody { data, .. } => exchange.request_body(&data),
            HttpEvent::ResponseHead { head, .. } => exchange.response_head(head),
            HttpEvent::ResponseBody { at, data, .. } => exchange.response_body(at, data),
            HttpEvent::ResponseTrailers { headers, .. } => exchange.trailers(headers),
            HttpEvent::Gap { side: Side::Request, .. } => exchange.request_gap(),
            HttpEvent::Gap { side: Side::Response, .. } => exchange.answer_gap(),
            HttpEvent::Message { side: Side::Request, at, data, last, .. } => {
                exchange.asked_message(at, &data, last);
            }
            HttpEvent::Message { side: Side::Response, at, data, last, .. } => {
                let so_far = Ended {
                    flow: flow.key,
                    cgroup_id: flow.cgroup_id,
                    at,
                    outcome: Outcome::Complete,
                    late: false,
                    gap: false,
                    request_size: 0,
                    response_size: 0,
                };
                return exchange.answer_message(&so_far, data, last);
            }
            HttpEvent::RequestHead { .. }
            | HttpEvent::RequestEnd { .. }
            | HttpEvent::ResponseEnd { .. }
            | HttpEvent::End { .. } => {}
        }
        None
    }

    fn begin(&mut self, flow: &FlowInfo, id: ExchangeId, at: BootTime, mut head: Box<RequestHead>) {
        if head.authority.is_empty()
            && let Some(name) = &flow.server_name
        {
            head.authority.clone_from(name);
        }
        let Some((provider, endpoint)) = self.address(flow, &head) else { return };
        self.saw_ai = true;
        self.exchanges.insert(id, Exchange::new(provider, endpoint, head, at, self.key));
    }
}

/// Where a request goes, and what was made of it: most connections ask the same again and again.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    method: String,
    target: String,
    authority: String,
    answer: Option<(Option<&'static Provider>, Endpoint)>,
}

impl FlowDecoder {
    /// Provider and endpoint of a request; `None`: no AI call.
    fn address(
        &mut self,
        flow: &FlowInfo,
        head: &RequestHead,
    ) -> Option<(Option<&'static Provider>, Endpoint)> {
        let same = |last: &&Asked| {
            last.target == head.target
                && last.method == head.method
                && last.authority == head.authority
        };
        if let Some(last) = self.last.as_ref().filter(same) {
            return last.answer.clone();
        }
        let provider = providers::resolve(head.host(), head.port(), head.path(), &self.hosts)
            .or_else(|| {
                // A client may name its host otherwise than its certificate.
                let name = flow.server_name.as_deref()?;
                providers::resolve(name, None, head.path(), &self.hosts)
            });
        // A session over WebSocket asks by GET for what is otherwise posted.
        let upgrades =
            head.headers.first("upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
        let method = if upgrades { "POST" } else { &head.method };
        let answer = recognise(provider, method, head.path(), head.query())
            .map(|endpoint| (provider, endpoint));
        self.last = Some(Asked {
            method: head.method.clone(),
            target: head.target.clone(),
            authority: head.authority.clone(),
            answer: answer.clone(),
        });
        answer
    }
}

/// A handshake with a provider that failed: a call that never got to ask.
pub fn failed_handshake(handshake: &Handshake, hosts: &HostTable) -> Option<Call> {
    let name = handshake.server_name.as_deref().filter(|_| !handshake.succeeded)?;
    let provider = providers::resolve(name, None, "/", hosts)?;
    let mut call = Call::unanswered(handshake.key, handshake.origin, provider);
    name.clone_into(&mut call.host);
    Some(call)
}
