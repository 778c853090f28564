//! rustls with symbols, of either mangling, 0.21 to 0.23, whatever provider does its cryptography.
//!
//! ```text
//! out: PlaintextSink::write(connection, buf, len) ─ inside: CommonState::send_appdata_encrypt(common)
//! in:  MessageDecrypter::decrypt(message) → plaintext ─ then: ExpectTraffic::handle(.., cx{common}, ..)
//! ```
//! Clients only: a server's end of a connection is passed over, once it has read something.
//! Methods behind `dyn` keep their functions in optimised builds. The connection moves while it is
//! made; `CommonState`, where it comes to rest, names it in both directions.

use std::fmt::Write as _;

use memchr::memmem;

use super::Resolver;
use crate::discover::elf::Function;
use crate::discover::image::Image;
use crate::discover::{Hook, Shape, probe_point};

pub(super) const RUSTLS: Resolver =
    Resolver { name: "rustls", number: tracer_common::tls::library::RUSTLS, mark: b"rustls", find };

const INLINED: &str = "rustls_functions_inlined";
const STRIPPED: &str = "stripped_rustls_not_recognised";
const MACHINE: &str = "rustls_machine_not_supported";
/// In the paths that panics show, which stripping leaves.
const SOURCES: &[u8] = b"/rustls-0.";
/// Copies of one function that separate compilation leaves.
const MAX_HOOKS: usize = 64;

const DROPS: [&str; 2] = [
    "core::ptr::drop_in_place<rustls::common_state::CommonState>",
    "core::ptr::drop_in_place::<rustls::common_state::CommonState>",
];

/// What a function is to us, by its demangled name without hashes.
fn shape_of(name: &str) -> Option<Shape> {
    let sink = name.starts_with("<rustls::conn::ConnectionCommon<");
    let common = name.contains("rustls::common_state::CommonState");
    let traffic = name.contains("ExpectTraffic as rustls::") && name.ends_with("::handle");
    let decrypts = name.ends_with("MessageDecrypter>::decrypt") && !name.contains("::Invalid");
    Some(match name {
        _ if sink && name.ends_with("PlaintextSink>::write") => Shape::RustlsWrite,
        _ if sink && name.ends_with("PlaintextSink>::write_vectored") => Shape::RustlsWriteVectored,
        // The first since 0.23, the second before; the third inside them, where it is not inlined.
        _ if common && name.ends_with("::buffer_plaintext") => Shape::RustlsSend,
        _ if common && name.ends_with("::send_some_plaintext") => Shape::RustlsSend,
        _ if common && name.ends_with("::send_appdata_encrypt") => Shape::RustlsSend,
        _ if DROPS.contains(&name) => Shape::RustlsDrop,
        _ if decrypts && name.to_ascii_lowercase().contains("tls13") => Shape::RustlsDecrypt13,
        _ if decrypts => Shape::RustlsDecrypt12,
        _ if traffic && name.contains("rustls::client::") => Shape::RustlsTraffic,
        _ if traffic => Shape::RustlsServer,
        _ => return None,
    })
}

fn find(image: &Image<'_>) -> Result<Option<Vec<Hook>>, &'static str> {
    let mut hooks: Vec<Hook> = Vec::new();
    let mut demangled = String::new();
    for (mangled, address, size) in image.functions() {
        if !mangled.contains("rustls") {
            continue;
        }
        demangled.clear();
        // Writing to a string cannot fail; a name that is none demangles to itself.
        let _written = write!(demangled, "{:#}", rustc_demangle::demangle(mangled));
        let Some(shape) = shape_of(&demangled) else { continue };
        let Some(function) = image.code(address, Some(size)).filter(|f| !f.code.is_empty()) else {
            continue;
        };
        if hooks.len() < MAX_HOOKS
            && let Some(hook) = hook(&demangled, function, shape)
            && !hooks.iter().any(|known| known.offset == hook.offset)
        {
            hooks.push(hook);
        }
    }
    if hooks.is_empty() {
        let has = |segment: &crate::discover::image::Segment<'_>| {
            memmem::find(segment.data, SOURCES).is_some()
        };
        return if image.segments().iter().any(has) { Err(STRIPPED) } else { Ok(None) };
    }
    if !image.is_x86_64 {
        return Err(MACHINE);
    }
    let has = |shape: Shape| hooks.iter().any(|hook| hook.shape == shape);
    let decrypts = has(Shape::RustlsDecrypt12) || has(Shape::RustlsDecrypt13);
    let whole = has(Shape::RustlsWrite) && has(Shape::RustlsSend) && has(Shape::RustlsTraffic);
    if whole && decrypts { Ok(Some(hooks)) } else { Err(INLINED) }
}

fn hook(name: &str, function: Function<'_>, shape: Shape) -> Option<Hook> {
    let point = probe_point::within(function, shape)?;
    Some(Hook {
        shape: point.shape,
        symbols: vec![name.to_owned()],
        offset: point.offset,
        returns: Vec::new(),
        parameter: 0,
        instruction: point.instruction,
        emulated: point.emulated,
        reason: point.reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_told_by_either_mangling() {
        let shape = |mangled: &str| shape_of(&format!("{:#}", rustc_demangle::demangle(mangled)));
        let cases = [
            // As rustc 1.95 makes them.
            (
                "_ZN99_$LT$rustls..conn..ConnectionCommon$LT$T$GT$$u20$as$u20$rustls..conn..connection..PlaintextSink$GT$5write17hcecf4653e6deb492E",
                Shape::RustlsWrite,
            ),
            (
                "_ZN6rustls12common_state11CommonState20send_appdata_encrypt17ha402caecedd6407cE.llvm.11381054860725367443",
                Shape::RustlsSend,
            ),
            (
                "_RNvXs7_NtNtCs4A2Wnnj4P5c_6rustls4conn10connectionINtB7_16ConnectionCommonNtNtNtB9_6client11client_conn20ClientConnectionDataENtB5_13PlaintextSink5writeCscQIiDmwa1tH_3r23",
                Shape::RustlsWrite,
            ),
            (
                "_RNvMNtCs4A2Wnnj4P5c_6rustls12common_stateNtB2_11CommonState20send_appdata_encrypt.llvm.13314593594826784952",
                Shape::RustlsSend,
            ),
            (
                "_RNvXs3_NtNtNtCs4A2Wnnj4P5c_6rustls6crypto4ring5tls13NtB5_21Tls13MessageDecrypterNtNtB9_6cipher16MessageDecrypter7decrypt",
                Shape::RustlsDecrypt13,
            ),
            (
                "_RNvXs0_NtNtNtCs4A2Wnnj4P5c_6rustls6crypto4ring5tls12NtB5_19GcmMessageDecrypterNtNtB9_6cipher16MessageDecrypter7decrypt",
                Shape::RustlsDecrypt12,
            ),
            (
                "_RNvXs9_NtNtCs4A2Wnnj4P5c_6rustls6client5tls13NtB5_13ExpectTrafficINtNtB9_12common_state5StateNtNtB7_11client_conn20ClientConnectionDataE6handle",
                Shape::RustlsTraffic,
            ),
            (
                "_RINvNtCsgEmfK2I1SDS_4core3ptr13drop_in_placeNtNtCs4A2Wnnj4P5c_6rustls12common_state11CommonStateECscQIiDmwa1tH_3r23",
                Shape::RustlsDrop,
            ),
        ];
        for (mangled, expected) in cases {
            assert_eq!(shape(mangled), Some(expected), "{:#}", rustc_demangle::demangle(mangled));
        }
        let invalid = "_RNvXsc_NtNtCs4A2Wnnj4P5c_6rustls6crypto6cipherNtB5_23InvalidMessageDecrypterNtB5_16MessageDecrypter7decrypt.llvm.15622942703586925672";
        assert_eq!(shape(invalid), None);
        let decrypt = "<rustls::crypto::aws_lc_rs::tls13::AeadMessageDecrypter as rustls::crypto::cipher::MessageDecrypter>::decrypt";
        assert_eq!(shape_of(decrypt), Some(Shape::RustlsDecrypt13));
        assert_eq!(shape_of("rustls::common_state::CommonState::send_msg"), None);
    }
}
