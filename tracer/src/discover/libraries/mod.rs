//! The TLS libraries we can read: one row each. To add one of a known calling shape, add a file and a line.

mod boringssl;
mod gnutls;
mod go;
mod linker;
mod nss;
mod openssl;
mod rustls;

use crate::discover::elf::Elf;
use crate::discover::image::Image;
use crate::discover::probe_point::choose;
use crate::discover::{Hook, Shape};

#[derive(Debug)]
pub struct TlsLibrary {
    pub name: &'static str,
    /// [`tracer_common::tls::library`]; 0 for the dynamic linker, which has no flows.
    pub number: u32,
    /// Functions and their shapes.
    pub functions: &'static [(&'static str, Shape)],
    /// A file without all of these is not this library.
    pub proof: &'static [&'static str],
    /// A file with one of these is another library that shares the names.
    pub foreign: &'static [&'static str],
}

/// Sorted by name.
pub const LIBRARIES: &[TlsLibrary] =
    &[boringssl::NAMED, linker::LINKER, gnutls::GNUTLS, nss::NSPR, nss::NSS, openssl::OPENSSL];

/// A library whose functions are found by other means than exported names.
#[derive(Debug)]
pub struct Resolver {
    pub name: &'static str,
    /// [`tracer_common::tls::library`]
    pub number: u32,
    /// Bytes that a file with this library holds somewhere.
    pub mark: &'static [u8],
    /// The hooks; `None`: not here after all. The error is why a file with it is not probed.
    pub find: fn(&Image<'_>) -> Result<Option<Vec<Hook>>, &'static str>,
}

/// Sorted by name.
pub const RESOLVERS: &[Resolver] = &[boringssl::BORINGSSL, go::GO, rustls::RUSTLS];

/// Whether any library wants a symbol.
pub fn wants(symbol: &str) -> bool {
    LIBRARIES.iter().any(|library| {
        library.functions.iter().any(|(name, _)| *name == symbol)
            || library.proof.contains(&symbol)
            || library.foreign.contains(&symbol)
    })
}

/// Why a file that holds a library is not probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsafe {
    /// A return probe on a Go program crashes it.
    GoReturnProbe,
}

impl Unsafe {
    pub const fn reason(self) -> &'static str {
        match self {
            Self::GoReturnProbe => "unsafe_go_return_probe",
        }
    }
}

/// The libraries in a file and the hooks for each; functions that lead to one place make one hook.
/// A static program has several: its own dynamic linker beside OpenSSL.
///
/// # Errors
/// [`Unsafe`] where the file holds a library but must not be probed.
pub fn find(elf: &Elf<'_>) -> Result<Vec<(&'static TlsLibrary, Vec<Hook>)>, Unsafe> {
    let has = |name: &&str| elf.function(name).is_some();
    let present =
        |library: &&TlsLibrary| library.proof.iter().all(has) && !library.foreign.iter().any(has);
    let found: Vec<_> = LIBRARIES.iter().filter(present).collect();
    if !found.is_empty() && elf.is_go {
        return Err(Unsafe::GoReturnProbe);
    }
    Ok(found.into_iter().map(|library| (library, hooks(elf, library))).collect())
}

fn hooks(elf: &Elf<'_>, library: &TlsLibrary) -> Vec<Hook> {
    let mut hooks: Vec<Hook> = Vec::new();
    for (name, shape) in library.functions {
        let Some(point) = elf.function(name).and_then(|function| choose(elf, function, *shape))
        else {
            continue;
        };
        if let Some(hook) =
            hooks.iter_mut().find(|h| h.offset == point.offset && h.shape == point.shape)
        {
            hook.symbols.push((*name).to_owned());
            continue;
        }
        hooks.push(Hook {
            shape: point.shape,
            symbols: vec![(*name).to_owned()],
            offset: point.offset,
            instruction: point.instruction,
            returns: Vec::new(),
            parameter: 0,
            emulated: point.emulated,
            reason: point.reason,
        });
    }
    hooks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_sorted_and_want_their_proof() {
        assert!(RESOLVERS.is_sorted_by_key(|l| l.name));
        assert!(LIBRARIES.is_sorted_by_key(|l| l.name));
        for library in LIBRARIES {
            assert!(library.proof.iter().all(|name| wants(name)), "{}", library.name);
        }
    }

    #[test]
    fn the_systems_libssl_is_probed_at_emulated_instructions() {
        let Ok(bytes) = std::fs::read("/usr/lib/x86_64-linux-gnu/libssl.so.3") else {
            println!("SKIPPED: no libssl.so.3 here");
            return;
        };
        let elf = Elf::parse(&bytes, wants).unwrap();
        let (library, hooks) = find(&elf).unwrap().remove(0);
        assert_eq!(library.name, "openssl");
        for hook in &hooks {
            println!(
                "{:?} {:?} {:#x} {} ({})",
                hook.shape, hook.symbols, hook.offset, hook.instruction, hook.reason
            );
        }
        // What moves data decides the cost.
        let data = hooks.iter().filter(|h| {
            matches!(h.shape, Shape::WriteEx | Shape::ReadEx | Shape::Write | Shape::Read)
        });
        assert!(data.clone().count() >= 2 && data.clone().all(|h| h.emulated));
    }

    #[test]
    fn a_cut_file_is_an_error_or_has_nothing() {
        let Ok(bytes) = std::fs::read("/usr/lib/x86_64-linux-gnu/libssl.so.3") else { return };
        for len in (0..bytes.len()).step_by(bytes.len() / 97 + 1) {
            if let Ok(elf) = Elf::parse(&bytes[..len], wants) {
                let _found = find(&elf);
            }
        }
    }
}
