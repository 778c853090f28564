//! Records of process life: what /proc forgets about short-lived processes.

use crate::{event::EventHeader, limits, no_padding};

/// A successful `execve`. The header's identity is the process's own.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ExecRecord {
    pub header: EventHeader,
    pub parent_tgid: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes valid in `path` and in `argv`.
    pub path_len: u16,
    pub argv_len: u16,
    /// Start of the parent, nanoseconds since boot.
    pub parent_start_ns: u64,
    /// Bytes argv really has; more than `argv_len` when cut.
    pub argv_total: u64,
    pub comm: [u8; limits::COMM_BYTES],
    /// As passed to `execve`, possibly relative.
    pub path: [u8; limits::PATH_BYTES],
    /// Arguments, each ended by NUL. Private: only the title derived from it leaves attribution.
    pub argv: [u8; limits::ARGV_BYTES],
    /// Bytes valid in `env`.
    pub env_len: u32,
    /// 1: the environment was looked through; 0: this kernel cannot.
    pub env_seen: u32,
    /// `NAME=value`, each ended by NUL, of the few variables that name a service; no other leaves the
    /// kernel.
    pub env: [u8; limits::ENV_BYTES],
}
no_padding!(
    ExecRecord,
    64 + 32 + 16 + limits::PATH_BYTES + limits::ARGV_BYTES + 8 + limits::ENV_BYTES
);

/// A whole process (not a mere thread) ended.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ExitRecord {
    pub header: EventHeader,
    /// `task_struct.exit_code`: status << 8 | signal, as `wait(2)` has it.
    pub exit_code: u32,
    pub reserved: u32,
}
no_padding!(ExitRecord, 72);

/// A new process. The header is the parent's.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ForkRecord {
    pub header: EventHeader,
    pub child_tgid: u32,
    pub reserved: u32,
    pub child_start_ns: u64,
}
no_padding!(ForkRecord, 80);

/// A cgroup was made or removed. The header is of whoever did it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CgroupRecord {
    pub header: EventHeader,
    /// Inode of its directory.
    pub id: u64,
    /// Number of its hierarchy: 0 is v2.
    pub hierarchy: u32,
    /// Who did it.
    pub uid: u32,
    pub path_len: u32,
    pub reserved: u32,
    /// Below the root of its hierarchy.
    pub path: [u8; limits::CGROUP_PATH_BYTES],
}
no_padding!(CgroupRecord, 64 + 24 + limits::CGROUP_PATH_BYTES);

/// The dynamic linker of a process has mapped libraries: /proc/PID/maps is worth a look. The header
/// says all.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MapRecord {
    pub header: EventHeader,
}
no_padding!(MapRecord, 64);
