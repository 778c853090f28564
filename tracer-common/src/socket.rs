//! Records and map values of sockets: connections, listeners, and which flow runs over which.

use crate::{event::EventHeader, no_padding, pod, tls::FlowKey};

/// Byte offsets of kernel struct fields on the way from a descriptor to a connection's addresses, as
/// [`crate::config::Offsets`]. The read-only global `SOCKET_OFFSETS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOffsets {
    /// `task_struct.files` → `files_struct.fdt` → `fdtable.fd[n]` → `file.private_data` → `socket.sk`
    pub task_files: u32,
    pub files_fdt: u32,
    pub fdt_max: u32,
    pub fdt_fd: u32,
    pub file_private: u32,
    pub socket_sk: u32,
    /// `sock_common`, at the beginning of `sock`
    pub skc_family: u32,
    pub skc_state: u32,
    pub skc_dport: u32,
    pub skc_num: u32,
    pub skc_daddr: u32,
    pub skc_rcv_saddr: u32,
    pub skc_v6_daddr: u32,
    pub skc_v6_rcv_saddr: u32,
    /// `sock`
    pub sk_err: u32,
    pub sk_shutdown: u32,
    /// `tcp_sock`
    pub tcp_bytes_sent: u32,
    pub tcp_bytes_acked: u32,
    pub tcp_bytes_received: u32,
    pub reserved: u32,
}
impl SocketOffsets {
    pub const UNKNOWN: Self = {
        let absent = crate::config::Offsets::ABSENT;
        Self {
            task_files: absent,
            files_fdt: absent,
            fdt_max: absent,
            fdt_fd: absent,
            file_private: absent,
            socket_sk: absent,
            skc_family: absent,
            skc_state: absent,
            skc_dport: absent,
            skc_num: absent,
            skc_daddr: absent,
            skc_rcv_saddr: absent,
            skc_v6_daddr: absent,
            skc_v6_rcv_saddr: absent,
            sk_err: absent,
            sk_shutdown: absent,
            tcp_bytes_sent: absent,
            tcp_bytes_acked: absent,
            tcp_bytes_received: absent,
            reserved: 0,
        }
    };
}
no_padding!(SocketOffsets, 80);

/// `AF_*`, include/linux/socket.h.
pub mod family {
    pub const UNIX: u16 = 1;
    pub const INET: u16 = 2;
    pub const INET6: u16 = 10;
}

/// Where a connection goes. Key of the kernel's endpoint map; an address of zeros means any.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// IPv6; IPv4 as `::ffff:a.b.c.d`.
    pub address: [u8; 16],
    pub port: u16,
    pub reserved: [u16; 3],
}
no_padding!(Endpoint, 24);

/// Why a connection is of interest: value of the endpoint map.
pub mod class {
    /// Of none; stands in the map where a whole port is of interest and this address is not.
    pub const NONE: u32 = 0;
    /// TLS is expected: only its life is told.
    pub const TLS: u32 = 1;
    /// An AI server may answer there without TLS: what goes over it is looked at.
    pub const PLAIN: u32 = 2;
    /// The same over a Unix socket.
    pub const UNIX: u32 = 3;
    /// TLS of a process whose plaintext cannot be read: what is on the wire is looked at.
    pub const OPAQUE: u32 = 4;
}

/// Both ends of a connection, as the process has them. 40 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// IPv6; IPv4 as `::ffff:a.b.c.d`. For a Unix socket the first 8 bytes are the hash of its name.
    pub remote: [u8; 16],
    pub local: [u8; 16],
    pub remote_port: u16,
    pub local_port: u16,
    pub family: u16,
    pub reserved: u16,
}
no_padding!(Pair, 40);

/// Value of the kernel's socket map: a connection somebody may want to see. 72 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Socket {
    /// Whose it is: who connected it, whoever else uses it later.
    pub key: FlowKey,
    pub opened_ns: u64,
    /// 0: not yet.
    pub established_ns: u64,
    pub cgroup_id: u64,
    /// One of [`class`].
    pub class: u32,
    /// Tells a connection from another one whose `struct sock` has the same address.
    pub remote_port: u16,
    pub family: u16,
    /// Of a Unix socket: hash of its name.
    pub name: u64,
    pub tid: u32,
    pub reserved: u32,
}
no_padding!(Socket, 72);

/// Something happened to a connection or a listener; the record's kind says what. The header's
/// identity is the one who connected or listens.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SocketRecord {
    pub header: EventHeader,
    /// Address of the kernel's `struct sock`.
    pub sock: u64,
    /// When the connection was begun; 0 for a listener.
    pub opened_ns: u64,
    /// 0: never.
    pub established_ns: u64,
    /// Payload acknowledged by the peer, and received, at the end: [`crate::tls::direction`].
    pub bytes: [u64; 2],
    pub pair: Pair,
    pub class: u32,
    /// `sk_err`: an errno, or 0.
    pub error: u32,
    /// 1: the process itself gave it up.
    pub by_process: u32,
    pub reserved: u32,
}
no_padding!(SocketRecord, 64 + 40 + 40 + 16);

/// A flow runs over this connection.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FlowSocketRecord {
    pub header: EventHeader,
    pub key: FlowKey,
    pub opened_ns: u64,
    pub sock: u64,
    pub pair: Pair,
}
no_padding!(FlowSocketRecord, 64 + 24 + 16 + 40);

pod!(SocketOffsets, Endpoint, Socket);
