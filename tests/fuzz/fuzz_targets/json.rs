//! The JSON scanner with every family's map, cut in two.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::ai::endpoint::{Endpoint, Family};
use tracer::ai::fact::Learned;
use tracer::ai::families;
use tracer::ai::json::Scanner;

fuzz_target!(|data: &[u8]| {
    let Some((&first, rest)) = data.split_first() else { return };
    let family = Family::ALL[usize::from(first) % Family::ALL.len()];
    let endpoint = Endpoint { operation: "chat", family, model: None, stream: None, sure: true };
    let (head, tail) = rest.split_at(rest.len() / 2);
    let mut learned = Learned::new(families::of(&endpoint));
    let mut scanner = Scanner::sequence();
    learned.begin(None);
    scanner.push(head, &mut learned);
    scanner.push(tail, &mut learned);
    let _whole = scanner.finish(&mut learned);
    let _usage = learned.usage();
    assert!(learned.memory() < 1 << 20);
});
