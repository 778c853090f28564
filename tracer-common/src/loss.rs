//! Why a record that the kernel side tried to produce never reached the ring. Counted per CPU.

/// Index into the per-CPU `COUNTERS` array.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Records the programs tried to produce: the top of the books.
    Produced = 0,
    /// Records that went into the ring.
    Submitted = 1,
    /// Dropped: `bpf_ringbuf_reserve` failed, the ring was full.
    RingFull = 2,
    /// Dropped: the buffer of the traced process could not be read.
    CopyFault = 3,

    // Below: trouble that costs a record before it was tried, or degrades one. Not part of
    // `produced = submitted + dropped`, shown beside it.
    /// A flow was not entered into the flow map.
    FlowMapFull = 8,
    /// Arguments of a call were not saved: its return will not be seen.
    CallMapFull = 9,
    /// A call succeeded but the length it moved could not be read.
    LengthFault = 10,
    /// Bytes beyond what one call may send up ([`crate::limits::MAX_CHUNKS_PER_CALL`]).
    CallTooLong = 11,
    /// The task's identity could not be read.
    IdentityFault = 12,
    /// Payload bytes lost with dropped data records.
    BytesLost = 13,
    /// Bytes of flows that were ignored: seen, counted, not copied.
    BytesIgnored = 14,
    /// A Go call was not saved: its return will not be seen.
    GoCallMapFull = 24,
    /// The goroutine behind a Go call could not be read.
    GoroutineFault = 25,

    /// A connection was not entered into the socket map: its flow will not be seen.
    SocketMapFull = 16,
    /// Bytes of a followed plain flow that moved without passing through a buffer of the process
    /// (`sendfile`, `splice`), or through one beyond [`crate::limits::MAX_SEGMENTS`]: a hole.
    BytesUnseen = 17,
}

impl Counter {
    pub const COUNT: u32 = 64;
    /// Reasons that make up `dropped` in the kernel's books, with the names shown.
    pub const DROPS: [(Self, &'static str); 2] =
        [(Self::RingFull, "ring_full"), (Self::CopyFault, "copy_fault")];
    /// Trouble beside the books, with the names shown.
    pub const TROUBLE: [(Self, &'static str); 11] = [
        (Self::FlowMapFull, "flow_map_full"),
        (Self::CallMapFull, "call_map_full"),
        (Self::LengthFault, "length_fault"),
        (Self::CallTooLong, "call_too_long"),
        (Self::IdentityFault, "identity_fault"),
        (Self::BytesLost, "bytes_lost"),
        (Self::BytesIgnored, "bytes_ignored"),
        (Self::GoCallMapFull, "go_call_map_full"),
        (Self::GoroutineFault, "goroutine_fault"),
        (Self::SocketMapFull, "socket_map_full"),
        (Self::BytesUnseen, "bytes_unseen"),
    ];
}
