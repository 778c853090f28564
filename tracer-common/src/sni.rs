//! Hashes of host names that decide a flow in the kernel at once.
//!
//! The hash runs over the lower-cased name from its *last* byte to its first, so that one pass over
//! a server name passes through the hash of each of its suffixes. The kernel looks up the running
//! value at every dot (suffix entries, hashed with the dot) and at the end (exact entries).

/// FNV-1a, 64 bit: offset basis and prime.
pub const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// One step of the hash.
#[inline(always)]
pub const fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ byte.to_ascii_lowercase() as u64).wrapping_mul(PRIME)
}

/// Hash of an exact host (`api.openai.com`) or of a suffix with its dot (`.openai.azure.com`).
pub const fn hash(name: &[u8]) -> u64 {
    let mut hash = BASIS;
    let mut i = name.len();
    while i > 0 {
        i -= 1;
        hash = step(hash, name[i]);
    }
    hash
}

/// What an entry of the host map stands for.
pub mod host {
    /// The whole name must be the entry.
    pub const EXACT: u32 = 1;
    /// The name ends in the entry.
    pub const SUFFIX: u32 = 2;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_over_a_name_goes_through_its_suffix() {
        let mut seen = false;
        let mut running = BASIS;
        for byte in b"Res1.OpenAI.azure.com".iter().rev() {
            running = step(running, *byte);
            seen |= running == hash(b".openai.azure.com");
        }
        assert!(seen);
        assert_eq!(running, hash(b"res1.openai.azure.com"));
    }
}
