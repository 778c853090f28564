//! The event stream parser: cuts change nothing.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tracer::http::sse::Parser;

fn read(parts: &[&[u8]]) -> Vec<(Option<Bytes>, Bytes)> {
    let mut parser = Parser::default();
    let mut events = Vec::new();
    for part in parts {
        parser.push(Bytes::copy_from_slice(part));
        while let Some(event) = parser.poll() {
            events.push((event.name, event.data));
        }
    }
    events
}

fuzz_target!(|data: &[u8]| {
    let Some((&at, rest)) = data.split_first() else { return };
    let (head, tail) = rest.split_at(usize::from(at).min(rest.len()));
    assert_eq!(read(&[rest]), read(&[head, tail]));
});
