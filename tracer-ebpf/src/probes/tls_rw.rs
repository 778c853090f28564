//! Functions that move plaintext. Arguments are saved at entry; data goes up at return, by the
//! length the function says it moved, since writes are retried and reads are short.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_probe_read_user};
use aya_ebpf::macros::{uprobe, uretprobe};
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use tracer_common::loss::Counter;
use tracer_common::tls::{FlowKey, direction, verdict};

use crate::identity::Identity;
use crate::maps::{CALLS, Call, FLOWS, NAMES};
use crate::{config, cookie, emit, flow};

/// `int f(conn, buf, len)`, returns the bytes written.
#[uprobe]
fn tls_write(ctx: ProbeContext) -> u32 {
    enter(&ctx, direction::OUTBOUND, None);
    0
}

/// `int f(conn, buf, len, size_t *written)`, returns 1.
#[uprobe]
fn tls_write_ex(ctx: ProbeContext) -> u32 {
    enter(&ctx, direction::OUTBOUND, Some(3));
    0
}

/// `int f(conn, buf, len, flags, size_t *written)`, returns 1.
#[uprobe]
fn tls_write_ex2(ctx: ProbeContext) -> u32 {
    enter(&ctx, direction::OUTBOUND, Some(4));
    0
}

/// `int f(conn, buf, len)`, returns the bytes read.
#[uprobe]
fn tls_read(ctx: ProbeContext) -> u32 {
    enter(&ctx, direction::INBOUND, None);
    0
}

/// `int f(conn, buf, len, size_t *read)`, returns 1.
#[uprobe]
fn tls_read_ex(ctx: ProbeContext) -> u32 {
    enter(&ctx, direction::INBOUND, Some(3));
    0
}

/// `f(conn, buf, len, ..)` of any descriptor: TLS are those that were given a name.
#[uprobe]
fn tls_write_named(ctx: ProbeContext) -> u32 {
    if is_named(&ctx) {
        enter(&ctx, direction::OUTBOUND, None);
    }
    0
}

/// The same, reading.
#[uprobe]
fn tls_read_named(ctx: ProbeContext) -> u32 {
    if is_named(&ctx) {
        enter(&ctx, direction::INBOUND, None);
    }
    0
}

#[inline(always)]
fn is_named(ctx: &ProbeContext) -> bool {
    let (Some(handle), Some(who)) = (ctx.arg::<u64>(0), Identity::current()) else { return false };
    let library = cookie::library(ctx);
    let key = FlowKey { handle, start_ns: who.start_ns, tgid: who.tgid, library };
    // SAFETY: existence only.
    unsafe { FLOWS.get(key).is_some() || NAMES.get(key).is_some() }
}

/// The return of each of them, and of those in `tls_life`.
#[uretprobe]
fn tls_return(ctx: RetProbeContext) -> u32 {
    leave(ctx.ret::<i32>());
    0
}

/// The same at a `ret`, where a return probe would be unsafe.
#[uprobe]
fn tls_return_at(ctx: ProbeContext) -> u32 {
    // SAFETY: the registers of the probed thread, valid while the program runs.
    #[cfg(bpf_target_arch = "x86_64")]
    let returned = unsafe { (*ctx.regs).rax };
    // SAFETY: as above.
    #[cfg(bpf_target_arch = "aarch64")]
    let returned = unsafe { (*ctx.regs).regs[0] };
    leave(returned as i32);
    0
}

#[inline(always)]
fn leave(returned: i32) {
    let thread = bpf_get_current_pid_tgid();
    // A function that calls another probed one leaves two returns: the inner one, which knows what
    // was really moved, takes the arguments; the outer one finds none and is silent. So does the
    // return of a call on an ignored flow.
    // SAFETY: the value is copied before it is removed.
    let Some(call) = (unsafe { CALLS.get(thread) }).copied() else { return };
    let _gone = CALLS.remove(thread);
    let returned = i64::from(returned);
    super::tls_life::returned_from(&call, returned);
    if call.what > u64::from(direction::INBOUND) {
        return;
    }
    if let Some(len) = moved(&call, returned)
        && let Some(who) = Identity::current()
        && let Some(state) = flow::enter(&call.key, who)
    {
        flow::moved(state, &call.key, who, call.what as usize, call.buf, len);
    }
    if returned <= 0 {
        super::tls_life::stopped(&call, returned);
    }
}

/// Bytes the call moved; `None` when it failed.
#[inline(always)]
fn moved(call: &Call, returned: i64) -> Option<u64> {
    if returned <= 0 {
        return None;
    }
    if call.len_ptr == 0 {
        return Some(returned as u64);
    }
    // SAFETY: the helper fails on an unreadable address.
    match unsafe { bpf_probe_read_user(call.len_ptr as *const u64) } {
        Ok(0) => None,
        Ok(len) => Some(len),
        Err(_) => {
            emit::count(Counter::LengthFault, 1);
            None
        }
    }
}

#[inline(always)]
fn enter(ctx: &ProbeContext, direction: u8, len_argument: Option<usize>) {
    let len_ptr = len_argument.map_or(Some(0), |n| ctx.arg::<u64>(n));
    let (Some(handle), Some(buf), Some(len_ptr)) = (ctx.arg::<u64>(0), ctx.arg::<u64>(1), len_ptr)
    else {
        return;
    };
    save(ctx, handle, buf, len_ptr, u64::from(direction));
}

/// Remembers a call until it returns, unless nobody wants to know.
#[inline(always)]
pub(super) fn save(ctx: &ProbeContext, handle: u64, buf: u64, len_ptr: u64, what: u64) {
    let Some(who) = Identity::current() else {
        emit::count(Counter::IdentityFault, 1);
        return;
    };
    if who.tgid == config::get().own_tgid {
        return;
    }
    let key =
        FlowKey { handle, start_ns: who.start_ns, tgid: who.tgid, library: cookie::library(ctx) };
    // SAFETY: reads one integer of a live map value.
    if unsafe { FLOWS.get(key) }.is_some_and(|state| state.verdict == verdict::IGNORE) {
        return;
    }
    let thread = bpf_get_current_pid_tgid();
    if CALLS.insert(thread, Call { key, buf, len_ptr, what }, 0).is_err() {
        emit::count(Counter::CallMapFull, 1);
    }
}
