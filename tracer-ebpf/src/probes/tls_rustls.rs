//! rustls: methods of traits, by the Rust ABI as x86-64 has it (slices and small results in two
//! registers; large results through a pointer in the first).

use aya_ebpf::cty::c_void;
use aya_ebpf::helpers::generated::bpf_loop;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_probe_read_user};
use aya_ebpf::macros::{uprobe, uretprobe};
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use tracer_common::loss::Counter;
use tracer_common::tls::{FlowKey, FlowState, direction, end, library, verdict};

use crate::identity::Identity;
use crate::maps::{FLOWS, RUSTLS_READS, RUSTLS_WRITES, RustlsRead, RustlsWrite};
use crate::{config, emit, flow};

/// Slices of one vectored write that are followed.
const MAX_SLICES: u64 = 64;
/// The same on kernels without `bpf_loop`.
const SLICES_WITHOUT_LOOP: u64 = 2;
/// A record of TLS is no longer, with all that comes with it.
const MAX_RECORD: u64 = 18_432;
/// `ContentType::ApplicationData` on the wire (RFC 8446 §5.1): in TLS 1.3 it follows the plaintext.
const APPLICATION_DATA: u8 = 0x17;
/// TLS 1.2 has no such byte; an alert has two bytes.
const ALERT: u64 = 2;

#[inline(always)]
fn word(address: u64) -> Option<u64> {
    // SAFETY: the helper fails on an unreadable address.
    unsafe { bpf_probe_read_user(address as *const u64) }.ok()
}

#[inline(always)]
fn identity() -> Option<Identity> {
    let Some(who) = Identity::current() else {
        emit::count(Counter::IdentityFault, 1);
        return None;
    };
    (who.tgid != config::get().own_tgid).then_some(who)
}

#[inline(always)]
fn key(handle: u64, who: Identity) -> FlowKey {
    FlowKey { handle, start_ns: who.start_ns, tgid: who.tgid, library: library::RUSTLS }
}

/// `PlaintextSink::write(&mut self, buf: &[u8]) -> io::Result<usize>`
#[uprobe]
fn rustls_write(ctx: ProbeContext) -> u32 {
    begin_write(&ctx, 0);
    0
}

/// `PlaintextSink::write_vectored(&mut self, bufs: &[IoSlice]) -> io::Result<usize>`
#[uprobe]
fn rustls_write_vectored(ctx: ProbeContext) -> u32 {
    begin_write(&ctx, 1);
    0
}

#[inline(always)]
fn begin_write(ctx: &ProbeContext, vectored: u64) {
    if let (Some(buf), Some(len)) = (ctx.arg::<u64>(1), ctx.arg::<u64>(2)) {
        let write = RustlsWrite { common: 0, buf, len, vectored };
        if RUSTLS_WRITES.insert(bpf_get_current_pid_tgid(), write, 0).is_err() {
            emit::count(Counter::CallMapFull, 1);
        }
    }
}

/// `CommonState::send_appdata_encrypt(&mut self, ..)`, inside a write: says whose it is.
#[uprobe]
fn rustls_send(ctx: ProbeContext) -> u32 {
    if let Some(write) = RUSTLS_WRITES.get_ptr_mut(bpf_get_current_pid_tgid())
        && let Some(common) = ctx.arg::<u64>(0)
    {
        // SAFETY: this thread's own entry.
        unsafe { (*write).common = common };
    }
    0
}

/// `io::Result<usize>`: 0 and the count.
#[uretprobe]
fn rustls_write_return(ctx: RetProbeContext) -> u32 {
    // SAFETY: the kernel passes valid registers.
    end_write(unsafe { ((*ctx.regs).rax, (*ctx.regs).rdx) });
    0
}

/// The same at a `ret`.
#[uprobe]
fn rustls_write_return_at(ctx: ProbeContext) -> u32 {
    // SAFETY: the kernel passes valid registers.
    end_write(unsafe { ((*ctx.regs).rax, (*ctx.regs).rdx) });
    0
}

#[inline(always)]
fn end_write((error, moved): (u64, u64)) {
    let thread = bpf_get_current_pid_tgid();
    // SAFETY: the value is copied before it is removed.
    let Some(write) = (unsafe { RUSTLS_WRITES.get(thread) }).copied() else { return };
    let _gone = RUSTLS_WRITES.remove(thread);
    if error != 0 || moved == 0 || write.common == 0 {
        return;
    }
    let Some(who) = identity() else { return };
    let key = key(write.common, who);
    let Some(state) = flow::enter(&key, who) else { return };
    let outbound = usize::from(direction::OUTBOUND);
    if write.vectored == 0 {
        flow::moved(state, &key, who, outbound, write.buf, moved);
        return;
    }
    let mut slices = Slices { key, who, at: write.buf, count: write.len, left: moved };
    if config::get().has_loop == 1 {
        let rounds = core::cmp::min(slices.count, MAX_SLICES) as u32;
        // SAFETY: the callback has the kernel's signature and `slices` outlives the call.
        unsafe {
            bpf_loop(rounds, send_slice as *mut c_void, core::ptr::from_mut(&mut slices).cast(), 0)
        };
    } else {
        for index in 0..SLICES_WITHOUT_LOOP {
            if send_slice(index, core::ptr::from_mut(&mut slices).cast()) != 0 {
                break;
            }
        }
    }
    if slices.left > 0 {
        emit::count(Counter::CallTooLong, 1);
        emit::count(Counter::BytesLost, slices.left);
        // SAFETY: a live map value: the hole shows in the offsets.
        unsafe { (*state).bytes[outbound] += slices.left };
    }
}

/// What is left of a vectored write. Lives on the stack; the loop callback gets its address.
#[repr(C)]
struct Slices {
    key: FlowKey,
    who: Identity,
    at: u64,
    count: u64,
    left: u64,
}

/// Sends the `index`th slice. Shape of a `bpf_loop` callback: 0 goes on.
#[inline(never)]
extern "C" fn send_slice(index: u64, context: *mut c_void) -> i64 {
    // SAFETY: both callers pass the address of a live `Slices`.
    let slices = unsafe { &mut *context.cast::<Slices>() };
    if index >= slices.count || slices.left == 0 {
        return 1;
    }
    let at = slices.at + 16 * index;
    let (Some(buf), Some(len)) = (word(at), word(at + 8)) else { return 1 };
    let len = core::cmp::min(len, slices.left);
    slices.left -= len;
    if len > 0
        && let Some(state) = FLOWS.get_ptr_mut(slices.key)
    {
        let outbound = usize::from(direction::OUTBOUND);
        flow::moved(state, &slices.key, slices.who, outbound, buf, len);
    }
    0
}

/// `MessageDecrypter::decrypt(&mut self, message, seq) -> Result<plain, Error>` of TLS 1.3.
#[uprobe]
fn rustls_decrypt_13(ctx: ProbeContext) -> u32 {
    begin_decrypt(&ctx, 1);
    0
}

/// The same of TLS 1.2.
#[uprobe]
fn rustls_decrypt_12(ctx: ProbeContext) -> u32 {
    begin_decrypt(&ctx, 0);
    0
}

#[inline(always)]
fn begin_decrypt(ctx: &ProbeContext, is_13: u64) {
    let (Some(result), Some(message)) = (ctx.arg::<u64>(0), ctx.arg::<u64>(2)) else { return };
    let mut read = RustlsRead { result, is_13, buf: 0, len: 0, message: [0; 4] };
    for (index, place) in read.message.iter_mut().enumerate() {
        *place = word(message + 8 * index as u64).unwrap_or(0);
    }
    if RUSTLS_READS.insert(bpf_get_current_pid_tgid(), read, 0).is_err() {
        emit::count(Counter::CallMapFull, 1);
    }
}

/// Decryption is in place: where the message held its buffer's address, the result holds it too, with
/// the plaintext's length behind. That is so in every version, wherever the fields are.
#[uretprobe]
fn rustls_decrypt_return(_ctx: RetProbeContext) -> u32 {
    end_decrypt();
    0
}

/// The same at a `ret`.
#[uprobe]
fn rustls_decrypt_return_at(_ctx: ProbeContext) -> u32 {
    end_decrypt();
    0
}

#[inline(always)]
fn end_decrypt() {
    let Some(read) = RUSTLS_READS.get_ptr_mut(bpf_get_current_pid_tgid()) else { return };
    // SAFETY: this thread's own entry.
    let (result, message) = unsafe { ((*read).result, (*read).message) };
    for index in 0..6 {
        let value = word(result + 8 * index).unwrap_or(0);
        if value < 4096 || !message.contains(&value) {
            continue;
        }
        let len = word(result + 8 * index + 8).unwrap_or(0);
        if len > 0 && len <= MAX_RECORD {
            // SAFETY: as above.
            unsafe {
                (*read).buf = value;
                (*read).len = len;
            }
            return;
        }
    }
}

/// `ExpectTraffic::handle(self: Box<Self>, cx: &mut Context, message)`: what was just decrypted on this
/// thread is a message of the connection in `cx`.
#[uprobe]
fn rustls_traffic(ctx: ProbeContext) -> u32 {
    let thread = bpf_get_current_pid_tgid();
    // SAFETY: the value is copied before it is removed.
    let Some(read) = (unsafe { RUSTLS_READS.get(thread) }).copied() else { return 0 };
    let _gone = RUSTLS_READS.remove(thread);
    if read.len == 0 {
        return 0;
    }
    // SAFETY: the helper fails on an unreadable address.
    let behind = unsafe { bpf_probe_read_user((read.buf + read.len) as *const u8) };
    let data = if read.is_13 == 1 { behind == Ok(APPLICATION_DATA) } else { read.len != ALERT };
    if !data {
        return 0;
    }
    let (Some(context), Some(who)) = (ctx.arg::<u64>(2), identity()) else { return 0 };
    for field in 0..3 {
        let key = key(word(context + 8 * field).unwrap_or(0), who);
        if let Some(state) = FLOWS.get_ptr_mut(key) {
            let inbound = usize::from(direction::INBOUND);
            flow::moved(state, &key, who, inbound, read.buf, read.len);
            return 0;
        }
    }
    0
}

/// The same on a server: the connection's writes are of no interest. Which of the context's fields is
/// `CommonState` differs; the others are addresses inside the same connection.
#[uprobe]
fn rustls_server(ctx: ProbeContext) -> u32 {
    let _gone = RUSTLS_READS.remove(bpf_get_current_pid_tgid());
    let (Some(context), Some(who)) = (ctx.arg::<u64>(2), identity()) else { return 0 };
    for field in 0..3 {
        let key = key(word(context + 8 * field).unwrap_or(0), who);
        match FLOWS.get_ptr_mut(key) {
            // SAFETY: a live map value.
            Some(state) => unsafe { (*state).verdict = verdict::IGNORE },
            None => {
                let state = FlowState {
                    verdict: verdict::IGNORE,
                    opened_ns: 0,
                    bytes: [0; 2],
                    sent_undecided: [0; 2],
                    from_start: 0,
                    sni_hash: 0,
                };
                if FLOWS.insert(key, state, 0).is_err() {
                    emit::count(Counter::FlowMapFull, 1);
                }
            }
        }
    }
    0
}

/// `drop_in_place(&mut CommonState)`
#[uprobe]
fn rustls_drop(ctx: ProbeContext) -> u32 {
    if let (Some(common), Some(who)) = (ctx.arg::<u64>(0), identity()) {
        let key = key(common, who);
        flow::ended(&key, who, end::FREED);
        let _absent = FLOWS.remove(key);
    }
    0
}
