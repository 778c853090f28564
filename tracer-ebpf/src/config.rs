//! What user space set before loading.

use tracer_common::config::{KernelConfig, Offsets};
use tracer_common::socket::SocketOffsets;

#[unsafe(no_mangle)]
static CONFIG: KernelConfig = KernelConfig::DEFAULT;

#[unsafe(no_mangle)]
static SOCKET_OFFSETS: SocketOffsets = SocketOffsets::UNKNOWN;

/// The configuration. Volatile: the compiler must not fold the default in, the loader replaces it.
#[inline(always)]
pub(crate) fn get() -> KernelConfig {
    // SAFETY: `CONFIG` is a valid, aligned, initialised static.
    unsafe { core::ptr::read_volatile(&raw const CONFIG) }
}

#[inline(always)]
pub(crate) fn offsets() -> Offsets {
    get().offsets
}

#[inline(always)]
pub(crate) fn socket_offsets() -> SocketOffsets {
    // SAFETY: as above.
    unsafe { core::ptr::read_volatile(&raw const SOCKET_OFFSETS) }
}
