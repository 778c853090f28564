//! Keyed hashes: what may be said of secrets and of content without saying them.
//!
//! In: bytes that must not leave. Out: digests that mean nothing without the key of this
//! installation. [`install`] is where that key lives [edge]; the rest is pure.

mod digest;
pub mod install;
mod siphash;

pub use self::digest::Fingerprints;
pub use self::siphash::{HashKey, Hasher};
