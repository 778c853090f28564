//! System calls that move bytes over connections of interest. Attached only while somebody has one;
//! a process without costs one failed look-up a call.

use aya_ebpf::cty::c_void;
use aya_ebpf::helpers::generated::bpf_loop;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_probe_read_user, bpf_probe_read_user_buf};
use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use tracer_common::limits::MAX_SEGMENTS;
use tracer_common::loss::Counter;
use tracer_common::sni;
use tracer_common::socket::{Pair, class, family};
use tracer_common::tls::{FlowKey, direction, end, verdict};

use crate::identity::{Identity, field};
use crate::maps::{FLOWS, SOCKETS, TRANSFERS, Transfer, UNIX_NAMES, WATCHED};
use crate::{config, emit, flow, socket};

/// `struct trace_event_raw_sys_enter.args` and `..._sys_exit.ret`, include/trace/events/syscalls.h.
const ARGUMENTS: usize = 16;
const RETURNED: usize = 16;
const MSG_PEEK: u64 = 2;
/// `struct user_msghdr`, include/linux/socket.h.
const MSG_IOV: u64 = 16;
const MSG_IOVLEN: u64 = 24;
/// include/uapi/asm-generic/errno.h
const EPIPE: i64 = -32;
const ECONNRESET: i64 = -104;
const ETIMEDOUT: i64 = -110;
/// Buffers looked at on kernels without `bpf_loop`.
const SEGMENTS_WITHOUT_LOOP: u64 = 4;
/// `offsetof(struct sockaddr_un, sun_path)`, and how long a name may be.
const SUN_PATH: u64 = 2;
const SUN_BYTES: usize = 108;

#[inline(always)]
fn argument(ctx: &TracePointContext, n: usize) -> u64 {
    // SAFETY: within the record of a system call with so many arguments.
    unsafe { ctx.read_at(ARGUMENTS + 8 * n) }.unwrap_or(0)
}

/// `write`, `sendto`: `(fd, buf, len, ..)`
#[tracepoint]
fn plain_send(ctx: TracePointContext) -> u32 {
    enter(argument(&ctx, 0), argument(&ctx, 1), Transfer::ONE_BUFFER, direction::OUTBOUND);
    0
}

/// `read`: `(fd, buf, len)`
#[tracepoint]
fn plain_read(ctx: TracePointContext) -> u32 {
    enter(argument(&ctx, 0), argument(&ctx, 1), Transfer::ONE_BUFFER, direction::INBOUND);
    0
}

/// `recvfrom(fd, buf, len, flags, ..)`
#[tracepoint]
fn plain_recv(ctx: TracePointContext) -> u32 {
    if argument(&ctx, 3) & MSG_PEEK == 0 {
        enter(argument(&ctx, 0), argument(&ctx, 1), Transfer::ONE_BUFFER, direction::INBOUND);
    }
    0
}

/// `writev(fd, vec, count)`
#[tracepoint]
fn plain_writev(ctx: TracePointContext) -> u32 {
    enter(argument(&ctx, 0), argument(&ctx, 1), argument(&ctx, 2), direction::OUTBOUND);
    0
}

/// `readv(fd, vec, count)`
#[tracepoint]
fn plain_readv(ctx: TracePointContext) -> u32 {
    enter(argument(&ctx, 0), argument(&ctx, 1), argument(&ctx, 2), direction::INBOUND);
    0
}

/// `sendmsg(fd, msg, flags)`
#[tracepoint]
fn plain_sendmsg(ctx: TracePointContext) -> u32 {
    message(&ctx, direction::OUTBOUND);
    0
}

/// `recvmsg(fd, msg, flags)`
#[tracepoint]
fn plain_recvmsg(ctx: TracePointContext) -> u32 {
    if argument(&ctx, 2) & MSG_PEEK == 0 {
        message(&ctx, direction::INBOUND);
    }
    0
}

/// `sendfile(out_fd, in_fd, ..)`: sent without passing by the process.
#[tracepoint]
fn plain_sendfile(ctx: TracePointContext) -> u32 {
    enter(argument(&ctx, 0), 0, Transfer::NO_BUFFER, direction::OUTBOUND);
    0
}

/// `splice(fd_in, off_in, fd_out, ..)`
#[tracepoint]
fn plain_splice(ctx: TracePointContext) -> u32 {
    if !enter(argument(&ctx, 0), 0, Transfer::NO_BUFFER, direction::INBOUND) {
        enter(argument(&ctx, 2), 0, Transfer::NO_BUFFER, direction::OUTBOUND);
    }
    0
}

#[inline(always)]
fn watched() -> bool {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    // SAFETY: existence only.
    unsafe { WATCHED.get(tgid) }.is_some()
}

#[inline(always)]
fn message(ctx: &TracePointContext, direction: u8) {
    if !watched() {
        return;
    }
    let message = argument(ctx, 1);
    // SAFETY: the helpers fail on unreadable addresses.
    let (iov, count) = unsafe {
        (
            bpf_probe_read_user((message + MSG_IOV) as *const u64),
            bpf_probe_read_user((message + MSG_IOVLEN) as *const u64),
        )
    };
    if let (Ok(iov), Ok(count)) = (iov, count) {
        enter(argument(ctx, 0), iov, count, direction);
    }
}

/// Remembers a call until it returns, if its connection is followed.
#[inline(always)]
fn enter(fd: u64, buf: u64, segments: u64, direction: u8) -> bool {
    if !watched() {
        return false;
    }
    let Some(sock) = socket::behind(fd) else { return false };
    let Some(entry) = socket::followed(sock) else { return false };
    // SAFETY: reads two integers of a live map value.
    let fresh = match unsafe { FLOWS.get(entry.key) } {
        Some(state) if state.verdict == verdict::IGNORE => return true,
        Some(_) => false,
        None => entry.class == class::UNIX || nothing_moved(sock),
    };
    let transfer =
        Transfer { sock, buf, segments, direction: u32::from(direction), fresh: u32::from(fresh) };
    if TRANSFERS.insert(bpf_get_current_pid_tgid(), transfer, 0).is_err() {
        emit::count(Counter::CallMapFull, 1);
    }
    true
}

#[inline(always)]
fn nothing_moved(sock: u64) -> bool {
    let offsets = config::socket_offsets();
    field(sock, offsets.tcp_bytes_sent) == Some(0u64)
        && field(sock, offsets.tcp_bytes_received) == Some(0u64)
}

/// The return of each of them.
#[tracepoint]
fn plain_return(ctx: TracePointContext) -> u32 {
    let thread = bpf_get_current_pid_tgid();
    // SAFETY: copied out before it is removed.
    let Some(transfer) = (unsafe { TRANSFERS.get(thread) }).copied() else { return 0 };
    let _gone = TRANSFERS.remove(thread);
    // SAFETY: every return has it.
    let returned: i64 = unsafe { ctx.read_at(RETURNED) }.unwrap_or(0);
    returned_from(&transfer, thread as u32, returned);
    0
}

#[inline(always)]
fn returned_from(transfer: &Transfer, tid: u32, returned: i64) {
    // SAFETY: copied out.
    let Some(key) = (unsafe { SOCKETS.get(transfer.sock) }).map(|entry| entry.key) else { return };
    let who = Identity { tgid: key.tgid, tid, start_ns: key.start_ns };
    if returned <= 0 {
        match returned {
            0 if transfer.direction == u32::from(direction::INBOUND) => {
                flow::ended(&key, who, end::EOF);
            }
            EPIPE | ECONNRESET | ETIMEDOUT => {
                flow::ended(&key, who, end::FAILED);
                let _absent = FLOWS.remove(key);
            }
            _ => {}
        }
        return;
    }
    if FLOWS.get_ptr(key).is_none() && socket::begin(transfer.sock, tid, transfer.fresh) == 0 {
        return;
    }
    walk(transfer, key, who, returned as u64);
}

/// The buffers of one call. Lives on the stack; the loop callback gets its address.
#[repr(C)]
struct Walk {
    key: FlowKey,
    who: Identity,
    /// Address of the first `struct iovec`, and bytes not met yet.
    iov: u64,
    left: u64,
    direction: u64,
}

#[inline(always)]
fn walk(transfer: &Transfer, key: FlowKey, who: Identity, len: u64) {
    let direction = u64::from(transfer.direction & 1);
    if transfer.segments == Transfer::NO_BUFFER {
        unseen(&key, direction as usize, len);
        return;
    }
    if transfer.segments == Transfer::ONE_BUFFER {
        moved(&key, who, direction as usize, transfer.buf, len);
        return;
    }
    let mut walk = Walk { key, who, iov: transfer.buf, left: len, direction };
    if config::get().has_loop == 1 {
        let rounds = core::cmp::min(transfer.segments, u64::from(MAX_SEGMENTS));
        // SAFETY: the callback has the kernel's signature and `walk` outlives the call.
        unsafe {
            bpf_loop(
                rounds as u32,
                segment as *mut c_void,
                core::ptr::from_mut(&mut walk).cast(),
                0,
            )
        };
    } else {
        for index in 0..SEGMENTS_WITHOUT_LOOP {
            if index >= transfer.segments {
                break;
            }
            if segment(index, core::ptr::from_mut(&mut walk).cast()) != 0 {
                break;
            }
        }
    }
    if walk.left > 0 {
        unseen(&key, direction as usize, walk.left);
    }
}

/// Shape of a `bpf_loop` callback: 0 goes on.
#[inline(never)]
extern "C" fn segment(index: u64, context: *mut c_void) -> i64 {
    // SAFETY: both callers pass the address of a live `Walk`.
    let walk = unsafe { &mut *context.cast::<Walk>() };
    // SAFETY: the helper fails on an unreadable address.
    let read = unsafe { bpf_probe_read_user((walk.iov + 16 * index) as *const [u64; 2]) };
    let Ok([base, len]) = read else { return 1 };
    let len = core::cmp::min(len, walk.left);
    if len > 0 {
        moved(&walk.key, walk.who, walk.direction as usize, base, len);
        walk.left -= len;
    }
    i64::from(walk.left == 0)
}

#[inline(always)]
fn moved(key: &FlowKey, who: Identity, direction: usize, buf: u64, len: u64) {
    if let Some(state) = FLOWS.get_ptr_mut(key) {
        flow::moved(state, key, who, direction, buf, len);
    }
}

/// Bytes that moved and cannot be shown: their place in the stream stays empty.
#[inline(always)]
fn unseen(key: &FlowKey, direction: usize, len: u64) {
    if let Some(state) = FLOWS.get_ptr_mut(key) {
        // SAFETY: a live map value.
        unsafe { (*state).bytes[direction & 1] += len };
        emit::count(Counter::BytesUnseen, len);
    }
}

/// `connect(fd, address, len)`: Unix sockets have no state changes to see.
#[tracepoint]
fn plain_connect(ctx: TracePointContext) -> u32 {
    let address = argument(&ctx, 1);
    // SAFETY: the helper fails on an unreadable address.
    if unsafe { bpf_probe_read_user(address as *const u16) } != Ok(family::UNIX) {
        return 0;
    }
    let len = core::cmp::min(argument(&ctx, 2).saturating_sub(SUN_PATH), SUN_BYTES as u64) as usize;
    let mut name = [0u8; SUN_BYTES];
    // SAFETY: as above; at most the array is written.
    if unsafe { bpf_probe_read_user_buf((address + SUN_PATH) as *const u8, &mut name) }.is_err() {
        return 0;
    }
    let Some(hash) = last_component(&name, len) else { return 0 };
    // SAFETY: existence only.
    if unsafe { UNIX_NAMES.get(hash) }.is_none() {
        return 0;
    }
    if let Some(sock) = socket::behind(argument(&ctx, 0)) {
        let pair = Pair { family: family::UNIX, ..Pair::default() };
        let _full = socket::admit(sock, &pair, class::UNIX, hash);
    }
    0
}

/// Hash of the name behind its last slash: the same socket has other paths in other namespaces.
/// Forward, restarting at each slash, with the bytes of [`sni::step`].
#[inline(always)]
fn last_component(name: &[u8; SUN_BYTES], len: usize) -> Option<u64> {
    let mut hash = sni::BASIS;
    for (i, byte) in name.iter().enumerate() {
        if i >= len || (*byte == 0 && i > 0) {
            break;
        }
        hash = if *byte == b'/' { sni::BASIS } else { sni::step(hash, *byte) };
    }
    (hash != sni::BASIS).then_some(hash)
}
