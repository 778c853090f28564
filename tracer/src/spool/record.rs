//! One record of a segment [pure].
//!
//! ```text
//! mark 4 | length u32 | CRC-32C u32 of id and payload | id u64 | payload      little-endian
//! ```
//! The mark lets a reader find the next whole record behind a damaged one.

use super::crc32c::crc32c;

const MARK: [u8; 4] = [0xa1, 0x7c, 0xe5, 0xb0];
pub(super) const HEAD: usize = 20;
/// Longest payload; an event has 16 KiB at most.
pub(super) const MAX_PAYLOAD: usize = 64 * 1024;

/// Appends a record to `out`.
pub(super) fn encode(out: &mut Vec<u8>, id: u64, payload: &[u8]) {
    let id = id.to_le_bytes();
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32c(&[&id, payload]).to_le_bytes());
    out.extend_from_slice(&id);
    out.extend_from_slice(payload);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read<'a> {
    Record {
        id: u64,
        payload: &'a [u8],
        len: usize,
    },
    /// So many bytes make no sense; a record, or the end, follows.
    Damaged(usize),
    /// What is there may be the beginning of a record.
    Partial,
    End,
}

/// Reads what `bytes` begin with.
pub(super) fn read(bytes: &[u8]) -> Read<'_> {
    if bytes.is_empty() {
        return Read::End;
    }
    if let Some(record) = whole(bytes) {
        return record;
    }
    // The next mark that begins a whole record ends the damage.
    for next in memchr::memmem::find_iter(&bytes[1..], &MARK).map(|at| at + 1) {
        if whole(&bytes[next..]).is_some() {
            return Read::Damaged(next);
        }
    }
    Read::Partial
}

fn whole(bytes: &[u8]) -> Option<Read<'_>> {
    let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    if bytes.get(..4)? != MARK {
        return None;
    }
    let (len, sum) = (word(4)? as usize, word(8)?);
    let id = bytes.get(12..HEAD)?;
    if len > MAX_PAYLOAD {
        return None;
    }
    let payload = bytes.get(HEAD..HEAD + len)?;
    if crc32c(&[id, payload]) != sum {
        return None;
    }
    let id = u64::from_le_bytes(id.try_into().ok()?);
    Some(Read::Record { id, payload, len: HEAD + len })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flipped_byte_costs_its_own_record_only() {
        let mut bytes = Vec::new();
        for id in 0..5 {
            encode(&mut bytes, id, format!("payload {id}").as_bytes());
        }
        let size = bytes.len() / 5;
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                let (mut rest, mut ids) = (&damaged[..], Vec::new());
                loop {
                    match read(rest) {
                        Read::Record { id, len, .. } => {
                            ids.push(id);
                            rest = &rest[len..];
                        }
                        Read::Damaged(len) => rest = &rest[len..],
                        Read::Partial | Read::End => break,
                    }
                }
                let expected: Vec<u64> = (0..5).filter(|id| *id != (at / size) as u64).collect();
                assert_eq!(ids, expected, "byte {at}");
            }
        }
    }

    #[test]
    fn a_cut_record_is_partial() {
        let mut bytes = Vec::new();
        encode(&mut bytes, 1, b"abc");
        for cut in 1..bytes.len() {
            assert_eq!(read(&bytes[..cut]), Read::Partial);
        }
        assert_eq!(read(&[]), Read::End);
    }
}
