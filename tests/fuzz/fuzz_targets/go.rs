//! A Go program: its ELF file, or its table of functions alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::discover::go::pclntab::Pclntab;
use tracer::discover::go::{self, FUNCTIONS};
use tracer::discover::image::Image;

fuzz_target!(|data: &[u8]| {
    if let Some(table) = Pclntab::parse(0x1000, data) {
        let _found = table.functions(&FUNCTIONS);
        let _count = table.all().count();
    }
    if let Ok(image) = Image::parse(data) {
        let _found = go::hooks(&image);
    }
});
