//! The Go version of a program, from `.go.buildinfo` (Go's debug/buildinfo) [pure].

use memchr::memmem;

use super::abi::Abi;
use crate::discover::image::Image;

const MAGIC: &[u8] = b"\xff Go buildinf:";
/// Pointer size and flags follow the magic.
const FLAGS: usize = 15;
/// Where the strings, or pointers to them, begin.
const BODY: usize = 16;
const FLAG_BIG_ENDIAN: u8 = 1;
const FLAG_INLINE: u8 = 2;
/// Longest version text believed: `devel go1.27-0123456789 Thu ... X:experiments`.
const MAX_VERSION: usize = 256;
/// The linker aligns the structure so.
const ALIGNMENT: usize = 16;

/// A Go release, `1.minor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl Version {
    /// amd64 passes arguments in registers since Go 1.17.
    pub fn abi(self) -> Abi {
        if self >= Self(1, 17) { Abi::Register } else { Abi::Stack }
    }

    /// `go1.21.13`, `go1.26.0 X:nodwarf5`, `devel go1.27-abc ...`.
    pub fn parse(text: &str) -> Option<Self> {
        let (_, numbers) = text.split_once("go")?;
        let mut parts = numbers.split(|c: char| !c.is_ascii_digit());
        Some(Self(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
}

/// The version a program was built with; `None` where it does not say.
pub fn find(image: &Image<'_>) -> Option<Version> {
    let named = image.section(".go.buildinfo").map(|(_, data)| data).and_then(|d| read(image, d));
    named.or_else(|| {
        // Without a section table: it lies in the data segment, aligned.
        image.segments().iter().filter(|segment| !segment.executable).find_map(|segment| {
            memmem::find_iter(segment.data, MAGIC)
                .filter(|at| at % ALIGNMENT == 0)
                .find_map(|at| read(image, &segment.data[at..]))
        })
    })
}

fn read(image: &Image<'_>, info: &[u8]) -> Option<Version> {
    if !info.starts_with(MAGIC) {
        return None;
    }
    let flags = *info.get(FLAGS)?;
    let text = if flags & FLAG_INLINE != 0 {
        let body = info.get(BODY * 2..)?;
        let (len, used) = varint(body)?;
        body.get(used..)?.get(..len)?
    } else if flags & FLAG_BIG_ENDIAN == 0 {
        // A pointer to a string: a pointer and a length.
        let word = info.get(BODY..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))?;
        let string = if word == 0 { None } else { Some(word) }?;
        let text = image.at(image.pointer(string)?)?;
        let len = image.at(string.checked_add(8)?)?.first_chunk().copied()?;
        text.get(..usize::try_from(u64::from_le_bytes(len)).ok()?)?
    } else {
        return None;
    };
    Version::parse(std::str::from_utf8(text.get(..text.len().min(MAX_VERSION))?).ok()?)
}

/// Unsigned LEB128 as encoding/binary has it: value and bytes used.
fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0usize;
    for (index, byte) in bytes.iter().enumerate().take(4) {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions_of_all_kinds() {
        assert_eq!(Version::parse("go1.21.13"), Some(Version(1, 21)));
        assert_eq!(Version::parse("go1.26rc1 X:nodwarf5"), Some(Version(1, 26)));
        assert_eq!(Version::parse("devel go1.27-1a2b3c4d Thu"), Some(Version(1, 27)));
        assert_eq!(Version::parse("unknown"), None);
        assert_eq!(Version(1, 16).abi(), Abi::Stack);
        assert_eq!(Version(1, 17).abi(), Abi::Register);
    }
}
