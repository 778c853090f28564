//! Functions that begin, name and end connections.

use aya_ebpf::cty::c_void;
use aya_ebpf::helpers::bpf_probe_read_user_str_bytes;
use aya_ebpf::helpers::generated::bpf_probe_read_user;
use aya_ebpf::macros::uprobe;
use aya_ebpf::programs::ProbeContext;
use tracer_common::event::EventKind;
use tracer_common::limits::SNI_BYTES;
use tracer_common::tls::{FlowKey, HandshakeRecord, end, library};

use crate::emit::{self, Wake};
use crate::identity::Identity;
use crate::maps::{Call, FLOWS, NAMES, SCRATCH};
use crate::{config, cookie, flow, hosts};

/// `SSL_CTRL_SET_TLSEXT_HOSTNAME`, openssl/tls1.h.
const SET_HOST_NAME: u64 = 55;
/// `SSL_ERROR_*`, openssl/ssl.h.
const ERROR_SSL: i64 = 1;
const ERROR_SYSCALL: i64 = 5;
const ERROR_ZERO_RETURN: i64 = 6;
/// `GNUTLS_E_*` after which the same call goes on, gnutls/gnutls.h: again, interrupted, a warning, a
/// renegotiation asked for.
const GNUTLS_NOT_FATAL: [i64; 4] = [-28, -52, -16, -37];

/// `SSL_ctrl(conn, cmd, larg, parg)`.
#[uprobe]
fn tls_ctrl(ctx: ProbeContext) -> u32 {
    if ctx.arg::<u64>(1) == Some(SET_HOST_NAME)
        && let (Some(handle), Some(name)) = (ctx.arg::<u64>(0), ctx.arg::<u64>(3))
    {
        name_flow(&ctx, handle, name);
    }
    0
}

/// `f(conn, name)`.
#[uprobe]
fn tls_name(ctx: ProbeContext) -> u32 {
    if let (Some(handle), Some(name)) = (ctx.arg::<u64>(0), ctx.arg::<u64>(1)) {
        name_flow(&ctx, handle, name);
    }
    0
}

/// `f(conn, type, name, length)`: the name need not end with a NUL.
#[uprobe]
fn tls_name_with_length(ctx: ProbeContext) -> u32 {
    let (Some(handle), Some(address), Some(len), Some(who)) =
        (ctx.arg::<u64>(0), ctx.arg::<u64>(2), ctx.arg::<u64>(3), Identity::current())
    else {
        return 0;
    };
    if len == 0 || len >= SNI_BYTES as u64 {
        return 0;
    }
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return 0 };
    // SAFETY: this CPU's scratch; programs do not migrate. The helper fails on a bad address; the mask
    // is for the verifier.
    unsafe {
        (*scratch).bytes = [0; _];
        let len = len as u32 & (SNI_BYTES as u32 - 1);
        if bpf_probe_read_user((&raw mut (*scratch).bytes).cast(), len, address as *const c_void)
            != 0
        {
            return 0;
        }
        (*scratch).len = len;
        (*scratch).padding = 0;
        let key = key(&ctx, handle, who);
        let _absent = FLOWS.remove(key);
        let _full = NAMES.insert(key, &*scratch, 0);
    }
    0
}

#[inline(always)]
pub(super) fn name_flow(ctx: &ProbeContext, handle: u64, address: u64) {
    let Some(who) = Identity::current() else { return };
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return };
    // SAFETY: this CPU's scratch; programs do not migrate. The helper fails on a bad address.
    unsafe {
        (*scratch).bytes = [0; _];
        let Ok(text) = bpf_probe_read_user_str_bytes(address as *const u8, &mut (*scratch).bytes)
        else {
            return;
        };
        (*scratch).len = text.len() as u32;
        (*scratch).padding = 0;
        let key = key(ctx, handle, who);
        // A name belongs to a connection that begins: what was known of the address is another's.
        let _absent = FLOWS.remove(key);
        let _full = NAMES.insert(key, &*scratch, 0);
    }
}

/// `int SSL_do_handshake(conn)`, `int SSL_connect(conn)`.
#[uprobe]
fn tls_handshake(ctx: ProbeContext) -> u32 {
    remember(&ctx, Call::HANDSHAKE);
    0
}

/// `int SSL_get_error(conn, ret)`: what a failed call meant.
#[uprobe]
fn tls_error(ctx: ProbeContext) -> u32 {
    remember(&ctx, Call::ERROR);
    0
}

#[inline(always)]
fn remember(ctx: &ProbeContext, what: u64) {
    if let Some(handle) = ctx.arg::<u64>(0) {
        super::tls_rw::save(ctx, handle, 0, 0, what);
    }
}

/// `SSL_free(conn)`.
#[uprobe]
fn tls_free(ctx: ProbeContext) -> u32 {
    let (Some(handle), Some(who)) = (ctx.arg::<u64>(0), Identity::current()) else { return 0 };
    if who.tgid == config::get().own_tgid {
        return 0;
    }
    let key = key(&ctx, handle, who);
    flow::ended(&key, who, end::FREED);
    let _absent = FLOWS.remove(key);
    let _absent = NAMES.remove(key);
    0
}

/// What the return of a handshake or of `SSL_get_error` says.
#[inline(always)]
pub(super) fn returned_from(call: &Call, returned: i64) {
    match call.what {
        Call::ERROR => {
            let reason = match returned {
                ERROR_ZERO_RETURN => end::EOF,
                ERROR_SSL | ERROR_SYSCALL => end::FAILED,
                _ => return,
            };
            let Some(who) = Identity::current() else { return };
            // SAFETY: existence only.
            if unsafe { FLOWS.get(call.key) }.is_some() {
                flow::ended(&call.key, who, reason);
            } else {
                handshake_failed(call, who, returned);
            }
        }
        Call::HANDSHAKE if call.key.library == library::GNUTLS => {
            if returned < 0
                && !GNUTLS_NOT_FATAL.contains(&returned)
                && let Some(who) = Identity::current()
            {
                handshake_failed(call, who, returned);
            }
        }
        _ => {}
    }
}

/// A read or write moved nothing: whether that was the end, where the library has no other function
/// that would say so.
#[inline(always)]
pub(super) fn stopped(call: &Call, returned: i64) {
    let reason = match call.key.library {
        library::GNUTLS | library::NSS if returned == 0 => end::EOF,
        library::GNUTLS if !GNUTLS_NOT_FATAL.contains(&returned) => end::FAILED,
        _ => return,
    };
    let reading = call.what == u64::from(tracer_common::tls::direction::INBOUND);
    if (reason == end::FAILED || reading)
        && let Some(who) = Identity::current()
    {
        flow::ended(&call.key, who, reason);
    }
}

/// The connection to a provider failed before any data: bad certificate, alert, reset.
#[inline(always)]
pub(super) fn handshake_failed(call: &Call, who: Identity, returned: i64) {
    // SAFETY: the name is read while its connection is ours.
    let Some(name) = (unsafe { NAMES.get(call.key) }) else { return };
    if !hosts::is_provider(name) {
        return;
    }
    let (seq, slot) = emit::reserve::<HandshakeRecord>();
    let Some(mut slot) = slot else { return };
    let record = slot.as_mut_ptr();
    // SAFETY: reserved memory of this type; each field is written.
    unsafe {
        (*record).header =
            emit::header(EventKind::Handshake, who, seq, size_of::<HandshakeRecord>());
        (*record).key = call.key;
        (*record).result = -returned;
        (*record).server_name_len = name.len;
        (*record).reserved = 0;
        (*record).server_name = name.bytes;
    }
    slot.submit(Wake::Batched);
    let _absent = NAMES.remove(call.key);
}

#[inline(always)]
fn key(ctx: &ProbeContext, handle: u64, who: Identity) -> FlowKey {
    let library = cookie::library(ctx);
    FlowKey { handle, start_ns: who.start_ns, tgid: who.tgid, library }
}
