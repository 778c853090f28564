//! HTTP/2: both sides, holes, closes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::http::h2::Conn;

fuzz_target!(|data: &[u8]| {
    let Some((&first, rest)) = data.split_first() else { return };
    let mut conn = if first & 1 == 0 { Conn::new() } else { Conn::late() };
    fuzz::conversation(&mut conn, rest);
});
