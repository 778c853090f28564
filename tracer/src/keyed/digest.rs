//! HMAC-SHA-256 (RFC 2104) under the installation's key, cut to 16 hex digits for people and logs.

use std::fmt;
use std::fmt::Write as _;

use ring::hmac;

use super::HashKey;

/// Makes fingerprints. Two of one secret are equal on one installation, and differ on another.
#[derive(Clone)]
pub struct Fingerprints {
    key: hmac::Key,
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprints(..)")
    }
}

impl Fingerprints {
    pub fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    fn tag(&self, purpose: &str, parts: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(purpose.as_bytes());
        context.update(&[0]);
        for part in parts {
            context.update(part);
        }
        context.sign()
    }

    /// 16 hex digits; `purpose` keeps equal bytes of different meaning apart.
    pub fn hex(&self, purpose: &str, bytes: &[u8]) -> String {
        let tag = self.tag(purpose, &[bytes]);
        let mut text = String::with_capacity(16);
        for byte in tag.as_ref().iter().take(8) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// The key of the running hashes of content.
    pub fn hash_key(&self) -> HashKey {
        let mut key = [0; 16];
        for (place, byte) in key.iter_mut().zip(self.tag("content", &[]).as_ref()) {
            *place = *byte;
        }
        HashKey::new(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_secrets_agree_only_on_one_installation() {
        let (one, other) = (Fingerprints::new(&[1; 32]), Fingerprints::new(&[2; 32]));
        let print = one.hex("credential", b"sk-1");
        assert_eq!(print.len(), 16);
        assert!(print.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(print, one.hex("credential", b"sk-1"));
        assert_ne!(print, one.hex("credential", b"sk-2"));
        assert_ne!(print, one.hex("session", b"sk-1"));
        assert_ne!(print, other.hex("credential", b"sk-1"));
        assert_ne!(one.hash_key(), other.hash_key());
        assert_eq!(format!("{one:?} {:?}", one.hash_key()), "Fingerprints(..) HashKey(..)");
    }

    /// HMAC-SHA-256 by an independent tool: `printf 'credential\0sk-1' | openssl dgst -sha256 -mac
    /// HMAC -macopt hexkey:0101...01`.
    #[test]
    fn it_is_hmac() {
        assert_eq!(Fingerprints::new(&[1; 32]).hex("credential", b"sk-1"), "4fcb0c93a6ddfe9d");
    }
}
