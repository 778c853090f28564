//! Loss is data: whichever record of a conversation is missing, no field is wrong, and the call is
//! marked. Also what an open call costs in memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use tests::render::{Dice, Exchange, frame};
use tracer::ai::call::{Call, Capture};
use tracer::ai::providers::HostTable;
use tracer::event::{
    BootTime, Chunk, Direction, EndReason, FlowEnd, FlowKey, FlowOpen, KernelEvent, Origin, Verdict,
};
use tracer::http::h2::PREFACE;
use tracer::pipeline::{Output, Pipeline};

fn exchange(number: usize, stream: bool, gzip: bool) -> Exchange {
    let model = format!("gpt-4o-mini-{number}");
    let request = format!(
        "{{\"model\":\"{model}\",\"stream\":{stream},\"messages\":[{{\"role\":\"user\",\"content\":\"{}\"}}]}}",
        "words ".repeat(100)
    );
    let usage = format!(
        "\"usage\":{{\"prompt_tokens\":{},\"completion_tokens\":{}}}",
        100 + number,
        10 + number
    );
    let body = if stream {
        let pieces: String = (0..30)
            .map(|_| format!("data: {{\"id\":\"c{number}\",\"model\":\"{model}\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"word\"}},\"finish_reason\":null}}]}}\n\n"))
            .collect();
        format!(
            "{pieces}data: {{\"id\":\"c{number}\",\"model\":\"{model}\",\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}],{usage}}}\n\ndata: [DONE]\n\n"
        )
    } else {
        format!(
            "{{\"id\":\"c{number}\",\"model\":\"{model}\",\"choices\":[{{\"index\":0,\"message\":{{\"content\":\"{}\"}},\"finish_reason\":\"stop\"}}],{usage}}}",
            "word ".repeat(200)
        )
    };
    let mut headers = vec![(
        "content-type".to_owned(),
        if stream { "text/event-stream" } else { "application/json" }.to_owned(),
    )];
    headers.push(("x-request-id".into(), format!("req_{number}")));
    let mut response = body.into_bytes();
    if gzip {
        headers.push(("content-encoding".into(), "gzip".into()));
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&response).unwrap();
        response = encoder.finish().unwrap();
    }
    Exchange {
        method: "POST".into(),
        authority: "api.openai.com".into(),
        target: "/v1/chat/completions".into(),
        request_headers: vec![("content-type".into(), "application/json".into())],
        request: request.into_bytes(),
        status: 200,
        response_headers: headers,
        response,
    }
}

struct Recorder {
    events: Vec<KernelEvent>,
    offsets: [u64; 2],
}

impl Recorder {
    fn new() -> Self {
        let open = KernelEvent::FlowOpen(FlowOpen {
            origin: Origin::default(),
            key: FlowKey::default(),
            verdict: Verdict::Capture,
            server_name: Some("api.openai.com".into()),
            from_start: true,
            fd: None,
        });
        Self { events: vec![open], offsets: [0; 2] }
    }

    fn origin(&self) -> Origin {
        Origin { at: BootTime(1_000_000 * self.events.len() as u64), ..Origin::default() }
    }

    fn put(&mut self, direction: Direction, bytes: &[u8]) {
        for piece in bytes.chunks(300) {
            let offset = self.offsets[direction.index()];
            self.events.push(KernelEvent::Data(Chunk {
                origin: self.origin(),
                key: FlowKey::default(),
                direction,
                offset,
                verdict: Verdict::Capture,
                data: Bytes::copy_from_slice(piece),
            }));
            self.offsets[direction.index()] += piece.len() as u64;
        }
    }

    fn close(mut self) -> Vec<KernelEvent> {
        self.events.push(KernelEvent::FlowEnd(FlowEnd {
            origin: self.origin(),
            key: FlowKey::default(),
            reason: EndReason::Freed,
            bytes: self.offsets,
        }));
        self.events
    }
}

fn calls(events: impl IntoIterator<Item = KernelEvent>) -> Vec<Call> {
    let mut pipeline = Pipeline::new(Arc::new(HostTable::default()));
    let mut calls = Vec::new();
    let mut out = |output: Output| {
        if let Output::Call(call) = output {
            calls.push(*call);
        }
    };
    for event in events {
        pipeline.push(event, &mut out);
    }
    pipeline.finish(BootTime(u64::MAX / 2), &mut out);
    calls
}

/// Conversations of four calls on one connection, of every wire and coding.
fn conversations() -> Vec<(&'static str, Vec<KernelEvent>)> {
    let mut all = Vec::new();
    let mut dice = Dice::new(7);
    for (name, chunked, stream, gzip) in [
        ("length", false, false, false),
        ("chunked", true, false, false),
        ("sse", true, true, false),
        ("sse gzip", true, true, true),
        ("sse length", false, true, false),
    ] {
        let mut recorder = Recorder::new();
        for number in 0..4 {
            let (request, response) = exchange(number, stream, gzip).http1(chunked, &mut dice);
            recorder.put(Direction::Outbound, &request);
            recorder.put(Direction::Inbound, &response);
        }
        all.push((name, recorder.close()));
    }
    let mut recorder = Recorder::new();
    recorder.put(Direction::Outbound, PREFACE);
    recorder.put(Direction::Inbound, &frame(4, 0, 0, &[]));
    for number in 0..4 {
        let (request, response) =
            exchange(number, true, false).http2(2 * number as u32 + 1, &mut dice);
        request.iter().for_each(|wire| recorder.put(Direction::Outbound, wire));
        response.iter().for_each(|wire| recorder.put(Direction::Inbound, wire));
    }
    all.push(("http2", recorder.close()));
    all
}

/// Which of the conversation's calls this is, by anything it says; `None`: it says nothing.
fn check(name: &str, at: usize, call: &Call) {
    let case = || format!("{name} without record {at}: {call:#?}");
    let number_of = |text: &Option<String>, prefix: &str| -> Option<u64> {
        text.as_ref().map(|text| {
            text.strip_prefix(prefix)
                .and_then(|n| n.parse().ok())
                .unwrap_or_else(|| panic!("{}", case()))
        })
    };
    let told = [
        number_of(&call.request_model, "gpt-4o-mini-"),
        number_of(&call.response_model, "gpt-4o-mini-"),
        number_of(&call.response_id, "c"),
        number_of(&call.provider_request_id, "req_"),
        call.usage.input.map(|n| n - 100),
        call.usage.output.map(|n| n - 10),
    ];
    let told: Vec<u64> = told.into_iter().flatten().collect();
    assert!(told.iter().all(|n| *n == told[0] && *n < 4), "two calls are mixed: {}", case());
    assert!(call.status.is_none_or(|status| status == 200), "{}", case());
    assert!(call.finish_reasons.iter().all(|reason| reason == "stop"), "{}", case());
    assert_eq!(call.provider, "openai", "{}", case());
    if call.capture == Capture::Complete {
        assert_eq!((told.len(), call.usage_complete), (6, true), "{}", case());
        assert_eq!(call.finish_reasons, ["stop"], "{}", case());
        assert_eq!(call.failure, None, "{}", case());
    }
}

#[test]
fn whichever_record_is_missing_no_field_is_wrong() {
    let mut dropped = 0;
    for (name, events) in conversations() {
        let whole = calls(events.clone());
        assert_eq!(whole.len(), 4, "{name}");
        assert!(whole.iter().all(|call| call.capture == Capture::Complete), "{name}");
        for at in 0..events.len() {
            let left = events.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, e)| e.clone());
            let found = calls(left);
            dropped += 1;
            assert!(found.len() <= 4, "{name} without record {at}: {} calls", found.len());
            for call in &found {
                check(name, at, call);
            }
            let right = found.iter().filter(|call| call.capture == Capture::Complete).count();
            // The opening and the end concern no call's bytes.
            let allowed = if name == "http2" { 4 } else { 2 };
            let marks =
                || found.iter().map(|call| (call.capture, call.outcome)).collect::<Vec<_>>();
            assert!(right + allowed >= 4, "{name} without record {at}: {:?}", marks());
        }
    }
    println!("{dropped} conversations with one record missing: no wrong field");
}

#[test]
fn an_open_call_is_small() {
    for (name, chunked, gzip, limit) in
        [("plain", true, false, 16 * 1024), ("gzip", true, true, 96 * 1024)]
    {
        let (request, response) = exchange(1, true, gzip).http1(chunked, &mut Dice::new(3));
        let mut pipeline = Pipeline::new(Arc::new(HostTable::default()));
        let mut recorder = Recorder::new();
        recorder.put(Direction::Outbound, &request);
        recorder.put(Direction::Inbound, &response[..response.len() - 20]);
        let mut most = 0;
        for event in recorder.events {
            pipeline.push(event, &mut |_| {});
            most = most.max(pipeline.memory());
        }
        println!("{name}: at most {most} bytes for an open call");
        assert!(most <= limit, "{name}: {most}");
    }
}
