//! The header of every record and the kinds of records.

use crate::no_padding;

/// First in every record. 64 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventHeader {
    /// An [`EventKind`] number; anything else is counted as malformed.
    pub kind: u16,
    /// Kind-specific flags.
    pub flags: u16,
    /// CPU that produced the record: with `seq` it makes every loss visible.
    pub cpu: u32,
    /// Number of the record among all that this CPU *tried* to produce, from 1. A hole in it is a
    /// record that the kernel side counted as dropped.
    pub seq: u64,
    /// `bpf_ktime_get_boot_ns()`: nanoseconds since boot, suspend included.
    pub boot_ns: u64,
    /// Process (thread group) id in the initial PID namespace.
    pub tgid: u32,
    pub tid: u32,
    /// `task_struct.group_leader->start_boottime`, nanoseconds since boot: with `tgid` it names a process for good.
    pub start_ns: u64,
    /// `bpf_get_current_cgroup_id()`: inode of the cgroup v2 directory.
    pub cgroup_id: u64,
    /// Bytes of the record that mean something, header included; the bucket behind may be larger.
    pub len: u32,
    pub reserved: u32,
    pub reserved2: u64,
}
no_padding!(EventHeader, 64);

/// Fixed numbers, with gaps per family on purpose: a retired number is never used again.
#[repr(u16)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// [`crate::process::ExecRecord`]
    Exec = 1,
    /// [`crate::process::ExitRecord`]
    Exit = 2,
    /// [`crate::process::ForkRecord`]
    Fork = 3,
    /// [`crate::process::MapRecord`]: libraries were mapped.
    Map = 4,
    /// [`crate::process::CgroupRecord`]
    CgroupMade = 5,
    /// [`crate::process::CgroupRecord`]
    CgroupRemoved = 6,
    /// [`crate::tls::FlowOpenRecord`]
    FlowOpen = 16,
    /// [`crate::tls::DataRecord`]
    Data = 17,
    /// [`crate::tls::FlowEndRecord`]
    FlowEnd = 18,
    /// [`crate::tls::HandshakeRecord`]
    Handshake = 19,
    /// [`crate::socket::SocketRecord`]: a process begins to connect.
    SocketConnect = 32,
    /// The peer answered.
    SocketEstablished = 33,
    /// Over, or never came to be.
    SocketClosed = 34,
    /// A process listens.
    SocketListen = 35,
    /// [`crate::socket::FlowSocketRecord`]
    FlowSocket = 36,
    /// [`crate::gpu::GpuCallRecord`]
    GpuCall = 48,
    /// [`crate::gpu::GpuCloseRecord`]
    GpuClose = 49,
}

impl EventKind {
    /// The kind behind a number from the ring or a recording; `None` for one this build does not know.
    pub const fn parse(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Exec,
            2 => Self::Exit,
            3 => Self::Fork,
            4 => Self::Map,
            5 => Self::CgroupMade,
            6 => Self::CgroupRemoved,
            16 => Self::FlowOpen,
            17 => Self::Data,
            18 => Self::FlowEnd,
            19 => Self::Handshake,
            32 => Self::SocketConnect,
            33 => Self::SocketEstablished,
            34 => Self::SocketClosed,
            35 => Self::SocketListen,
            36 => Self::FlowSocket,
            48 => Self::GpuCall,
            49 => Self::GpuClose,
            _ => return None,
        })
    }
}
