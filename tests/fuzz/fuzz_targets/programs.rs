//! A program with a TLS library inside: its ELF file, or a Go program's table of functions alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::discover::go::FUNCTIONS;
use tracer::discover::go::pclntab::Pclntab;
use tracer::discover::image::Image;
use tracer::discover::libraries::RESOLVERS;

fuzz_target!(|data: &[u8]| {
    if let Some(table) = Pclntab::parse(0x1000, data) {
        let _found = table.functions(&FUNCTIONS);
        let _count = table.all().count();
    }
    if let Ok(image) = Image::parse(data) {
        for resolver in RESOLVERS {
            let _found = (resolver.find)(&image);
        }
    }
});
