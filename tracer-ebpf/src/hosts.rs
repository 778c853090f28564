//! Whether a server name is a provider's, decided without user space.

use tracer_common::{limits, sni};

use crate::maps::{HOSTS, ServerName};

/// One pass over the name from its end: the running hash is that of each suffix in turn.
#[inline(always)]
pub(crate) fn is_provider(name: &ServerName) -> bool {
    let len = name.len as usize;
    let mut hash = sni::BASIS;
    for i in 0..limits::SNI_BYTES {
        if i >= len {
            break;
        }
        // The mask is for the verifier: `len` never exceeds the array.
        let byte = name.bytes[(len - 1 - i) & (limits::SNI_BYTES - 1)];
        hash = sni::step(hash, byte);
        if byte == b'.' && kind_of(hash) == sni::host::SUFFIX {
            return true;
        }
    }
    kind_of(hash) == sni::host::EXACT
}

#[inline(always)]
fn kind_of(hash: u64) -> u32 {
    // SAFETY: the value is a plain integer that user space writes once.
    unsafe { HOSTS.get(hash) }.copied().unwrap_or(0)
}
