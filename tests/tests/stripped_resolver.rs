//! Functions of stripped programs: found once, at the beginning of a function, and never in a file
//! that was changed.

#![allow(clippy::unwrap_used, reason = "a test")]

use tests::runtimes::{bun, deno};
use tracer::discover::image::Image;
use tracer::discover::signature::boringssl;
use tracer::discover::{Hook, Shape};

/// Offset in the file of a hook's place, from an address of the code segment.
fn bytes_at(bytes: &[u8], hook: &Hook) -> [u8; 4] {
    let at = hook.offset as usize;
    bytes[at..at + 4].try_into().unwrap()
}

#[test]
fn bun_has_each_function_once() {
    let bytes = std::fs::read(bun().unwrap()).unwrap();
    let image = Image::parse(&bytes).unwrap();
    let hooks = boringssl(&image).unwrap().unwrap();
    let mut shapes: Vec<Shape> = hooks.iter().map(|hook| hook.shape).collect();
    shapes.sort_unstable();
    let all = [Shape::Write, Shape::Read, Shape::BoringName, Shape::BoringHandshake];
    assert_eq!(shapes, all);
    for hook in &hooks {
        println!("{hook:?}");
        // `push rbp; mov rbp, rsp`, behind the padding of another function.
        assert_eq!(bytes_at(&bytes, hook), [0x55, 0x48, 0x89, 0xe5], "{hook:?}");
        assert_eq!(bytes[hook.offset as usize - 1], 0xcc, "{hook:?}");
        assert!(hook.emulated && hook.offset.is_multiple_of(16), "{hook:?}");
    }
}

/// What makes a function what it is, changed: then it is not taken.
#[test]
fn a_changed_signature_is_refused() {
    let original = std::fs::read(bun().unwrap()).unwrap();
    let hooks = boringssl(&Image::parse(&original).unwrap()).unwrap().unwrap();
    let write = hooks.iter().find(|hook| hook.shape == Shape::Write).unwrap();
    let start = write.offset as usize;
    // `mov edx, 226`: its second error code.
    let code = [0xba, 0xe2, 0, 0, 0];
    let at = original[start..start + 1024].windows(5).position(|bytes| bytes == code).unwrap();
    let mut changed = original.clone();
    changed[start + at + 1] = 0xe3;
    assert!(boringssl(&Image::parse(&changed).unwrap()).is_err());
    // A second copy of the file's name: nobody can say which one is meant.
    let name = b"boringssl/ssl/ssl_lib.cc\0";
    let place = original.windows(name.len()).position(|bytes| bytes == name).unwrap();
    let mut changed = original;
    changed[place + name.len()..place + 2 * name.len()].copy_from_slice(name);
    assert!(!matches!(boringssl(&Image::parse(&changed).unwrap()), Ok(Some(_))));
}

#[test]
fn a_program_with_another_library_has_none() {
    let bytes = std::fs::read(deno().unwrap()).unwrap();
    assert_eq!(boringssl(&Image::parse(&bytes).unwrap()), Ok(None));
}

#[test]
fn damaged_code_never_panics() {
    let mut bytes = std::fs::read(bun().unwrap()).unwrap();
    let hooks = boringssl(&Image::parse(&bytes).unwrap()).unwrap().unwrap();
    let mut state = 7u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    for round in 0..12 {
        let hook = &hooks[round % hooks.len()];
        for _ in 0..4 {
            bytes[hook.offset as usize + next(512)] = next(256) as u8;
        }
        let image = Image::parse(&bytes).unwrap();
        if let Ok(Some(found)) = boringssl(&image) {
            assert!(found.iter().all(|hook| hook.offset < bytes.len() as u64));
        }
    }
}
