//! All maps, each with its size and why.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{HashMap, LruHashMap, PerCpuArray, RingBuf};
use tracer_common::limits;
use tracer_common::loss::Counter;
use tracer_common::socket::{Endpoint, Socket};
use tracer_common::tls::{Decision, FlowKey, FlowState};

/// The one way up. Size set by the loader.
#[map]
pub(crate) static EVENTS: RingBuf = RingBuf::with_byte_size(limits::RING_BYTES_DEFAULT, 0);

/// Connections. LRU: a host with more of them than fit loses the state of the quietest, which then
/// begins anew with another `opened_ns` and is seen as a late attach, never as wrong bytes.
#[map]
pub(crate) static FLOWS: LruHashMap<FlowKey, FlowState> =
    LruHashMap::with_max_entries(limits::MAX_FLOWS, 0);

/// User space's answers, taken over by the flow at its next byte. LRU: an answer may come too late.
#[map]
pub(crate) static DECISIONS: LruHashMap<FlowKey, Decision> =
    LruHashMap::with_max_entries(16_384, 0);

/// Server names set on connections that have had no data yet.
#[map]
pub(crate) static NAMES: LruHashMap<FlowKey, ServerName> = LruHashMap::with_max_entries(16_384, 0);

/// A call between its entry and its return, by thread. LRU: threads die inside calls.
#[map]
pub(crate) static CALLS: LruHashMap<u64, Call> =
    LruHashMap::with_max_entries(limits::MAX_CALLS_IN_PROGRESS, 0);

/// The same for Go, by goroutine and depth of its stack. LRU: a panic leaves a call without a return.
#[map]
pub(crate) static GO_CALLS: LruHashMap<GoCallKey, GoCall> =
    LruHashMap::with_max_entries(limits::MAX_GO_CALLS, 0);

/// What a thread writes with rustls, and what it has decrypted. LRU: threads die inside calls.
#[map]
pub(crate) static RUSTLS_WRITES: LruHashMap<u64, RustlsWrite> =
    LruHashMap::with_max_entries(limits::MAX_CALLS_IN_PROGRESS, 0);
#[map]
pub(crate) static RUSTLS_READS: LruHashMap<u64, RustlsRead> =
    LruHashMap::with_max_entries(limits::MAX_CALLS_IN_PROGRESS, 0);

/// Hashes of provider hosts and suffixes, filled by user space ([`tracer_common::sni`]).
#[map]
pub(crate) static HOSTS: HashMap<u64, u32> = HashMap::with_max_entries(limits::MAX_HOSTS, 0);

/// Connections somebody may want to see, by their `struct sock`. LRU: the quietest gives way.
#[map]
pub(crate) static SOCKETS: LruHashMap<u64, Socket> =
    LruHashMap::with_max_entries(limits::MAX_SOCKETS, 0);

/// Where connections of interest go, and of which [`tracer_common::socket::class`] they are. Filled
/// by user space.
#[map]
pub(crate) static ENDPOINTS: HashMap<Endpoint, u32> =
    HashMap::with_max_entries(limits::MAX_ENDPOINTS, 0);

/// Hashes of the last component of Unix sockets' names that AI servers listen on.
#[map]
pub(crate) static UNIX_NAMES: HashMap<u64, u32> = HashMap::with_max_entries(1024, 0);

/// Processes that have a connection whose bytes are looked at: for all others a system call costs
/// one failed look-up. LRU: processes die.
#[map]
pub(crate) static WATCHED: LruHashMap<u32, u32> = LruHashMap::with_max_entries(16_384, 0);

/// Processes whose TLS nobody can read, and the low half of their start: what their connections to a
/// TLS port carry is looked at.
#[map]
pub(crate) static UNREADABLE: LruHashMap<u32, u32> = LruHashMap::with_max_entries(16_384, 0);

/// A system call on such a connection between its entry and its return, by thread.
#[map]
pub(crate) static TRANSFERS: LruHashMap<u64, Transfer> =
    LruHashMap::with_max_entries(limits::MAX_CALLS_IN_PROGRESS, 0);

/// [`tracer_common::loss::Counter`], one row per CPU: no atomics on the way.
#[map]
pub(crate) static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Counter::COUNT, 0);

/// A name being read: too large for the 512 bytes of stack.
#[map]
pub(crate) static SCRATCH: PerCpuArray<ServerName> = PerCpuArray::with_max_entries(1, 0);

/// An environment being looked through.
#[map]
pub(crate) static ENVIRONMENT: PerCpuArray<Environment> = PerCpuArray::with_max_entries(1, 0);

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Environment {
    /// The variable at hand.
    pub word: [u8; limits::ENV_VARIABLE_BYTES],
    /// Those wanted, one behind the other; room for one more than fits a record.
    pub found: [u8; limits::ENV_BYTES + limits::ENV_VARIABLE_BYTES],
    pub len: u32,
    pub padding: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct ServerName {
    pub len: u32,
    pub padding: u32,
    pub bytes: [u8; limits::SNI_BYTES],
}

/// What a function was called with.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub key: FlowKey,
    /// Buffer in the process.
    pub buf: u64,
    /// Where the function stores the length it moved; 0: it returns it.
    pub len_ptr: u64,
    /// [`tracer_common::tls::direction`], or [`Call::HANDSHAKE`], [`Call::ERROR`].
    pub what: u64,
}

impl Call {
    pub(crate) const HANDSHAKE: u64 = 16;
    pub(crate) const ERROR: u64 = 17;
}

/// Which Go call. A goroutine changes threads and its stack moves; the distance of a frame to the
/// stack's upper end stays. It tells apart a connection's call from that of the connection below it.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct GoCallKey {
    pub goroutine: u64,
    pub depth: u64,
    pub start_ns: u64,
    pub tgid: u32,
    pub reserved: u32,
}

/// What a Go function was called with.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct GoCall {
    pub key: FlowKey,
    /// Buffer in the process; on the goroutine's own stack, its distance to the upper end.
    pub buf: u64,
    pub on_stack: u32,
    /// [`tracer_common::tls::direction`] or [`Call::HANDSHAKE`].
    pub what: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct RustlsWrite {
    /// The connection's `CommonState`; 0 until it is known.
    pub common: u64,
    /// The data, or the slices of it.
    pub buf: u64,
    pub len: u64,
    pub vectored: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct RustlsRead {
    /// Where the result goes.
    pub result: u64,
    pub is_13: u64,
    /// The plaintext, once it is there.
    pub buf: u64,
    pub len: u64,
    /// First words of the message, the buffer's address among them.
    pub message: [u64; 4],
}

/// What a system call that moves bytes was called with.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Transfer {
    pub sock: u64,
    /// The buffer, or the first of `segments` buffers (`struct iovec`).
    pub buf: u64,
    pub segments: u64,
    /// [`tracer_common::tls::direction`]
    pub direction: u32,
    /// 1: nothing had been sent or received before.
    pub fresh: u32,
}

impl Transfer {
    /// `segments` of a call with one buffer, and of one whose bytes pass by no buffer of the process.
    pub(crate) const ONE_BUFFER: u64 = u64::MAX;
    pub(crate) const NO_BUFFER: u64 = u64::MAX - 1;
}
