//! What user space tells the programs, as read-only globals set before loading.

use crate::{limits, no_padding, pod};

/// Byte offsets of kernel struct fields, resolved from BTF by user space: aya's Rust programs carry
/// no CO-RE relocations. A field that the running kernel lacks has offset [`Offsets::ABSENT`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// `task_struct`
    pub task_group_leader: u32,
    pub task_start_boottime: u32,
    pub task_real_parent: u32,
    pub task_pid: u32,
    pub task_tgid: u32,
    pub task_mm: u32,
    pub task_exit_code: u32,
    pub task_signal: u32,
    /// `signal_struct.live.counter`: threads of the process that have not exited
    pub signal_live: u32,
    /// `mm_struct`
    pub mm_arg_start: u32,
    pub mm_arg_end: u32,
    pub mm_env_start: u32,
    pub mm_env_end: u32,
    /// `task_struct.thread.fsbase` (x86-64): thread-local storage, where old Go keeps its goroutine
    pub task_fsbase: u32,
}
impl Offsets {
    pub const ABSENT: u32 = u32::MAX;
    pub const UNKNOWN: Self = Self {
        task_group_leader: Self::ABSENT,
        task_start_boottime: Self::ABSENT,
        task_real_parent: Self::ABSENT,
        task_pid: Self::ABSENT,
        task_tgid: Self::ABSENT,
        task_mm: Self::ABSENT,
        task_exit_code: Self::ABSENT,
        task_signal: Self::ABSENT,
        signal_live: Self::ABSENT,
        mm_arg_start: Self::ABSENT,
        mm_arg_end: Self::ABSENT,
        mm_env_start: Self::ABSENT,
        mm_env_end: Self::ABSENT,
        task_fsbase: Self::ABSENT,
    };
}
no_padding!(Offsets, 56);

/// The read-only global `CONFIG`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelConfig {
    pub offsets: Offsets,
    /// The reader is woken early once so many bytes wait in the ring.
    pub wakeup_bytes: u64,
    /// The agent's own process: never traced.
    pub own_tgid: u32,
    /// 1 where the running kernel has `bpf_loop` (5.17 and later).
    pub has_loop: u32,
    /// 1 where `bpf_get_attach_cookie` is there for uprobes (5.15 and later).
    pub has_cookie: u32,
    pub reserved: u32,
}
impl KernelConfig {
    pub const DEFAULT: Self = Self {
        offsets: Offsets::UNKNOWN,
        wakeup_bytes: limits::WAKEUP_BYTES_DEFAULT,
        own_tgid: 0,
        has_loop: 0,
        has_cookie: 0,
        reserved: 0,
    };
}
no_padding!(KernelConfig, 80);
pod!(Offsets, KernelConfig);
