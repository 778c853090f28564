//! What the kernel side said, decoded and checked: the input of the pure pipeline.
//!
//! In: nothing. Out: plain values. A recording holds exactly these.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;

/// Nanoseconds since boot, suspend included (`CLOCK_BOOTTIME`). The only clock inside the pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(pub u64);

impl BootTime {
    /// Seconds from `earlier` to `self`; 0 when the order is reversed (two CPUs' clocks may differ by a little).
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e9
    }
}

/// A process for good: ids are reused, the pair with the start time is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessKey {
    pub tgid: u32,
    pub start: BootTime,
}

/// One connection of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlowKey {
    pub process: ProcessKey,
    /// The library's connection object.
    pub handle: u64,
    /// [`tracer_common::tls::library`]
    pub library: u32,
    /// When the kernel first saw it: a library reuses freed objects' addresses.
    pub opened: BootTime,
}

/// Direction of plaintext as the traced process sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Written by the process.
    Outbound,
    /// Read by the process.
    Inbound,
}

impl Direction {
    pub const fn index(self) -> usize {
        match self {
            Self::Outbound => 0,
            Self::Inbound => 1,
        }
    }
    pub const fn opposite(self) -> Self {
        match self {
            Self::Outbound => Self::Inbound,
            Self::Inbound => Self::Outbound,
        }
    }
}

/// Who did it and when; from the header of each record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    pub at: BootTime,
    pub process: ProcessKey,
    pub tid: u32,
    pub cgroup_id: u64,
    pub cpu: u32,
    /// Number among all records this CPU tried to produce.
    pub seq: u64,
}

/// What was decided about a flow: whether its bytes come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Verdict {
    #[default]
    Undecided,
    Capture,
    Ignore,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelEvent {
    FlowOpen(FlowOpen),
    Data(Chunk),
    FlowEnd(FlowEnd),
    Handshake(Handshake),
    Exec(Box<Exec>),
    Fork(Fork),
    Exit(Exit),
    Map(Map),
    GpuCall(Box<GpuCall>),
    GpuClose(GpuClose),
    Socket(Box<SocketEvent>),
    FlowSocket(Box<FlowSocket>),
    CgroupMade(Box<CgroupMade>),
    CgroupRemoved(Box<CgroupRemoved>),
}

impl KernelEvent {
    pub const fn origin(&self) -> &Origin {
        match self {
            Self::FlowOpen(e) => &e.origin,
            Self::Data(e) => &e.origin,
            Self::FlowEnd(e) => &e.origin,
            Self::Handshake(e) => &e.origin,
            Self::Exec(e) => &e.origin,
            Self::Fork(e) => &e.origin,
            Self::Exit(e) => &e.origin,
            Self::Map(e) => &e.origin,
            Self::GpuCall(e) => &e.origin,
            Self::GpuClose(e) => &e.origin,
            Self::Socket(e) => &e.origin,
            Self::FlowSocket(e) => &e.origin,
            Self::CgroupMade(e) => &e.origin,
            Self::CgroupRemoved(e) => &e.origin,
        }
    }
}

/// Sent once per flow, before its first data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowOpen {
    pub origin: Origin,
    pub key: FlowKey,
    /// The kernel's own verdict, from the server name.
    pub verdict: Verdict,
    /// SNI, lower case, when the client set one that we saw.
    pub server_name: Option<String>,
    /// The capture begins at the connection's first byte; false: attached in the middle.
    pub from_start: bool,
    pub fd: Option<i32>,
}

/// A piece of plaintext at a known place of its direction.
#[derive(Clone, PartialEq, Eq)]
pub struct Chunk {
    pub origin: Origin,
    pub key: FlowKey,
    pub direction: Direction,
    /// Bytes of this direction before `data` since the flow opened.
    pub offset: u64,
    /// What the flow's verdict was when the kernel copied this.
    pub verdict: Verdict,
    pub data: Bytes,
}

/// Says how much, never what: the bytes are prompts and credentials.
impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("origin", &self.origin)
            .field("key", &self.key)
            .field("direction", &self.direction)
            .field("offset", &self.offset)
            .field("verdict", &self.verdict)
            .field("len", &self.data.len())
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The connection object was freed.
    Freed,
    /// A read reported end of stream: nothing more comes in.
    Eof,
    Failed,
    /// The process exited (made in user space from [`Exit`]).
    ProcessExit,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowEnd {
    pub origin: Origin,
    pub key: FlowKey,
    pub reason: EndReason,
    /// Bytes the process moved, by [`Direction::index`]: shows a hole at the very end.
    pub bytes: [u64; 2],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    pub origin: Origin,
    pub key: FlowKey,
    pub succeeded: bool,
    pub server_name: Option<String>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Exec {
    pub origin: Origin,
    pub parent: ProcessKey,
    pub uid: u32,
    pub gid: u32,
    pub comm: String,
    pub path: String,
    /// Private to attribution: may hold secrets.
    pub argv: Vec<Bytes>,
    /// `argv` was cut.
    pub argv_cut: bool,
    /// What the environment says of the service; `None`: the kernel could not look.
    pub environment: Option<Vec<Bytes>>,
}

/// Says how many arguments, never which: they may be secrets.
impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exec")
            .field("origin", &self.origin)
            .field("parent", &self.parent)
            .field("uid", &self.uid)
            .field("comm", &self.comm)
            .field("path", &self.path)
            .field("arguments", &self.argv.len())
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Of the parent.
    pub origin: Origin,
    pub child: ProcessKey,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    pub origin: Origin,
    /// As `wait(2)` has it: status << 8 | signal.
    pub code: u32,
    /// Records were lost while the process lived: the ends of its flows may be among them.
    pub lossy: bool,
}

/// A call of a GPU driver that allocates, frees, binds or failed, at its return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuCall {
    pub origin: Origin,
    pub device: tracer_common::gpu::Device,
    /// As it was meant: unwrapped where it came inside another.
    pub command: u32,
    pub wrapped: bool,
    pub fd: i32,
    /// What the system call returned.
    pub rc: i64,
    pub entered: BootTime,
    /// Failures of this command by this process on this device so far; 0: this call succeeded.
    pub failures: u64,
    /// The structure as the caller passed it, its first bytes.
    pub before: Bytes,
    /// The same after the call.
    pub after: Bytes,
    /// The end of a long structure.
    pub tail: Bytes,
    /// What it points to.
    pub params: Bytes,
}

/// A process closed a GPU's device file that it had used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpuClose {
    pub origin: Origin,
    pub device: tracer_common::gpu::Device,
    pub fd: i32,
}

/// The process's dynamic linker has mapped libraries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    pub origin: Origin,
}

/// Both ends of a connection, as the process has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketPair {
    Inet {
        local: SocketAddr,
        remote: SocketAddr,
    },
    /// Hash of the last component of the name.
    Unix {
        name: u64,
    },
}

impl SocketPair {
    pub const fn remote(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet { remote, .. } => Some(*remote),
            Self::Unix { .. } => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketChange {
    /// The process begins to connect: the local end is not known yet.
    Connect,
    Established,
    /// Over, or never came to be.
    Closed {
        /// errno of what ended it.
        error: Option<i32>,
        /// The process itself gave it up.
        by_process: bool,
        /// Payload on the wire, by [`Direction::index`].
        bytes: [u64; 2],
    },
    Listen,
}

/// Something happened to a connection or listener; the origin is who connected it or listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketEvent {
    pub origin: Origin,
    pub change: SocketChange,
    /// The kernel's address of it: names it while it lives.
    pub sock: u64,
    pub opened: BootTime,
    pub established: Option<BootTime>,
    pub pair: SocketPair,
    /// [`tracer_common::socket::class`]
    pub class: u32,
}

/// A flow runs over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowSocket {
    pub origin: Origin,
    pub key: FlowKey,
    pub sock: u64,
    pub pair: SocketPair,
}

/// A control group was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupMade {
    /// Of whoever made it.
    pub origin: Origin,
    /// Inode of its directory.
    pub id: u64,
    /// In the v2 hierarchy, the one of [`Origin::cgroup_id`].
    pub is_v2: bool,
    pub uid: u32,
    /// Below the root of its hierarchy.
    pub path: String,
}

/// A control group was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupRemoved {
    pub origin: Origin,
    pub id: u64,
    pub path: String,
}
