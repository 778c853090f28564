//! WebSocket, plain and deflated.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tracer::http::Side;
use tracer::http::websocket::{Decoder, DeflateParams};

fuzz_target!(|data: &[u8]| {
    let Some((&first, rest)) = data.split_first() else { return };
    let deflate = (first & 1 == 1).then(DeflateParams::default);
    let side = if first & 2 == 2 { Side::Request } else { Side::Response };
    let mut decoder = Decoder::new(side, deflate);
    for part in rest.chunks(1 + usize::from(first >> 2)) {
        decoder.push(Bytes::copy_from_slice(part));
        while decoder.poll().is_some() {}
        assert!(decoder.memory() < 1 << 20);
    }
});
