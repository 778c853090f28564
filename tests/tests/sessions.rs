//! Sessions over WebSocket: each answer of one connection is a call of its own.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use bytes::Bytes;
use tests::wire::websocket as frame;
use tracer::ai::call::Call;
use tracer::ai::providers::HostTable;
use tracer::event::{
    BootTime, Chunk, Direction, EndReason, FlowEnd, FlowKey, FlowOpen, KernelEvent, Origin, Verdict,
};
use tracer::pipeline::{Output, Pipeline};

fn session(path: &str, extensions: &str, parts: &[(Direction, Vec<u8>)]) -> Vec<Call> {
    let key = FlowKey::default();
    let ask = format!(
        "GET {path} HTTP/1.1\r\nhost: api.openai.com\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    );
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n{extensions}\r\n"
    );
    let mut all =
        vec![(Direction::Outbound, ask.into_bytes()), (Direction::Inbound, answer.into_bytes())];
    all.extend(parts.iter().cloned());
    let mut pipeline = Pipeline::new(Arc::new(HostTable::default()));
    let mut calls = Vec::new();
    let mut out = |output| {
        if let Output::Call(call) = output {
            calls.push(*call);
        }
    };
    let origin = |at: u64| Origin { at: BootTime(at * 1_000_000), ..Origin::default() };
    pipeline.push(
        KernelEvent::FlowOpen(FlowOpen {
            origin: origin(0),
            key,
            verdict: Verdict::Capture,
            server_name: Some("api.openai.com".into()),
            from_start: true,
            fd: None,
        }),
        &mut out,
    );
    let mut offsets = [0; 2];
    for (number, (direction, bytes)) in all.iter().enumerate() {
        for piece in bytes.chunks(50) {
            let offset = offsets[direction.index()];
            offsets[direction.index()] += piece.len() as u64;
            pipeline.push(
                KernelEvent::Data(Chunk {
                    origin: origin(number as u64),
                    key,
                    direction: *direction,
                    offset,
                    verdict: Verdict::Capture,
                    data: Bytes::copy_from_slice(piece),
                }),
                &mut out,
            );
        }
    }
    let end = FlowEnd { origin: origin(99), key, reason: EndReason::Freed, bytes: offsets };
    pipeline.push(KernelEvent::FlowEnd(end), &mut out);
    calls
}

fn done(kind: &str, input: u64, output: u64) -> String {
    format!(
        "{{\"type\":\"{kind}\",\"response\":{{\"id\":\"resp_{input}\",\"status\":\"completed\",\"usage\":{{\"input_tokens\":{input},\"output_tokens\":{output},\"input_token_details\":{{\"cached_tokens\":3,\"audio_tokens\":2}}}}}}}}"
    )
}

#[test]
fn every_answer_of_a_realtime_session_is_a_call() {
    for deflated in [false, true] {
        let create = frame("{\"type\":\"response.create\"}", true, false);
        let delta =
            frame("{\"type\":\"response.audio.delta\",\"delta\":\"AAAA\"}", false, deflated);
        // Without context takeover each message is its own stream.
        let extensions = if deflated {
            "sec-websocket-extensions: permessage-deflate; server_no_context_takeover\r\n"
        } else {
            ""
        };
        let mut parts = Vec::new();
        for input in [10, 20, 30] {
            parts.push((Direction::Outbound, create.clone()));
            parts.push((Direction::Inbound, delta.clone()));
            parts.push((
                Direction::Inbound,
                frame(&done("response.done", input, 7), false, deflated),
            ));
        }
        let calls = session("/v1/realtime?model=gpt-realtime", extensions, &parts);
        let usage: Vec<_> =
            calls.iter().map(|call| (call.usage.input, call.usage.output)).collect();
        assert_eq!(usage, [10, 20, 30].map(|input| (Some(input), Some(7))), "deflated: {deflated}");
        for call in &calls {
            assert_eq!(call.operation, "realtime");
            assert_eq!(call.request_model.as_deref(), Some("gpt-realtime"));
            assert_eq!((call.usage.cache_read, call.usage.audio_input), (Some(3), Some(2)));
            assert!(call.time_to_first_chunk.is_some() && call.failure.is_none());
        }
    }
}

#[test]
fn responses_over_websocket_are_calls() {
    let create = "{\"type\":\"response.create\",\"model\":\"gpt-5\",\"input\":\"hi\"}";
    let parts = [
        (Direction::Outbound, frame(create, true, false)),
        (Direction::Inbound, frame(&done("response.completed", 10, 1), false, false)),
        (Direction::Outbound, frame(create, true, false)),
        (Direction::Inbound, frame(&done("response.completed", 20, 2), false, false)),
    ];
    let calls = session("/v1/responses", "", &parts);
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].usage.input, Some(20));
    assert_eq!(calls[1].request_model.as_deref(), Some("gpt-5"));
    assert_eq!(calls[0].operation, "chat");
}
