//! Who runs right now: identity taken in the kernel at event time, never from /proc later.

use aya_ebpf::helpers::{
    bpf_get_current_pid_tgid, bpf_probe_read_kernel, generated::bpf_get_current_task,
};

use crate::config;

#[derive(Clone, Copy)]
pub(crate) struct Identity {
    pub tgid: u32,
    pub tid: u32,
    /// Start of the thread group's leader, boot time.
    pub start_ns: u64,
}

/// Reads a field of a kernel struct at an offset that BTF gave.
#[inline(always)]
pub(crate) fn field<T>(base: u64, offset: u32) -> Option<T> {
    if base == 0 || offset == tracer_common::config::Offsets::ABSENT {
        return None;
    }
    // SAFETY: the helper checks the address and fails on a bad one.
    unsafe { bpf_probe_read_kernel((base + u64::from(offset)) as *const T) }.ok()
}

#[inline(always)]
pub(crate) fn current_task() -> u64 {
    // SAFETY: no arguments, always valid.
    unsafe { bpf_get_current_task() }
}

/// Start of the process that `task` belongs to.
#[inline(always)]
pub(crate) fn start_of(task: u64) -> Option<u64> {
    let offsets = config::offsets();
    let leader: u64 = field(task, offsets.task_group_leader)?;
    field(leader, offsets.task_start_boottime)
}

impl Identity {
    #[inline(always)]
    pub(crate) fn current() -> Option<Self> {
        let both = bpf_get_current_pid_tgid();
        Some(Self {
            tgid: (both >> 32) as u32,
            tid: both as u32,
            start_ns: start_of(current_task())?,
        })
    }
}
