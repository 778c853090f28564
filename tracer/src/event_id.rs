//! Ids of events: UUIDv7 [edge: randomness].

use std::fmt;
use std::fs::File;
use std::io::Read as _;

/// `event.id`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventId(u128);

/// As RFC 9562 writes it.
impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(id) = self;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            id >> 96,
            id >> 80 & 0xffff,
            id >> 64 & 0xffff,
            id >> 48 & 0xffff,
            id & 0xffff_ffff_ffff
        )
    }
}

/// Makes UUIDv7s (RFC 9562 §5.7): milliseconds, then a counter that keeps them in order, then randomness.
#[derive(Debug)]
pub struct Ids {
    random: u64,
    counter: u16,
}

impl Ids {
    pub fn new() -> Self {
        let mut seed = [0; 8];
        // Without randomness the ids stay unique on this host by time and counter.
        let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut seed));
        if read.is_err() {
            let nanos = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
            seed = (nanos as u64).to_le_bytes();
        }
        Self { random: u64::from_le_bytes(seed) | 1, counter: 0 }
    }

    pub fn next(&mut self, unix_ns: u64) -> EventId {
        // xorshift64*: ids must differ, not be secret.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let random = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d);
        self.counter = (self.counter + 1) & 0x0fff;
        let millis = u128::from(unix_ns / 1_000_000) & 0xffff_ffff_ffff;
        let high = millis << 16 | 0x7000 | u128::from(self.counter);
        let low = (random & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
        EventId(high << 64 | u128::from(low))
    }
}

impl Default for Ids {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_and_differ() {
        let mut ids = Ids::new();
        let made: std::collections::HashSet<String> =
            (0..10_000).map(|_| ids.next(1_700_000_000_000_000_000).to_string()).collect();
        assert_eq!(made.len(), 10_000);
        for id in &made {
            assert_eq!((id.len(), &id[14..15]), (36, "7"));
            assert!(id.starts_with("018bcfe5-6800-7"), "{id}");
            assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"));
        }
    }
}
