//! A flow's records become exchanges; what is lost costs what it touches.

use bytes::Bytes;

use super::*;
use crate::event::{Exit, Origin};
use crate::http::Outcome;

fn key() -> FlowKey {
    FlowKey::default()
}

fn chunk(direction: Direction, offset: u64, text: &str) -> KernelEvent {
    KernelEvent::Data(Chunk {
        origin: Origin::default(),
        key: key(),
        direction,
        offset,
        verdict: Verdict::Capture,
        data: Bytes::copy_from_slice(text.as_bytes()),
    })
}

fn open() -> KernelEvent {
    KernelEvent::FlowOpen(FlowOpen {
        origin: Origin::default(),
        key: key(),
        verdict: Verdict::Capture,
        server_name: Some("api.openai.com".into()),
        from_start: true,
        fd: None,
    })
}

fn run(events: Vec<KernelEvent>) -> (Vec<HttpEvent>, bool, Counts) {
    let mut table = FlowTable::default();
    let (mut http, mut server) = (Vec::new(), false);
    let mut say = |info: &FlowInfo, event: FlowEvent| {
        server = info.is_server;
        if let FlowEvent::Http(event) = event {
            http.push(event);
        }
    };
    for event in events {
        table.push(event, &mut say);
    }
    let counts = *table.counts();
    (http, server, counts)
}

const REQUEST: &str = "GET /v1/models HTTP/1.1\r\nHost: api.openai.com\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

#[test]
fn a_client_and_a_server() {
    for (ask, reply, is_server) in [
        (Direction::Outbound, Direction::Inbound, false),
        (Direction::Inbound, Direction::Outbound, true),
    ] {
        let (http, server, _) = run(vec![open(), chunk(ask, 0, REQUEST), chunk(reply, 0, ANSWER)]);
        assert_eq!(server, is_server);
        let end = http.last().unwrap();
        assert!(matches!(end, HttpEvent::End { outcome: Outcome::Complete, .. }), "{end:?}");
    }
}

#[test]
fn a_process_that_goes_ends_its_calls() {
    let (http, ..) = run(vec![
        open(),
        chunk(Direction::Outbound, 0, REQUEST),
        KernelEvent::Exit(Exit { origin: Origin::default(), code: 9, lossy: false }),
    ]);
    assert!(matches!(http.last(), Some(HttpEvent::End { outcome: Outcome::ClientGone, .. })));
}

#[test]
fn what_is_no_http_is_let_go() {
    let (http, _, counts) = run(vec![open(), chunk(Direction::Outbound, 0, "EHLO me\r\n")]);
    assert_eq!((http.len(), counts.not_http), (0, 1));
}

#[test]
fn a_lost_answer_costs_one_exchange() {
    let second = REQUEST.len() as u64;
    let answered = ANSWER.len() as u64;
    let (http, _, counts) = run(vec![
        open(),
        chunk(Direction::Outbound, 0, REQUEST),
        chunk(Direction::Outbound, second, REQUEST),
        chunk(Direction::Inbound, answered, ANSWER),
        KernelEvent::FlowEnd(FlowEnd {
            origin: Origin::default(),
            key: key(),
            reason: EndReason::Freed,
            bytes: [2 * second, 2 * answered],
        }),
    ]);
    let ends: Vec<_> = http
        .iter()
        .filter_map(|event| match event {
            HttpEvent::End { id, outcome, gap, .. } => Some((id.0, *outcome, *gap)),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(0, Outcome::Lost, true), (1, Outcome::Complete, false)]);
    assert_eq!(counts.gap_bytes, answered);
}
