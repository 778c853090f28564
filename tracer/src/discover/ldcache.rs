//! /etc/ld.so.cache: libraries that programs will map, before anyone does [pure].
//!
//! In: the file's bytes (`glibc-ld.so.cache1.1`, sysdeps/generic/dl-cache.h). Out: paths.

/// `struct cache_file_new`: magic and version, number of entries, length of the strings, then 20 bytes.
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
/// `struct file_entry_new`: flags, key and value (offsets into the file), os version, hwcap.
const ENTRY: usize = 24;
/// Before the new format a file may hold the old one: `ld.so-1.7.0`, then 12-byte entries.
const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";

/// Paths of the libraries whose file name begins with `prefix`.
pub fn paths<'a>(bytes: &'a [u8], prefix: &str) -> Vec<&'a str> {
    let Some(cache) = new_format(bytes) else { return Vec::new() };
    let count = word(cache, MAGIC.len()).unwrap_or(0) as usize;
    // A lying count ends with the file.
    (0..count.min(cache.len() / ENTRY))
        .filter_map(|index| {
            let value = word(cache, HEADER + index * ENTRY + 8)?;
            let path = text(cache, value as usize)?;
            path.rsplit('/').next()?.starts_with(prefix).then_some(path)
        })
        .collect()
}

fn new_format(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.starts_with(MAGIC) {
        return Some(bytes);
    }
    let entries = word(bytes.strip_prefix(OLD_MAGIC).map(|_| bytes)?, 12)? as usize;
    let end = entries.checked_mul(12)?.checked_add(16)?;
    bytes.get(end.next_multiple_of(8)..).filter(|rest| rest.starts_with(MAGIC))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn text(bytes: &[u8], at: usize) -> Option<&str> {
    let rest = bytes.get(at..)?;
    std::str::from_utf8(&rest[..rest.iter().position(|b| *b == 0)?]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_c_library_in_this_hosts_cache() {
        let Ok(bytes) = std::fs::read("/etc/ld.so.cache") else {
            println!("SKIPPED: no ld.so.cache here");
            return;
        };
        let found = paths(&bytes, "libc.so");
        assert!(found.iter().any(|path| path.ends_with("/libc.so.6")), "{found:?}");
        for len in (0..bytes.len()).step_by(61) {
            let _shorter = paths(&bytes[..len], "lib");
        }
    }

    #[test]
    fn foreign_bytes_hold_nothing() {
        assert!(paths(b"ld.so-1.7.0\0\xff\xff\xff\xff", "lib").is_empty());
        assert!(paths(b"", "lib").is_empty());
    }
}
