//! glibc's dynamic linker: its debugger hook says when libraries have been mapped (elf/dl-debug.c).

use super::TlsLibrary;
use crate::discover::Shape;

pub(super) const LINKER: TlsLibrary = TlsLibrary {
    name: "dynamic linker",
    number: 0,
    functions: &[("_dl_debug_state", Shape::Mapped)],
    proof: &["_dl_debug_state"],
    foreign: &[],
};
