//! What the two HTTP targets share.

use std::collections::HashSet;

use bytes::Bytes;
use tracer::event::BootTime;
use tracer::http::{Close, HttpEvent, Protocol, Side};

/// Plays a conversation that the fuzzer wrote: steps of a side, a length, and bytes or a hole. Memory
/// stays bounded, and each exchange that begins ends once.
pub fn conversation(conn: &mut dyn Protocol, mut rest: &[u8]) {
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
}

fn note(event: &HttpEvent, begun: &mut HashSet<u64>, ended: &mut HashSet<u64>) {
    let id = event.id().0;
    assert!(!ended.contains(&id), "an exchange speaks after its end");
    match event {
        HttpEvent::RequestHead { .. } => assert!(begun.insert(id)),
        HttpEvent::End { .. } => assert!(ended.insert(id)),
        _ => {}
    }
}
