//! Where a Go program's text begins, for tables that count from there [pure].
//!
//! Not the `.text` section where C code is linked in before it. Several places say it; each may be
//! missing: the table's header (before 1.26; zero and relocated in position-independent programs), the
//! runtime's module record, the program's entry point.

use memchr::memmem;

use super::pclntab::Pclntab;
use crate::discover::image::Image;

/// `runtime.moduledata` (runtime/symtab.go): the table's address, six slices, the address of the
/// pc buckets, lowest and highest pc, then the text: the same since 1.16.
const MIN_PC: u64 = (1 + 5 * 3 + 3 + 1) * 8;
const TEXT: u64 = MIN_PC + 2 * 8;
/// Places that may be the module record and are looked at.
const MAX_RECORDS: usize = 64;
const ENTRY_POINT: &str = "_rt0_amd64_linux";

/// Candidates, the most trustworthy first. The caller checks what they lead to.
pub fn text_starts(image: &Image<'_>, table: &Pclntab<'_>) -> Vec<u64> {
    if !table.is_relative() {
        return vec![0];
    }
    let mut starts: Vec<u64> = table.text_start().into_iter().collect();
    starts.extend(image.pointer(table.text_start_field()));
    starts.extend(from_module(image, table));
    if let [Some((entry, _))] = table.functions(&[ENTRY_POINT]) {
        starts.extend(image.entry.checked_sub(entry));
    }
    starts.extend(image.section(".text").map(|(address, _)| address));
    let mut unique = Vec::new();
    for start in starts {
        if !unique.contains(&start) {
            unique.push(start);
        }
    }
    unique
}

/// From the module record, found by its pointer to the table: as bytes, or as a relocation.
fn from_module(image: &Image<'_>, table: &Pclntab<'_>) -> Vec<u64> {
    let stored = image.segments().iter().filter(|segment| segment.writable).flat_map(|segment| {
        memmem::find_iter(segment.data, &table.address.to_le_bytes())
            .filter(|at| at % 8 == 0)
            .map(|at| segment.address.wrapping_add(at as u64))
            .collect::<Vec<_>>()
    });
    let records = stored.chain(image.relocations_to(table.address)).take(MAX_RECORDS);
    records
        .filter_map(|record| {
            let lowest = image.pointer(record.checked_add(MIN_PC)?)?;
            let text = image.pointer(record.checked_add(TEXT)?)?;
            // The first function begins the text, or shortly behind a few bytes of C.
            (text <= lowest && image.code(text, None).is_some()).then_some(text)
        })
        .collect()
}
