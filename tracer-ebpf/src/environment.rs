//! The few environment variables that name a service, read while exec has just written them.

use aya_ebpf::cty::c_void;
use aya_ebpf::helpers::generated::{bpf_loop, bpf_probe_read_kernel, bpf_probe_read_user_str};
use tracer_common::limits::{ENV_BYTES, ENV_VARIABLE_BYTES, MAX_ENV_VARIABLES};

use crate::config;
use crate::identity::field;
use crate::maps::ENVIRONMENT;

struct Walk {
    at: u64,
    end: u64,
}

/// Copies the wanted variables to `to`; the bytes copied, or `None` on kernels that cannot walk.
///
/// # Safety
/// `to` is writable for `ENV_BYTES`.
#[inline(always)]
pub(crate) unsafe fn copy(mm: u64, to: *mut [u8; ENV_BYTES]) -> Option<u32> {
    if config::get().has_loop != 1 {
        return None;
    }
    let offsets = config::offsets();
    let mut walk =
        Walk { at: field(mm, offsets.mm_env_start)?, end: field(mm, offsets.mm_env_end)? };
    let scratch = ENVIRONMENT.get_ptr_mut(0)?;
    // SAFETY: this CPU's slot; programs do not migrate while they run. The callback has the kernel's
    // signature and `walk` outlives the call; the copy is within the slot and, as promised, `to`.
    unsafe {
        (*scratch).len = 0;
        bpf_loop(MAX_ENV_VARIABLES, visit as *mut c_void, (&raw mut walk).cast(), 0);
        let len = (*scratch).len;
        if len as usize > ENV_BYTES {
            return Some(0);
        }
        let from = (&raw const (*scratch).found).cast();
        (bpf_probe_read_kernel(to.cast(), ENV_BYTES as u32, from) == 0).then_some(len)
    }
}

/// Looks at one variable. Shape of a `bpf_loop` callback: 0 goes on.
#[inline(never)]
extern "C" fn visit(_index: u64, context: *mut c_void) -> i64 {
    // SAFETY: the caller passes the address of a live `Walk`.
    let walk = unsafe { &mut *context.cast::<Walk>() };
    if walk.at >= walk.end {
        return 1;
    }
    let Some(scratch) = ENVIRONMENT.get_ptr_mut(0) else { return 1 };
    // SAFETY: this CPU's slot; helpers check what they read, and write within their sizes.
    unsafe {
        let word = (&raw mut (*scratch).word).cast::<c_void>();
        let read =
            bpf_probe_read_user_str(word, ENV_VARIABLE_BYTES as u32, walk.at as *const c_void);
        if read <= 0 {
            return 1;
        }
        let from = walk.at;
        // The rest of a cut one passes for another variable, which nobody wants.
        walk.at += if read as usize == ENV_VARIABLE_BYTES { read as u64 - 1 } else { read as u64 };
        if !wanted(&(*scratch).word) {
            return 0;
        }
        let len = (*scratch).len as usize;
        if len + read as usize > ENV_BYTES {
            return 1;
        }
        let to = (&raw mut (*scratch).found).cast::<u8>().add(len & (ENV_BYTES - 1));
        if bpf_probe_read_user_str(to.cast(), ENV_VARIABLE_BYTES as u32, from as *const c_void)
            == read
        {
            (*scratch).len = (len as u64 + read as u64) as u32;
        }
    }
    0
}

/// `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `DD_SERVICE`, `DD_VERSION`, `DD_TAGS`, `SERVICE_NAME`.
#[inline(always)]
fn wanted(word: &[u8; ENV_VARIABLE_BYTES]) -> bool {
    let eight = u64::from_ne_bytes([
        word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7],
    ]);
    eight == u64::from_ne_bytes(*b"OTEL_SER")
        || eight == u64::from_ne_bytes(*b"OTEL_RES")
        || eight == u64::from_ne_bytes(*b"DD_SERVI")
        || eight == u64::from_ne_bytes(*b"DD_VERSI")
        || eight == u64::from_ne_bytes(*b"DD_TAGS=")
        || eight == u64::from_ne_bytes(*b"SERVICE_")
}
