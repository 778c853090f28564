//! The whole pipeline: one call of each family, with an answer from the fuzzer.
#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tracer::ai::providers::HostTable;
use tracer::event::{BootTime, Chunk, Direction, FlowKey, FlowOpen, KernelEvent, Origin, Verdict};
use tracer::pipeline::Pipeline;

const CALLS: &[(&str, &str)] = &[
    ("api.openai.com", "/v1/chat/completions"),
    ("api.openai.com", "/v1/responses"),
    ("api.openai.com", "/v1/threads/t/runs"),
    ("api.anthropic.com", "/v1/messages"),
    ("generativelanguage.googleapis.com", "/v1beta/models/m:streamGenerateContent"),
    ("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/converse-stream"),
    ("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/invoke-with-response-stream"),
    ("api.cohere.com", "/v2/chat"),
    ("api.replicate.com", "/v1/predictions"),
    ("localhost:11434", "/api/chat"),
];

fuzz_target!(|data: &[u8]| {
    let Some((&first, answer)) = data.split_first() else { return };
    let (host, path) = CALLS[usize::from(first) % CALLS.len()];
    let request = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 2\r\n\r\n{{}}");
    let mut pipeline = Pipeline::new(Arc::new(HostTable::default()));
    let key = FlowKey::default();
    let mut out = |_| {};
    pipeline.push(
        KernelEvent::FlowOpen(FlowOpen {
            origin: Origin::default(),
            key,
            verdict: Verdict::Capture,
            server_name: None,
            from_start: true,
            fd: None,
        }),
        &mut out,
    );
    let sides = [(Direction::Outbound, request.as_bytes()), (Direction::Inbound, answer)];
    for (direction, bytes) in sides {
        pipeline.push(
            KernelEvent::Data(Chunk {
                origin: Origin::default(),
                key,
                direction,
                offset: 0,
                verdict: Verdict::Capture,
                data: Bytes::copy_from_slice(bytes),
            }),
            &mut out,
        );
        assert!(pipeline.memory() < 4 << 20);
    }
    pipeline.finish(BootTime(1), &mut out);
});
