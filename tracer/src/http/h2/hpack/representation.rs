//! One header field representation: the syntax of RFC 7541, sections 5 and 6.
//!
//! In: bytes at the beginning of a representation. Out: its parts, borrowed, or "feed me more" with
//! the length it will have when that is already known. Integers are bounded to 32 bits.

use super::HpackError;

/// A string literal, still coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text<'a> {
    pub(super) huffman: bool,
    pub(super) raw: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    Index(usize),
    Literal(Text<'a>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Representation<'a> {
    Indexed(usize),
    Literal { indexed: bool, name: Name<'a>, value: Text<'a> },
    SizeUpdate(usize),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'a> {
    /// The representation and its length.
    Complete(Representation<'a>, usize),
    /// `head`: what is known of a literal whose value is not all there, with the whole length.
    Partial(Option<Head<'a>>),
}

/// A literal up to its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) indexed: bool,
    pub(super) name: Name<'a>,
    /// Bytes of the whole representation.
    pub(super) whole: usize,
}

/// RFC 7541, section 5.1. `None`: incomplete.
fn integer(bytes: &[u8], prefix_bits: u32) -> Result<Option<(usize, usize)>, HpackError> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let mask = (1u8 << prefix_bits) - 1;
    let mut value = u64::from(first & mask);
    if first & mask != mask {
        return Ok(Some((value as usize, 1)));
    }
    // Five groups of seven bits hold any 32-bit value; a longer form is an attack.
    for group in 0..5 {
        let Some(&byte) = bytes.get(1 + group) else { return Ok(None) };
        value += u64::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).map_err(|_| HpackError::IntegerOverflow)?;
            return Ok(Some((value as usize, 2 + group)));
        }
    }
    Err(HpackError::IntegerOverflow)
}

/// Length of a string literal's beginning, whether it is Huffman coded, and its length.
fn string_head(bytes: &[u8]) -> Result<Option<(usize, bool, usize)>, HpackError> {
    let Some((len, used)) = integer(bytes, 7)? else { return Ok(None) };
    Ok(Some((used, bytes[0] & 0x80 != 0, len)))
}

/// Parses the representation `bytes` begins with. `longest`: most bytes a literal name may have.
pub(super) fn parse(bytes: &[u8], longest: usize) -> Result<Parsed<'_>, HpackError> {
    const PARTIAL: Result<Parsed<'_>, HpackError> = Ok(Parsed::Partial(None));
    let Some(&first) = bytes.first() else { return PARTIAL };
    if first & 0x80 != 0 {
        let Some((index, used)) = integer(bytes, 7)? else { return PARTIAL };
        if index == 0 {
            return Err(HpackError::IndexOutOfRange);
        }
        return Ok(Parsed::Complete(Representation::Indexed(index), used));
    }
    if first & 0xe0 == 0x20 {
        let Some((size, used)) = integer(bytes, 5)? else { return PARTIAL };
        return Ok(Parsed::Complete(Representation::SizeUpdate(size), used));
    }
    // 01: with indexing; 0000 and 0001: without, and never.
    let indexed = first & 0x40 != 0;
    let Some((index, mut at)) = integer(bytes, if indexed { 6 } else { 4 })? else {
        return PARTIAL;
    };
    let name = if index == 0 {
        let Some((used, huffman, len)) = string_head(&bytes[at..])? else { return PARTIAL };
        if len > longest {
            return Err(HpackError::StringTooLong);
        }
        at += used;
        let Some(raw) = bytes.get(at..at + len) else { return PARTIAL };
        at += len;
        Name::Literal(Text { huffman, raw })
    } else {
        Name::Index(index)
    };
    let Some((used, huffman, len)) = string_head(&bytes[at..])? else { return PARTIAL };
    at += used;
    let whole = at.saturating_add(len);
    match bytes.get(at..whole) {
        Some(raw) => {
            let value = Text { huffman, raw };
            Ok(Parsed::Complete(Representation::Literal { indexed, name, value }, whole))
        }
        None => Ok(Parsed::Partial(Some(Head { indexed, name, whole }))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_the_rfc() {
        // RFC 7541, C.1.1 to C.1.3.
        assert_eq!(integer(&[0b0000_1010], 5), Ok(Some((10, 1))));
        assert_eq!(integer(&[0b0001_1111, 0b1001_1010, 0b0000_1010], 5), Ok(Some((1337, 3))));
        assert_eq!(integer(&[0b0001_1111, 0b1001_1010], 5), Ok(None));
        assert_eq!(
            integer(&[0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 1], 7),
            Err(HpackError::IntegerOverflow)
        );
    }

    #[test]
    fn a_partial_value_tells_its_length() {
        let bytes = [0x40, 1, b'a', 0x7f, 0xe8, 0x07, b'x'];
        let name = Name::Literal(Text { huffman: false, raw: b"a" });
        assert_eq!(
            parse(&bytes, 100),
            Ok(Parsed::Partial(Some(Head { indexed: true, name, whole: 6 + 127 + 1000 })))
        );
    }
}
