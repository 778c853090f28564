//! What user space attached to the point that was hit.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::generated::bpf_get_attach_cookie;
use aya_ebpf::programs::ProbeContext;
use tracer_common::tls::cookie;

use crate::config;

/// The whole cookie; 0 on kernels without.
#[inline(always)]
pub(crate) fn of(ctx: &ProbeContext) -> u64 {
    if config::get().has_cookie == 0 {
        return 0;
    }
    // SAFETY: the context of a running program.
    unsafe { bpf_get_attach_cookie(ctx.as_ptr()) }
}

/// The library whose function was called.
#[inline(always)]
pub(crate) fn library(ctx: &ProbeContext) -> u32 {
    cookie::library(of(ctx))
}
