//! Go's `crypto/tls.Conn`: its methods' entries and each of their `ret`s.
//!
//! Never a return probe: Go reads the return addresses on its stacks when it moves them. A goroutine
//! may change threads between entry and return; it is known by its `g`: in r14 with arguments in
//! registers (Go 1.17 and later), in thread-local storage before. Its stack may move: what lies on it
//! is remembered by its distance to the stack's upper end, `g.stack.hi`.

use aya_ebpf::helpers::bpf_probe_read_user;
use aya_ebpf::helpers::bpf_probe_read_user_buf;
use aya_ebpf::macros::uprobe;
use aya_ebpf::programs::ProbeContext;
use tracer_common::limits::SNI_BYTES;
use tracer_common::loss::Counter;
use tracer_common::tls::{FlowKey, direction, end, library, verdict};

use super::tls_life::handshake_failed;
use crate::identity::{self, Identity};
use crate::maps::{Call, FLOWS, GO_CALLS, GoCall, GoCallKey, NAMES, SCRATCH};
use crate::{config, emit, flow};

/// `g.stack.lo`, `g.stack.hi`: first in `g`, in every release.
const STACK_LO: u64 = 0;
const STACK_HI: u64 = 8;
/// Before 1.17 `g` is the last word below the thread's base.
const G_BELOW_BASE: u64 = 8;
/// `tls.Conn.config` since 1.21 and before; `tls.Config.ServerName`, at one place since 1.15.
const CONFIG: u64 = 80;
const CONFIG_BEFORE_1_21: u64 = 72;
const SERVER_NAME: u64 = 128;
/// `errors.errorString`: text and length.
const EOF: &[u8; 3] = b"EOF";
const UNEXPECTED_EOF_LEN: u64 = 14;
/// `net.OpError.Err` and `os.SyscallError.Err`: the value behind the interface's type.
const OP_ERROR_ERR: u64 = 64 + 8;
const SYSCALL_ERROR_ERR: u64 = 16 + 8;
/// errno(3)
const EPIPE: u64 = 32;
const ECONNRESET: u64 = 104;
const ETIMEDOUT: u64 = 110;

/// Handshake `what`, beside the directions.
const HANDSHAKE: u32 = Call::HANDSHAKE as u32;

#[derive(Clone, Copy)]
struct Goroutine {
    g: u64,
    lo: u64,
    hi: u64,
}

/// A call's arguments or results, wherever the ABI has them.
#[derive(Clone, Copy)]
struct Frame {
    goroutine: Goroutine,
    sp: u64,
    who: Identity,
}

#[inline(always)]
fn word(address: u64) -> Option<u64> {
    // SAFETY: the helper fails on an unreadable address.
    unsafe { bpf_probe_read_user(address as *const u64) }.ok()
}

impl Frame {
    #[inline(always)]
    fn at(ctx: &ProbeContext, g: Option<u64>) -> Option<Self> {
        let Some(who) = Identity::current() else {
            emit::count(Counter::IdentityFault, 1);
            return None;
        };
        if who.tgid == config::get().own_tgid {
            return None;
        }
        // SAFETY: the kernel passes valid registers.
        let sp = unsafe { (*ctx.regs).rsp };
        let goroutine =
            g.and_then(|g| Some(Goroutine { g, lo: word(g + STACK_LO)?, hi: word(g + STACK_HI)? }));
        let Some(goroutine) = goroutine.filter(|g| g.lo < sp && sp < g.hi) else {
            emit::count(Counter::GoroutineFault, 1);
            return None;
        };
        Some(Self { goroutine, sp, who })
    }

    /// Arguments in registers: the goroutine is in r14.
    #[inline(always)]
    fn with_registers(ctx: &ProbeContext) -> Option<Self> {
        // SAFETY: the kernel passes valid registers.
        Self::at(ctx, Some(unsafe { (*ctx.regs).r14 }))
    }

    /// Arguments on the stack: the goroutine is in thread-local storage.
    #[inline(always)]
    fn with_stack(ctx: &ProbeContext) -> Option<Self> {
        let base: Option<u64> =
            identity::field(identity::current_task(), config::offsets().task_fsbase);
        Self::at(ctx, base.and_then(|base| word(base.wrapping_sub(G_BELOW_BASE))))
    }

    /// The `n`th word above the return address, from 1.
    #[inline(always)]
    fn slot(&self, n: u64) -> Option<u64> {
        word(self.sp + 8 * n)
    }

    #[inline(always)]
    fn call_key(&self) -> GoCallKey {
        GoCallKey {
            goroutine: self.goroutine.g,
            depth: self.goroutine.hi - self.sp,
            start_ns: self.who.start_ns,
            tgid: self.who.tgid,
            reserved: 0,
        }
    }

    #[inline(always)]
    fn flow_key(&self, handle: u64) -> FlowKey {
        FlowKey { handle, start_ns: self.who.start_ns, tgid: self.who.tgid, library: library::GO }
    }

    /// Remembers a call until it returns, unless nobody wants to know.
    #[inline(always)]
    fn save(&self, handle: u64, buf: u64, what: u32) {
        let key = self.flow_key(handle);
        // SAFETY: reads one integer of a live map value.
        if unsafe { FLOWS.get(key) }.is_some_and(|state| state.verdict == verdict::IGNORE) {
            return;
        }
        let Goroutine { lo, hi, .. } = self.goroutine;
        let on_stack = lo <= buf && buf < hi;
        let buf = if on_stack { hi - buf } else { buf };
        let call = GoCall { key, buf, on_stack: u32::from(on_stack), what };
        if GO_CALLS.insert(self.call_key(), call, 0).is_err() {
            emit::count(Counter::GoCallMapFull, 1);
        }
    }

    /// A write, sent up before it is done: its buffer is full, it blocks until all is written, and
    /// another goroutine may have read the answer before it returns. A connection not met yet may
    /// have its handshake inside its first write: that one is sent up at its return.
    #[inline(always)]
    fn write(&self, handle: u64, buf: u64, len: u64) {
        let key = self.flow_key(handle);
        // SAFETY: existence only.
        if unsafe { FLOWS.get(key).is_none() && NAMES.get(key).is_none() } {
            return self.save(handle, buf, u32::from(direction::OUTBOUND));
        }
        if len > 0
            && let Some(state) = flow::enter(&key, self.who)
        {
            flow::moved(state, &key, self.who, usize::from(direction::OUTBOUND), buf, len);
        }
    }

    /// A connection's name, before its first byte.
    #[inline(always)]
    fn begin(&self, handle: u64, config_at: u64) {
        let key = self.flow_key(handle);
        let name = word(handle + config_at).and_then(|config| {
            Some((word(config + SERVER_NAME)?, word(config + SERVER_NAME + 8)?))
        });
        let Some((text, len)) = name else { return };
        let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return };
        // SAFETY: this CPU's scratch; programs do not migrate. The helper fails on a bad address.
        unsafe {
            (*scratch).bytes = [0; _];
            (*scratch).padding = 0;
            (*scratch).len = 0;
            let len = len as usize;
            if 0 < len && len < SNI_BYTES {
                let Some(place) = (*scratch).bytes.get_mut(..len) else { return };
                if bpf_probe_read_user_buf(text as *const u8, place).is_err() {
                    return;
                }
                (*scratch).len = len as u32;
            }
            // What was known of the address is another connection's.
            let _absent = FLOWS.remove(key);
            let _full = NAMES.insert(key, &*scratch, 0);
        }
        self.save(handle, 0, HANDSHAKE);
    }

    /// What a call came to: `n` and the error's value, as the ABI returns them.
    #[inline(always)]
    fn returned(&self, read: impl Fn(u32) -> Option<(i64, u64)>) {
        let call_key = self.call_key();
        // SAFETY: the value is copied before it is removed.
        let Some(call) = (unsafe { GO_CALLS.get(call_key) }).copied() else { return };
        let _gone = GO_CALLS.remove(call_key);
        let Some((moved, error)) = read(call.what) else {
            emit::count(Counter::LengthFault, 1);
            return;
        };
        if call.what == HANDSHAKE {
            if error != 0 {
                let call = Call { key: call.key, buf: 0, len_ptr: 0, what: Call::HANDSHAKE };
                handshake_failed(&call, self.who, 1);
            } else {
                // The name moves on with the flow: a thousand connections may wait for their first byte.
                let _opened = flow::enter(&call.key, self.who);
            }
            return;
        }
        if moved > 0 {
            let buf = if call.on_stack == 1 { self.goroutine.hi - call.buf } else { call.buf };
            if let Some(state) = flow::enter(&call.key, self.who) {
                let direction = call.what as usize;
                flow::moved(state, &call.key, self.who, direction, buf, moved as u64);
            }
        } else if call.what == u32::from(direction::INBOUND)
            && error != 0
            && let Some(reason) = ended_by(error)
        {
            flow::ended(&call.key, self.who, reason);
        }
    }
}

/// Whether an error of `Read` is the connection's end. Errors are told by what they hold, since a
/// stripped program has no names for their types; a deadline that passed is none.
#[inline(always)]
fn ended_by(error: u64) -> Option<u32> {
    if let (Some(text), Some(len)) = (word(error), word(error + 8)) {
        let mut begins = [0; 3];
        // SAFETY: the helper fails on an unreadable address.
        let read = unsafe {
            if len == EOF.len() as u64 {
                bpf_probe_read_user_buf(text as *const u8, &mut begins)
            } else if len == UNEXPECTED_EOF_LEN {
                bpf_probe_read_user_buf((text + len - 3) as *const u8, &mut begins)
            } else {
                Err(0)
            }
        };
        if read.is_ok() && begins == *EOF {
            return Some(if len == EOF.len() as u64 { end::EOF } else { end::FAILED });
        }
    }
    let errno = word(word(word(error + OP_ERROR_ERR)? + SYSCALL_ERROR_ERR)?)?;
    matches!(errno, EPIPE | ECONNRESET | ETIMEDOUT).then_some(end::FAILED)
}

/// `(c *Conn) Write(b []byte)`: c in rax, b in rbx, rcx, rdi.
#[uprobe]
fn go_write(ctx: ProbeContext) -> u32 {
    if let Some(frame) = Frame::with_registers(&ctx) {
        // SAFETY: the kernel passes valid registers.
        let (handle, buf, len) = unsafe { ((*ctx.regs).rax, (*ctx.regs).rbx, (*ctx.regs).rcx) };
        frame.write(handle, buf, len);
    }
    0
}

/// `(c *Conn) Read(b []byte)`.
#[uprobe]
fn go_read(ctx: ProbeContext) -> u32 {
    if let Some(frame) = Frame::with_registers(&ctx) {
        // SAFETY: the kernel passes valid registers.
        let (handle, buf) = unsafe { ((*ctx.regs).rax, (*ctx.regs).rbx) };
        frame.save(handle, buf, u32::from(direction::INBOUND));
    }
    0
}

/// `(c *Conn) clientHandshake(ctx)`.
#[uprobe]
fn go_handshake(ctx: ProbeContext) -> u32 {
    if let Some(frame) = Frame::with_registers(&ctx) {
        // SAFETY: the kernel passes valid registers.
        frame.begin(unsafe { (*ctx.regs).rax }, CONFIG);
    }
    0
}

/// The same before 1.21.
#[uprobe]
fn go_handshake_before_1_21(ctx: ProbeContext) -> u32 {
    if let Some(frame) = Frame::with_registers(&ctx) {
        // SAFETY: the kernel passes valid registers.
        frame.begin(unsafe { (*ctx.regs).rax }, CONFIG_BEFORE_1_21);
    }
    0
}

/// `(c *Conn) Close()`.
#[uprobe]
fn go_close(ctx: ProbeContext) -> u32 {
    if let Some(frame) = Frame::with_registers(&ctx) {
        // SAFETY: the kernel passes valid registers.
        close(&frame, unsafe { (*ctx.regs).rax });
    }
    0
}

/// A `ret` of a method: `(n int, err error)` in rax, rbx, rcx; of the handshake: `err` in rax, rbx.
#[uprobe]
fn go_return(ctx: ProbeContext) -> u32 {
    if let Some(frame) = Frame::with_registers(&ctx) {
        // SAFETY: the kernel passes valid registers.
        let (rax, rbx, rcx) = unsafe { ((*ctx.regs).rax, (*ctx.regs).rbx, (*ctx.regs).rcx) };
        frame.returned(|what| {
            Some(if what == HANDSHAKE {
                (0, rax)
            } else {
                (rax.cast_signed(), if rbx == 0 { 0 } else { rcx })
            })
        });
    }
    0
}

#[inline(always)]
fn close(frame: &Frame, handle: u64) {
    let key = frame.flow_key(handle);
    flow::ended(&key, frame.who, end::FREED);
    let _absent = FLOWS.remove(key);
    let _absent = NAMES.remove(key);
}

/// Go 1.16: c in the first slot, b in the three that follow.
#[uprobe]
fn go_stack_write(ctx: ProbeContext) -> u32 {
    if let Some(frame) = Frame::with_stack(&ctx)
        && let (Some(handle), Some(buf), Some(len)) = (frame.slot(1), frame.slot(2), frame.slot(3))
    {
        frame.write(handle, buf, len);
    }
    0
}

#[uprobe]
fn go_stack_read(ctx: ProbeContext) -> u32 {
    if let Some(frame) = Frame::with_stack(&ctx)
        && let (Some(handle), Some(buf)) = (frame.slot(1), frame.slot(2))
    {
        frame.save(handle, buf, u32::from(direction::INBOUND));
    }
    0
}

#[uprobe]
fn go_stack_handshake(ctx: ProbeContext) -> u32 {
    if let Some(frame) = Frame::with_stack(&ctx)
        && let Some(handle) = frame.slot(1)
    {
        frame.begin(handle, CONFIG_BEFORE_1_21);
    }
    0
}

#[uprobe]
fn go_stack_close(ctx: ProbeContext) -> u32 {
    if let Some(frame) = Frame::with_stack(&ctx)
        && let Some(handle) = frame.slot(1)
    {
        close(&frame, handle);
    }
    0
}

/// Results follow the arguments: `n` in the fifth slot, `err` behind; the handshake's in the second.
#[uprobe]
fn go_stack_return(ctx: ProbeContext) -> u32 {
    if let Some(frame) = Frame::with_stack(&ctx) {
        frame.returned(|what| {
            if what == HANDSHAKE {
                return Some((0, frame.slot(2)?));
            }
            let error = if frame.slot(6)? == 0 { 0 } else { frame.slot(7)? };
            Some((frame.slot(5)?.cast_signed(), error))
        });
    }
    0
}
