//! Calls of GPU drivers: what the kernel side copies of an ioctl, and how user space tells it what to.

use crate::{event::EventHeader, no_padding, pod};

/// Bytes of a structure copied before the call.
pub const BEFORE_BYTES: usize = 192;
/// Bytes copied after it: eight cards of `NV_ESC_CARD_INFO`.
pub const AFTER_BYTES: usize = 576;
/// Bytes copied from the end of a structure longer than that.
pub const TAIL_BYTES: usize = 32;
/// Bytes copied of what a structure points to.
pub const PARAMS_BYTES: usize = 144;
/// An offset that a structure does not have.
pub const NOWHERE: u16 = u16::MAX;

/// Device files known at once: GPUs, their control files, the ones of the tests.
pub const MAX_DEVICES: u32 = 1024;
/// Commands that more is done about than counting.
pub const MAX_PLANS: u32 = 512;
/// (process, device, command) counted at once.
pub const MAX_TOTALS: u32 = 16_384;
/// Threads inside an ioctl of a GPU.
pub const MAX_CALLS: u32 = 16_384;
/// Device files that processes hold open.
pub const MAX_FILES: u32 = 16_384;

/// What kind of device a file is; also which family's commands it takes.
pub mod device {
    /// nvidiactl, and nvidiaN: one family.
    pub const NVIDIA_CTL: u32 = 1;
    pub const NVIDIA_GPU: u32 = 2;
    pub const NVIDIA_UVM: u32 = 3;
    pub const KFD: u32 = 4;
    pub const AMDGPU: u32 = 5;
    pub const I915: u32 = 6;
    pub const XE: u32 = 7;
    /// A graphics device of another driver.
    pub const DRM: u32 = 8;
}

/// The command under which those are counted that this build does not know: a caller may make up any
/// number of them.
pub const UNKNOWN_COMMAND: u32 = u32::MAX;

/// Names a file: the device number of a character device, else the file system and the inode.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileKey {
    /// `dev_t` as the kernel has it: major << 20 | minor. Of a file that is no device, that of its
    /// file system, with [`FileKey::STAND_IN`].
    pub device: u64,
    /// 0 for a character device.
    pub inode: u64,
}
no_padding!(FileKey, 16);

impl FileKey {
    pub const STAND_IN: u64 = 1 << 63;
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Device {
    /// [`device`]
    pub kind: u32,
    /// N of nvidiaN, minor of a graphics device.
    pub minor: u32,
}
no_padding!(Device, 8);

/// What is done about a command beside counting.
pub mod action {
    /// A record for each call.
    pub const RECORD: u16 = 1;
    /// A record when it fails; when it fails over and over, each time the failures have doubled.
    pub const FAILURES: u16 = 2;
    /// As [`FAILURES`], and a record for each of the controls that user space wants.
    pub const CONTROL: u16 = 3;
}

/// `key` of the plans: family in the upper half, command in the lower.
pub const fn plan_key(kind: u32, command: u32) -> u64 {
    let family = if kind == device::NVIDIA_GPU { device::NVIDIA_CTL } else { kind };
    (family as u64) << 32 | command as u64
}

/// What user space wants of a command, made from the driver's layouts.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// [`action`]
    pub action: u16,
    /// Bytes of the structure.
    pub size: u16,
    /// Where the driver's status is, or [`NOWHERE`].
    pub status_at: u16,
    /// Where the last [`TAIL_BYTES`] begin that are copied of a long one, or [`NOWHERE`].
    pub tail_at: u16,
    /// Where a pointer to parameters is, or [`NOWHERE`].
    pub params_at: u16,
    pub reserved: [u16; 3],
}
no_padding!(Plan, 16);

/// Whose calls are counted together.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TotalsKey {
    pub start_ns: u64,
    pub tgid: u32,
    pub command: u32,
    pub device: Device,
}
no_padding!(TotalsKey, 24);

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub count: u64,
    pub errors: u64,
    pub time_ns: u64,
    pub cgroup_id: u64,
}
no_padding!(Totals, 32);

/// One call, at its return. The header is the caller's.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GpuCallRecord {
    pub header: EventHeader,
    pub device: Device,
    /// As it was meant: unwrapped where it came inside another.
    pub command: u32,
    pub fd: i32,
    /// What the system call returned.
    pub returned: i64,
    pub entered_ns: u64,
    /// Failures of this command by this process on this device so far; 0: this call succeeded.
    pub failures: u64,
    /// Bytes that are valid.
    pub before_len: u16,
    pub after_len: u16,
    pub tail_len: u16,
    pub params_len: u16,
    pub wrapped: u32,
    pub reserved: u32,
    pub before: [u8; BEFORE_BYTES],
    pub after: [u8; AFTER_BYTES],
    pub tail: [u8; TAIL_BYTES],
    pub params: [u8; PARAMS_BYTES],
}
no_padding!(GpuCallRecord, 64 + 56 + BEFORE_BYTES + AFTER_BYTES + TAIL_BYTES + PARAMS_BYTES);

/// A process closed a device file it had used.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GpuCloseRecord {
    pub header: EventHeader,
    pub device: Device,
    pub fd: i32,
    pub reserved: u32,
}
no_padding!(GpuCloseRecord, 64 + 16);

pod!(FileKey, Device, Plan, TotalsKey, Totals);
