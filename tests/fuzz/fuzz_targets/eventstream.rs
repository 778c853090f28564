//! The AWS event stream parser: cuts change nothing, memory is bounded.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tracer::ai::framing::eventstream::{Message, Parser};

fn read(parts: &[&[u8]]) -> Vec<Message> {
    let mut parser = Parser::default();
    let mut messages = Vec::new();
    for part in parts {
        parser.push(Bytes::copy_from_slice(part));
        messages.extend(std::iter::from_fn(|| parser.poll()));
    }
    messages
}

fuzz_target!(|data: &[u8]| {
    let Some((&at, rest)) = data.split_first() else { return };
    let (head, tail) = rest.split_at(usize::from(at).min(rest.len()));
    assert_eq!(read(&[rest]), read(&[head, tail]));
});
