//! The form parser: cuts change nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::ai::framing::multipart::Parser;

fn read(parts: &[&[u8]]) -> Vec<(String, String)> {
    let Some(mut parser) = Parser::new("multipart/form-data; boundary=b") else { return Vec::new() };
    let mut fields = Vec::new();
    for part in parts {
        parser.push(part, &mut |name, value| fields.push((name.to_owned(), value.to_owned())));
    }
    fields
}

fuzz_target!(|data: &[u8]| {
    let Some((&at, rest)) = data.split_first() else { return };
    // The header block's cap is looked at once a chunk: keep both sides below it.
    if rest.len() > 1000 {
        return;
    }
    let (head, tail) = rest.split_at(usize::from(at).min(rest.len()));
    assert_eq!(read(&[rest]), read(&[head, tail]));
});
