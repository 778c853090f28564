//! HTTP/2 throughput, one core: DATA frames of a plain body, and header blocks of small calls.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tracer::event::BootTime;
use tracer::http::h2::{Conn, PREFACE};
use tracer::http::{Protocol, Side};

const AT: BootTime = BootTime(0);
/// A request for `/` at `a`, all of it static or literal.
const REQUEST: &[u8] = &[0x83, 0x87, 0x84, 0x41, 1, b'a'];
const OK: &[u8] = &[0x88];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut wire = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    wire.extend([kind, flags]);
    wire.extend(stream.to_be_bytes());
    wire.extend(payload);
    wire
}

fn open() -> Conn {
    let mut conn = Conn::new();
    conn.push(Side::Request, AT, Bytes::from_static(PREFACE));
    conn.push(Side::Request, AT, frame(1, 0x5, 1, REQUEST).into());
    conn.push(Side::Response, AT, frame(1, 0x4, 1, OK).into());
    conn
}

fn drain(conn: &mut Conn) {
    while let Some(event) = conn.poll() {
        black_box(&event);
    }
}

fn data(c: &mut Criterion) {
    let mut group = c.benchmark_group("http2");
    for (name, size) in [("data-16k", 16_384), ("data-sse-200", 200)] {
        // One TLS record each, as servers write streamed events.
        let record = Bytes::from(frame(0, 0, 1, &vec![b'x'; size]));
        group.throughput(Throughput::Bytes(record.len() as u64));
        let mut conn = open();
        group.bench_function(name, |b| {
            b.iter(|| {
                conn.push(Side::Response, AT, record.clone());
                drain(&mut conn);
            });
        });
    }
    group.throughput(Throughput::Elements(1));
    let mut conn = open();
    let mut stream = 1;
    group.bench_function("calls", |b| {
        b.iter(|| {
            stream += 2;
            conn.push(Side::Request, AT, frame(1, 0x5, stream, REQUEST).into());
            conn.push(Side::Response, AT, frame(1, 0x5, stream, OK).into());
            drain(&mut conn);
        });
    });
    group.finish();
}

criterion_group!(benches, data);
criterion_main!(benches);
