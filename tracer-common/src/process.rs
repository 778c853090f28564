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
}
no_padding!(ExecRecord, 64 + 32 + 16 + limits::PATH_BYTES + limits::ARGV_BYTES);

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

/// The dynamic linker of a process has mapped libraries: /proc/PID/maps is worth a look. The header
/// says all.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MapRecord {
    pub header: EventHeader,
}
no_padding!(MapRecord, 64);
