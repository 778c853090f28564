//! The Huffman code of RFC 7541, Appendix B.
//!
//! In: one coded string. Out: its bytes, appended to a buffer, at most as many as the caller allows.
//! The code is canonical (within a length, codes ascend with the symbol), so the lengths are the
//! whole table; a test checks that on the RFC's own examples and on recorded header blocks.

use super::HpackError;

/// Code length in bits of each byte value; the last is EOS.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

const EOS: u16 = 256;
const LONGEST: usize = 30;
/// Codes up to this length are looked up at once; they are all that header text is made of.
const FAST_BITS: u32 = 10;

struct Tables {
    /// By the next [`FAST_BITS`] bits: symbol and its length; length 0 sends to the slow path.
    fast: [(u8, u8); 1 << FAST_BITS],
    /// Symbols in the order of their codes.
    symbols: [u16; 257],
    /// By length: the first 32-bit, left-aligned word beyond the codes of this length.
    limit: [u64; LONGEST + 1],
    /// By length: first code and its place in `symbols`.
    first: [(u32, u16); LONGEST + 1],
}

static TABLES: Tables = build();

const fn build() -> Tables {
    let mut tables = Tables {
        fast: [(0, 0); 1 << FAST_BITS],
        symbols: [0; 257],
        limit: [0; LONGEST + 1],
        first: [(0, 0); LONGEST + 1],
    };
    let mut code = 0u32;
    let mut place = 0usize;
    let mut length = 1;
    while length <= LONGEST {
        code <<= 1;
        tables.first[length] = (code, place as u16);
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                tables.symbols[place] = symbol as u16;
                place += 1;
                if length as u32 <= FAST_BITS {
                    let spare = FAST_BITS - length as u32;
                    let mut low = 0;
                    while low < 1 << spare {
                        tables.fast[((code as usize) << spare) + low] =
                            (symbol as u8, length as u8);
                        low += 1;
                    }
                }
                code += 1;
            }
            symbol += 1;
        }
        tables.limit[length] = (code as u64) << (32 - length);
        length += 1;
    }
    tables
}

/// The symbol the left-aligned `word` begins with, and its length.
fn symbol(word: u32) -> (u16, u32) {
    let (byte, length) = TABLES.fast[(word >> (32 - FAST_BITS)) as usize];
    if length != 0 {
        return (u16::from(byte), u32::from(length));
    }
    for length in FAST_BITS as usize + 1..=LONGEST {
        if u64::from(word) < TABLES.limit[length] {
            let (first, place) = TABLES.first[length];
            let offset = (word >> (32 - length)) - first;
            return (TABLES.symbols[usize::from(place) + offset as usize], length as u32);
        }
    }
    (EOS, LONGEST as u32)
}

/// Appends the decoded string to `out`.
///
/// # Errors
/// EOS inside, padding longer than 7 bits or not of ones (RFC 7541, section 5.2), or more than
/// `most` bytes.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>, most: usize) -> Result<(), HpackError> {
    let end = out.len().saturating_add(most);
    let mut rest = coded.iter();
    // Left-aligned, `held` bits of it valid.
    let (mut bits, mut held) = (0u64, 0u32);
    loop {
        while held <= 56 {
            let Some(&byte) = rest.next() else { break };
            bits |= u64::from(byte) << (56 - held);
            held += 8;
        }
        let (found, length) = symbol((bits >> 32) as u32);
        if length > held {
            // Fewer bits than a symbol needs: padding, the beginning of EOS.
            let ones = held < 8 && bits.leading_ones() >= held;
            return if ones { Ok(()) } else { Err(HpackError::Padding) };
        }
        if found >= EOS {
            return Err(HpackError::EndOfString);
        }
        if out.len() == end {
            return Err(HpackError::StringTooLong);
        }
        out.push(found as u8);
        bits <<= length;
        held -= length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(coded: &[u8]) -> Result<String, HpackError> {
        let mut out = Vec::new();
        decode(coded, &mut out, 1024)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn the_code_is_complete() {
        // Kraft's sum is exactly 1: every word decodes to one symbol, none is free.
        let sum: u64 = LENGTHS.iter().map(|length| 1u64 << (LONGEST - usize::from(*length))).sum();
        assert_eq!(sum, 1 << LONGEST);
    }

    #[test]
    fn decodes_the_examples_of_the_rfc() {
        // RFC 7541, C.4.1 and C.6.1.
        let host = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(text(&host), Ok("www.example.com".into()));
        assert_eq!(text(&[0xae, 0xc3, 0x77, 0x1a, 0x4b]), Ok("private".into()));
        assert_eq!(text(&[]), Ok(String::new()));
    }

    #[test]
    fn refuses_bad_padding_and_eos() {
        assert_eq!(text(&[0xff]), Err(HpackError::Padding));
        assert_eq!(text(&[0x00]), Err(HpackError::Padding));
        assert_eq!(text(&[0xff, 0xff, 0xff, 0xff]), Err(HpackError::EndOfString));
    }

    #[test]
    fn stops_at_the_cap() {
        let mut out = Vec::new();
        assert_eq!(decode(&[0; 64], &mut out, 10), Err(HpackError::StringTooLong));
        assert_eq!(out.len(), 10);
    }
}
