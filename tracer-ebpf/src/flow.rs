//! One connection's state: verdict, byte offsets, and the records that follow from them.

use aya_ebpf::cty::c_void;
use aya_ebpf::helpers::generated::{bpf_ktime_get_boot_ns, bpf_loop, bpf_probe_read_user};
use tracer_common::event::EventKind;
use tracer_common::limits::{
    BUCKETS, MAX_CHUNK, MAX_CHUNKS_PER_CALL, UNDECIDED_BYTES, UNDECIDED_BYTES_UNNAMED,
    UNDECIDED_PLAIN_BYTES,
};
use tracer_common::loss::Counter;
use tracer_common::tls::{
    DataRecord, FlowEndRecord, FlowKey, FlowOpenRecord, FlowState, library, verdict,
};

use crate::config;
use crate::emit::{self, Wake};
use crate::hosts;
use crate::identity::Identity;
use crate::maps::{DECISIONS, FLOWS, NAMES};

/// Chunks of one call on kernels without `bpf_loop`.
const CHUNKS_WITHOUT_LOOP: u64 = 16;

/// The flow behind a key, made and announced if it is new.
#[inline(always)]
pub(crate) fn enter(key: &FlowKey, who: Identity) -> Option<*mut FlowState> {
    if let Some(state) = FLOWS.get_ptr_mut(key) {
        return Some(state);
    }
    // SAFETY: no arguments. The name is only read while no one replaces it: its connection is ours.
    let (opened_ns, name) = unsafe { (bpf_ktime_get_boot_ns(), NAMES.get(key)) };
    let known = name.is_some_and(hosts::is_provider);
    let verdict = if known { verdict::CAPTURE } else { verdict::UNDECIDED };
    open(key, who, opened_ns, verdict, name.is_some())
}

/// Makes a flow and announces it.
#[inline(always)]
pub(crate) fn open(
    key: &FlowKey,
    who: Identity,
    opened_ns: u64,
    verdict: u32,
    from_start: bool,
) -> Option<*mut FlowState> {
    let state = FlowState {
        opened_ns,
        bytes: [0; 2],
        sent_undecided: [0; 2],
        verdict,
        from_start: u32::from(from_start),
        sni_hash: 0,
    };
    if FLOWS.insert(key, state, 0).is_err() {
        emit::count(Counter::FlowMapFull, 1);
        return None;
    }
    announce(key, &state, who);
    FLOWS.get_ptr_mut(key)
}

#[inline(always)]
fn announce(key: &FlowKey, state: &FlowState, who: Identity) {
    let (seq, slot) = emit::reserve::<FlowOpenRecord>();
    let Some(mut slot) = slot else { return };
    let record = slot.as_mut_ptr();
    // SAFETY: `record` points to reserved memory of this very type; each field is written once. The
    // name is copied whole, its tail is zero because the map's value was zeroed when it was made.
    unsafe {
        (*record).header = emit::header(EventKind::FlowOpen, who, seq, size_of::<FlowOpenRecord>());
        (*record).key = *key;
        (*record).opened_ns = state.opened_ns;
        (*record).verdict = state.verdict;
        (*record).from_start = state.from_start;
        (*record).fd = -1;
        match NAMES.get(key) {
            Some(name) => {
                (*record).server_name_len = name.len;
                (*record).server_name = name.bytes;
            }
            None => {
                (*record).server_name_len = 0;
                (*record).server_name = [0; _];
            }
        }
    }
    slot.submit(if state.verdict == verdict::UNDECIDED { Wake::Now } else { Wake::Batched });
    let _absent = NAMES.remove(key);
}

/// What user space has said about a flow by now.
#[inline(always)]
fn decided(key: &FlowKey, opened_ns: u64) -> u32 {
    // SAFETY: copied out; user space replaces values whole.
    match unsafe { DECISIONS.get(key) }.copied() {
        Some(decision) if decision.opened_ns == opened_ns => decision.verdict,
        _ => verdict::UNDECIDED,
    }
}

/// Bytes of one call on their way up. Lives on the stack; the loop callback gets its address.
#[repr(C)]
struct Pieces {
    key: FlowKey,
    who: Identity,
    opened_ns: u64,
    /// Address in the process, and position in the direction, of the call's first byte.
    buf: u64,
    offset: u64,
    /// Bytes to send, and bytes the call moved.
    len: u64,
    call_len: u64,
    direction: u8,
    verdict: u8,
}

/// A call moved `len` bytes: advance the offsets, send what the verdict allows.
#[inline(always)]
pub(crate) fn moved(
    state: *mut FlowState,
    key: &FlowKey,
    who: Identity,
    direction: usize,
    buf: u64,
    len: u64,
) {
    let direction = direction & 1;
    // SAFETY: `state` is a live map value; a racing thread of the same connection can at worst
    // misplace a record, which user space sees by its offset.
    let (offset, opened_ns, sent, verdict_now) = unsafe {
        let offset = (*state).bytes[direction];
        (*state).bytes[direction] = offset + len;
        if (*state).verdict == verdict::UNDECIDED {
            (*state).verdict = decided(key, (*state).opened_ns);
        }
        (offset, (*state).opened_ns, (*state).sent_undecided[direction], (*state).verdict)
    };
    let mut send = len;
    match verdict_now {
        verdict::IGNORE => {
            emit::count(Counter::BytesIgnored, len);
            return;
        }
        verdict::UNDECIDED => {
            let most = match key.library {
                library::RUSTLS => UNDECIDED_BYTES_UNNAMED,
                library::PLAIN | library::OPAQUE => UNDECIDED_PLAIN_BYTES,
                _ => UNDECIDED_BYTES,
            };
            if sent >= most {
                return;
            }
            send = core::cmp::min(len, most - sent);
            // SAFETY: as above.
            unsafe { (*state).sent_undecided[direction] = sent + send };
        }
        _ => {}
    }
    let mut pieces = Pieces {
        key: *key,
        who,
        opened_ns,
        buf,
        offset,
        len: send,
        call_len: len,
        direction: direction as u8,
        verdict: verdict_now as u8,
    };
    send_all(&mut pieces);
}

#[inline(always)]
fn send_all(pieces: &mut Pieces) {
    if pieces.len <= MAX_CHUNK as u64 {
        send_piece(0, core::ptr::from_mut(pieces).cast());
        return;
    }
    let wanted = pieces.len.div_ceil(MAX_CHUNK as u64);
    let most = if config::get().has_loop == 1 {
        u64::from(MAX_CHUNKS_PER_CALL)
    } else {
        CHUNKS_WITHOUT_LOOP
    };
    if wanted > most {
        emit::count(Counter::CallTooLong, 1);
        emit::count(Counter::BytesLost, pieces.len - most * MAX_CHUNK as u64);
    }
    let rounds = core::cmp::min(wanted, most);
    if config::get().has_loop == 1 {
        // SAFETY: the callback has the kernel's signature and `pieces` outlives the call.
        unsafe {
            bpf_loop(
                rounds as u32,
                send_piece as *mut c_void,
                core::ptr::from_mut(pieces).cast(),
                0,
            )
        };
        return;
    }
    for index in 0..CHUNKS_WITHOUT_LOOP {
        if index >= rounds {
            break;
        }
        send_piece(index, core::ptr::from_mut(pieces).cast());
    }
}

/// Sends the `index`th piece of at most [`MAX_CHUNK`] bytes. Shape of a `bpf_loop` callback: 0 goes on.
#[inline(never)]
extern "C" fn send_piece(index: u64, context: *mut c_void) -> i64 {
    // SAFETY: both callers pass the address of a live `Pieces`.
    let pieces = unsafe { &*context.cast::<Pieces>() };
    let done = index * MAX_CHUNK as u64;
    if done >= pieces.len {
        return 1;
    }
    let len = core::cmp::min(pieces.len - done, MAX_CHUNK as u64);
    if len <= BUCKETS[0] as u64 {
        send_bucket::<{ BUCKETS[0] }>(pieces, done, len);
    } else if len <= BUCKETS[1] as u64 {
        send_bucket::<{ BUCKETS[1] }>(pieces, done, len);
    } else if len <= BUCKETS[2] as u64 {
        send_bucket::<{ BUCKETS[2] }>(pieces, done, len);
    } else {
        send_bucket::<{ BUCKETS[3] }>(pieces, done, len);
    }
    0
}

#[repr(C)]
struct Bucket<const N: usize> {
    record: DataRecord,
    data: [u8; N],
}

#[inline(always)]
fn send_bucket<const N: usize>(pieces: &Pieces, done: u64, len: u64) {
    let (seq, slot) = emit::reserve::<Bucket<N>>();
    let Some(mut slot) = slot else {
        emit::count(Counter::BytesLost, len);
        return;
    };
    let bucket = slot.as_mut_ptr();
    // Bounds again, where the verifier sees them.
    let len = core::cmp::min(len, N as u64);
    // SAFETY: `bucket` is reserved memory of this type; the helper copies at most its data area and
    // fails on an unreadable address.
    let copied = unsafe {
        (*bucket).record.header =
            emit::header(EventKind::Data, pieces.who, seq, size_of::<DataRecord>() + len as usize);
        (*bucket).record.key = pieces.key;
        (*bucket).record.opened_ns = pieces.opened_ns;
        (*bucket).record.offset = pieces.offset + done;
        (*bucket).record.data_len = len as u32;
        (*bucket).record.call_len = pieces.call_len as u32;
        (*bucket).record.direction = pieces.direction;
        (*bucket).record.verdict = pieces.verdict;
        (*bucket).record.reserved = [0; 6];
        bpf_probe_read_user(
            (&raw mut (*bucket).data).cast(),
            len as u32,
            (pieces.buf + done) as *const c_void,
        )
    };
    if copied != 0 {
        emit::count(Counter::BytesLost, len);
        slot.discard_unreadable();
        return;
    }
    slot.submit(if u32::from(pieces.verdict) == verdict::UNDECIDED {
        Wake::Now
    } else {
        Wake::Batched
    });
}

/// A flow, or its inbound direction, ended. Says nothing for flows nobody follows.
#[inline(always)]
pub(crate) fn ended(key: &FlowKey, who: Identity, reason: u32) {
    let Some(state) = FLOWS.get_ptr_mut(key) else { return };
    // SAFETY: a live map value, copied out whole.
    let state = unsafe { *state };
    if state.verdict == verdict::IGNORE {
        return;
    }
    let (seq, slot) = emit::reserve::<FlowEndRecord>();
    let Some(mut slot) = slot else { return };
    let record = slot.as_mut_ptr();
    // SAFETY: reserved memory of this type; each field is written.
    unsafe {
        (*record).header = emit::header(EventKind::FlowEnd, who, seq, size_of::<FlowEndRecord>());
        (*record).key = *key;
        (*record).opened_ns = state.opened_ns;
        (*record).bytes = state.bytes;
        (*record).reason = reason;
        (*record).verdict = state.verdict;
    }
    slot.submit(Wake::Batched);
}
