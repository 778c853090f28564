//! SipHash-2-4 with 128 bits: a keyed hash that takes bytes as they come and holds 48 bytes.
//!
//! J.-P. Aumasson, D. J. Bernstein: "SipHash: a fast short-input PRF" (2012), and the 128-bit variant
//! of their reference code. Chosen over HMAC-SHA-256 for the content of requests, which it reads at
//! memory speed on any CPU; what leaves the agent goes through HMAC besides ([`super::Fingerprints`]).

use std::fmt;

/// Key of the hashes of one installation.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct HashKey(u64, u64);

impl HashKey {
    pub fn new(bytes: [u8; 16]) -> Self {
        let (low, high) = bytes.split_at(8);
        let word = |half: &[u8]| half.iter().rev().fold(0, |word, b| word << 8 | u64::from(*b));
        Self(word(low), word(high))
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(..)")
    }
}

/// A hash under way.
#[derive(Clone, Copy)]
pub struct Hasher {
    v: [u64; 4],
    /// Bytes that do not fill a word yet, lowest first.
    tail: u64,
    len: u64,
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("len", &self.len).finish_non_exhaustive()
    }
}

const fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

impl Hasher {
    pub const fn new(key: HashKey) -> Self {
        let HashKey(k0, k1) = key;
        let v = [
            k0 ^ 0x736f_6d65_7073_6575,
            // 0xee: of the 128-bit variant.
            k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        Self { v, tail: 0, len: 0 }
    }

    /// Bytes hashed so far.
    pub const fn len(&self) -> u64 {
        self.len
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    const fn word(&mut self, word: u64) {
        self.v[3] ^= word;
        round(&mut self.v);
        round(&mut self.v);
        self.v[0] ^= word;
    }

    pub fn push(&mut self, mut bytes: &[u8]) {
        while !self.len.is_multiple_of(8)
            && let Some((first, rest)) = bytes.split_first()
        {
            self.byte(*first);
            bytes = rest;
        }
        let words = bytes.chunks_exact(8);
        let rest = words.remainder();
        for eight in words {
            let mut word = [0; 8];
            word.copy_from_slice(eight);
            self.word(u64::from_le_bytes(word));
            self.len += 8;
        }
        for byte in rest {
            self.byte(*byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        self.tail |= u64::from(byte) << (self.len % 8 * 8);
        self.len += 1;
        if self.len.is_multiple_of(8) {
            let word = std::mem::take(&mut self.tail);
            self.word(word);
        }
    }

    pub fn push_u64(&mut self, word: u64) {
        self.push(&word.to_le_bytes());
    }

    pub fn push_u128(&mut self, word: u128) {
        self.push(&word.to_le_bytes());
    }

    /// The digest of all so far; more may follow.
    pub const fn digest(&self) -> u128 {
        let mut end = *self;
        end.word((end.len & 0xff) << 56 | end.tail);
        end.v[2] ^= 0xee;
        let low = end.squeeze();
        end.v[1] ^= 0xdd;
        let high = end.squeeze();
        (high as u128) << 64 | low as u128
    }

    const fn squeeze(&mut self) -> u64 {
        let mut rounds = 0;
        while rounds < 4 {
            round(&mut self.v);
            rounds += 1;
        }
        self.v[0] ^ self.v[1] ^ self.v[2] ^ self.v[3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Key 00 01 .. 0f.
    fn key() -> HashKey {
        HashKey::new(std::array::from_fn(|at| at as u8))
    }

    /// From the authors' reference vectors: the hash of 00 01 .. of each length.
    #[test]
    fn the_authors_vectors() {
        let vectors: [(u8, [u8; 16]); 3] = [
            (0, *b"\xa3\x81\x7f\x04\xba\x25\xa8\xe6\x6d\xf6\x72\x14\xc7\x55\x02\x93"),
            (1, *b"\xda\x87\xc1\xd8\x6b\x99\xaf\x44\x34\x76\x59\x11\x9b\x22\xfc\x45"),
            (2, *b"\x81\x77\x22\x8d\xa4\xa4\x5d\xc7\xfc\xa3\x8b\xde\xf6\x0a\xff\xe4"),
        ];
        for (len, expected) in vectors {
            let mut hasher = Hasher::new(key());
            hasher.push(&(0..len).collect::<Vec<u8>>());
            assert_eq!(hasher.digest().to_le_bytes(), expected, "length {len}");
        }
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(data in proptest::collection::vec(any::<u8>(), 0..80), cut in 0usize..80) {
            let (mut whole, mut parts) = (Hasher::new(key()), Hasher::new(key()));
            whole.push(&data);
            let (head, tail) = data.split_at(cut.min(data.len()));
            parts.push(head);
            parts.push(tail);
            prop_assert_eq!(whole.digest(), parts.digest());
        }
    }
}
