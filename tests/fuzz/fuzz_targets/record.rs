//! A ring record, and a recording's frames.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tracer::kernel::decode::decode;
use tracer::recording::Reader;

fuzz_target!(|data: &[u8]| {
    let _event = decode(&Bytes::copy_from_slice(data));
    if let Ok(mut reader) = Reader::new(data) {
        while let Ok(Some(frame)) = reader.frame() {
            let _event = decode(&Bytes::from(frame));
        }
    }
});
