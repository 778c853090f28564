//! HTTP/2: both sides, holes, closes; bounded, and each exchange ends once.
#![no_main]

use std::collections::HashSet;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tracer::event::BootTime;
use tracer::http::h2::Conn;
use tracer::http::{Close, HttpEvent, Protocol, Side};

fuzz_target!(|data: &[u8]| {
    let Some((&first, mut rest)) = data.split_first() else { return };
    let mut conn = if first & 1 == 0 { Conn::new() } else { Conn::late() };
    let (mut begun, mut ended) = (HashSet::new(), HashSet::new());
    let mut at = 0;
    while let Some((&step, after)) = rest.split_first() {
        at += 1;
        let side = if step & 1 == 0 { Side::Request } else { Side::Response };
        let len = usize::from(step >> 2).min(after.len());
        let (part, after) = after.split_at(len);
        if step & 2 == 2 && len % 7 == 3 {
            conn.gap(side, BootTime(at), (len % 2 == 0).then_some(len as u64));
        } else {
            conn.push(side, BootTime(at), Bytes::copy_from_slice(part));
        }
        rest = after;
        while let Some(event) = conn.poll() {
            note(&event, &mut begun, &mut ended);
        }
        assert!(conn.memory() < 1 << 20);
    }
    conn.close(Side::Response, BootTime(at), Close::ByProcess);
    conn.close(Side::Request, BootTime(at), Close::ByProcess);
    while let Some(event) = conn.poll() {
        note(&event, &mut begun, &mut ended);
    }
    assert_eq!(begun, ended);
});

fn note(event: &HttpEvent, begun: &mut HashSet<u64>, ended: &mut HashSet<u64>) {
    let id = event.id().0;
    assert!(!ended.contains(&id), "an exchange speaks after its end");
    match event {
        HttpEvent::RequestHead { .. } => assert!(begun.insert(id)),
        HttpEvent::End { .. } => assert!(ended.insert(id)),
        _ => {}
    }
}
