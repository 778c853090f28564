//! The whole pure pipeline on one core: a long SSE answer, a large request, HTTP/2 with gzip.

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tests::render::frame;
use tracer::ai::providers::HostTable;
use tracer::event::{BootTime, Chunk, Direction, FlowKey, FlowOpen, KernelEvent, Origin, Verdict};
use tracer::http::h2::PREFACE;
use tracer::pipeline::{Output, Pipeline};

const HEAD: &str = "POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\ncontent-type: application/json\r\n";

/// Records of one flow: what the kernel makes of a library's calls, 16 KiB at most each.
fn events(parts: &[(Direction, &[u8])], piece: usize) -> Vec<KernelEvent> {
    let key = FlowKey::default();
    let mut events = vec![KernelEvent::FlowOpen(FlowOpen {
        origin: Origin::default(),
        key,
        verdict: Verdict::Capture,
        server_name: Some("api.openai.com".into()),
        from_start: true,
        fd: None,
    })];
    let mut offsets = [0; 2];
    for (direction, bytes) in parts {
        for data in bytes.chunks(piece) {
            let offset = &mut offsets[direction.index()];
            events.push(KernelEvent::Data(Chunk {
                origin: Origin { at: BootTime(*offset), ..Origin::default() },
                key,
                direction: *direction,
                offset: *offset,
                verdict: Verdict::Capture,
                data: Bytes::copy_from_slice(data),
            }));
            *offset += data.len() as u64;
        }
    }
    events
}

fn run(events: Vec<KernelEvent>) -> u64 {
    let mut pipeline = Pipeline::new(Arc::new(HostTable::default()));
    let mut tokens = 0;
    let mut out = |output: Output| {
        if let Output::Call(call) = output {
            tokens += call.usage.output.unwrap_or(0);
        }
    };
    for event in events {
        pipeline.push(event, &mut out);
    }
    pipeline.finish(BootTime(0), &mut out);
    tokens
}

fn sse(events: usize) -> String {
    let mut body = String::new();
    for number in 0..events {
        body += &format!(
            "data: {{\"id\":\"chatcmpl-B1\",\"object\":\"chat.completion.chunk\",\"created\":1763900000,\"model\":\"gpt-4o-mini\",\"system_fingerprint\":\"fp_1\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word{number}\"}},\"logprobs\":null,\"finish_reason\":null}}]}}\n\n"
        );
    }
    body += "data: {\"id\":\"chatcmpl-B1\",\"model\":\"gpt-4o-mini\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":7}}\n\ndata: [DONE]\n\n";
    body
}

fn bench(c: &mut Criterion, name: &str, bytes: usize, events: &[KernelEvent]) {
    assert_eq!(run(events.to_vec()), 7, "the figures are right: {name}");
    let mut group = c.benchmark_group("pipeline");
    group.throughput(Throughput::Bytes(bytes as u64)).sample_size(20);
    group.bench_function(name, |b| {
        b.iter_batched(
            || events.to_vec(),
            |events| black_box(run(events)),
            criterion::BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn pipeline(c: &mut Criterion) {
    let body = sse(40_000);
    let request = format!("{HEAD}content-length: 2\r\n\r\n{{}}");
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    for (name, piece) in [("sse-16k", 16_384), ("sse-250", 250)] {
        let stream = events(
            &[(Direction::Outbound, request.as_bytes()), (Direction::Inbound, answer.as_bytes())],
            piece,
        );
        bench(c, name, body.len(), &stream);
    }

    let prompt = "All work and no play makes a dull prompt. ".repeat(250_000);
    let json = format!(
        "{{\"model\":\"gpt-4o-mini\",\"messages\":[{{\"role\":\"user\",\"content\":\"{prompt}\"}}]}}"
    );
    let request = format!("{HEAD}content-length: {}\r\n\r\n{json}", json.len());
    let reply = "{\"id\":\"x\",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":7}}";
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{reply}", reply.len());
    let upload = events(
        &[(Direction::Outbound, request.as_bytes()), (Direction::Inbound, answer.as_bytes())],
        16_384,
    );
    bench(c, "request-10m", json.len(), &upload);

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body.as_bytes()).expect("a vector takes all");
    let gzipped = encoder.finish().expect("a vector takes all");
    let mut ask = PREFACE.to_vec();
    // :method POST, :scheme https, :authority, :path; all literal where not static.
    let mut block = vec![0x83, 0x87, 0x01, 14];
    block.extend(b"api.openai.com");
    block.extend([0x04, 20]);
    block.extend(b"/v1/chat/completions");
    ask.extend(frame(1, 5, 1, &block));
    let mut reply = frame(4, 0, 0, &[]).to_vec();
    let mut block = vec![0x88, 0, 16];
    block.extend(b"content-encoding\x04gzip\x00\x0ccontent-type\x11text/event-stream");
    reply.extend(frame(1, 4, 1, &block));
    let parts: Vec<&[u8]> = gzipped.chunks(16_384).collect();
    for (number, part) in parts.iter().enumerate() {
        reply.extend(frame(0, u8::from(number + 1 == parts.len()), 1, part));
    }
    let stream = events(&[(Direction::Outbound, &ask), (Direction::Inbound, &reply)], 16_384);
    bench(c, "http2-gzip-sse", body.len(), &stream);
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
