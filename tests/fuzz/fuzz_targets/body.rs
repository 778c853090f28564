//! Content codings: no panic, no bomb.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tracer::http::body::{Decoder, MAX_RATIO, RATIO_FROM};

fuzz_target!(|data: &[u8]| {
    let Some((&first, rest)) = data.split_first() else { return };
    let coding = ["gzip", "deflate", "br", "zstd", "gzip, br", "zstd, gzip"][usize::from(first) % 6];
    let Ok(mut decoder) = Decoder::new(Some(coding)) else { return };
    let mut out = 0_u64;
    for part in rest.chunks(97) {
        if decoder.push(Bytes::copy_from_slice(part), &mut |piece| out += piece.len() as u64).is_err() {
            break;
        }
    }
    assert!(out <= RATIO_FROM + rest.len() as u64 * MAX_RATIO + (1 << 20));
});
