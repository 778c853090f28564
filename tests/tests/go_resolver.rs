//! Where Go's TLS functions are found, over every form of a Go program, against the Go tool chain's own
//! disassembly; and files that are damaged.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::path::Path;

use tests::golang::{self, BUILDS, Build, LIBRARY, RELEASES};
use tracer::discover::go::{self, FUNCTIONS};
use tracer::discover::image::Image;
use tracer::discover::{Hook, Shape};

/// Offsets of hooks from the beginning of their function, by function.
type Places = BTreeSet<(String, u64)>;

fn places(image: &Image<'_>, hooks: &[Hook]) -> Places {
    let found = go::locate(image).unwrap().unwrap();
    let mut places = Places::new();
    for (name, function) in FUNCTIONS.iter().zip(found.functions) {
        let Some(function) = function else { continue };
        for hook in hooks.iter().filter(|hook| hook.symbols == [*name]) {
            let at = hook.offset.checked_sub(function.offset).unwrap();
            assert!(at < function.code.len() as u64, "{hook:?} is outside {name}");
            places.insert(((*name).to_owned(), at));
        }
    }
    places
}

/// Instructions of the functions as `go tool objdump` has them: offset in the function, text.
fn disassembly(path: &Path) -> BTreeSet<(String, u64, String)> {
    let only = r"^crypto/tls\.\(\*Conn\)\.(Write|Read|Close|clientHandshake)$";
    let output =
        golang::command().args(["tool", "objdump", "-s", only]).arg(path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut found = BTreeSet::new();
    let (mut name, mut start) = (String::new(), None);
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("TEXT ") {
            name = rest.split("(SB)").next().unwrap().to_owned();
            start = None;
            continue;
        }
        let mut fields = line.split_whitespace();
        let Some(address) = fields.nth(1).and_then(|text| text.strip_prefix("0x")) else {
            continue;
        };
        let address = u64::from_str_radix(address, 16).unwrap();
        let start = *start.get_or_insert(address);
        found.insert((name.clone(), address - start, fields.nth(1).unwrap_or_default().to_owned()));
    }
    found
}

#[test]
fn every_place_is_an_instruction_of_the_function_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut builds: Vec<(&str, Build)> = BUILDS.map(|build| ("go_client", build)).to_vec();
    builds.extend(LIBRARY.map(|build| ("go_library", build)));
    // A stripped build has the functions of the build before it.
    let mut twin: Option<Places> = None;
    let mut checked = 0;
    for (source, build) in builds {
        let path = golang::build(source, build, folder.path()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let image = Image::parse(&bytes).unwrap();
        assert!(go::is_go(&image), "{build:?}");
        let hooks = go::hooks(&image).unwrap().unwrap();
        assert!(hooks.iter().all(|hook| hook.shape.is_go() && !hook.shape.wants_return()));
        let places = places(&image, &hooks);
        assert_eq!(places.len(), hooks.len(), "{build:?}");
        if build.stripped {
            assert_eq!(Some(&places), twin.as_ref(), "{build:?}");
        } else {
            let oracle = disassembly(&path);
            for (name, at) in &places {
                assert!(
                    oracle.iter().any(|(of, place, _)| (of, place) == (name, at)),
                    "{build:?}: {name}+{at} is no instruction"
                );
            }
            let rets =
                |name: &str| oracle.iter().filter(|(of, _, op)| of == name && op == "RET").count();
            let probed = |name: &str| {
                let returns =
                    |hook: &&Hook| hook.shape == Shape::GoReturn && hook.symbols == [name];
                hooks.iter().filter(returns).count()
            };
            for name in [FUNCTIONS[0], FUNCTIONS[1], FUNCTIONS[3]] {
                assert!(rets(name) > 0 && rets(name) == probed(name), "{build:?}: {name}");
            }
            twin = Some(places);
        }
        checked += hooks.len();
    }
    println!("{checked} places, each an instruction of its function");
}

#[test]
fn older_releases_are_found_in_stripped_programs() {
    let folder = tempfile::tempdir().unwrap();
    for release in RELEASES {
        for mode in ["exe", "pie"] {
            let build = Build { mode, ..golang::of(release) };
            let path = match golang::build("go_client", build, folder.path()) {
                Ok(path) => path,
                Err(error) => {
                    println!("SKIPPED {release}: {error}");
                    continue;
                }
            };
            let bytes = std::fs::read(&path).unwrap();
            let image = Image::parse(&bytes).unwrap();
            let version = go::buildinfo::find(&image).unwrap();
            assert!(release.starts_with(&format!("go{}.{}.", version.0, version.1)), "{version:?}");
            let hooks = go::hooks(&image).unwrap().unwrap();
            let shapes: BTreeSet<Shape> = hooks.iter().map(|hook| hook.shape).collect();
            let expected = match version.1 {
                16 => [
                    Shape::GoStackWrite,
                    Shape::GoStackRead,
                    Shape::GoStackClose,
                    Shape::GoStackHandshake,
                    Shape::GoStackReturn,
                ],
                17..21 => [
                    Shape::GoWrite,
                    Shape::GoRead,
                    Shape::GoClose,
                    Shape::GoHandshakeBefore121,
                    Shape::GoReturn,
                ],
                _ => [
                    Shape::GoWrite,
                    Shape::GoRead,
                    Shape::GoClose,
                    Shape::GoHandshake,
                    Shape::GoReturn,
                ],
            };
            assert_eq!(shapes, BTreeSet::from(expected), "{release} {mode}");
        }
    }
}

/// The table is found by its header where no section says where it is.
#[test]
fn a_program_without_section_table_reads_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for build in [BUILDS[1], BUILDS[3], BUILDS[5]] {
        let path = golang::build("go_client", build, folder.path()).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let with = go::hooks(&Image::parse(&bytes).unwrap()).unwrap().unwrap();
        // e_shoff, e_shnum and e_shstrndx.
        bytes[0x28..0x30].fill(0);
        bytes[0x3c..0x40].fill(0);
        let image = Image::parse(&bytes).unwrap();
        assert!(image.section(".text").is_none());
        assert_eq!(go::hooks(&image).unwrap().unwrap(), with, "{build:?}");
    }
}

#[test]
fn damaged_programs_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = golang::build("go_client", BUILDS[3], folder.path()).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for len in (0..bytes.len()).step_by(bytes.len() / 37) {
        if let Ok(image) = Image::parse(&bytes[..len]) {
            let _found = go::hooks(&image);
        }
    }
    // A linear congruential generator: the same damage each time.
    let mut state = 1u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    let image = Image::parse(&bytes).unwrap();
    let table = go::pclntab::find(&image).unwrap();
    let segment = image
        .segments()
        .iter()
        .find(|s| s.address <= table.address && table.address < s.address + s.data.len() as u64)
        .unwrap();
    let header = (segment.offset + table.address - segment.address) as usize;
    for _round in 0..60 {
        let mut damaged = bytes.clone();
        for _ in 0..8 {
            let at = match next(3) {
                0 => next(1024),
                1 => header + next(256),
                _ => next(damaged.len()),
            };
            damaged[at] = next(256) as u8;
        }
        if let Ok(image) = Image::parse(&damaged)
            && let Ok(Some(hooks)) = go::hooks(&image)
        {
            assert!(hooks.iter().all(|hook| hook.offset < damaged.len() as u64));
        }
    }
}
