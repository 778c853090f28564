//! What a driver call means [pure].
//!
//! In: one call as the kernel side copied it, the driver's [`Profile`]. Out: what it did, or why it
//! failed. One table of structures per driver family; a call that no table has is
//! [`Meaning::Other`], and bytes that were not copied leave a field unknown. Never a panic.

pub mod drm;
pub mod kfd;
pub mod layout;
pub mod nvidia_rm;
pub mod nvidia_uvm;
pub mod params;

use tracer_common::gpu::device;

use self::layout::{Row, Structure};
use super::names::status::{self, FailureClass};
use super::profile::Profile;
use crate::event::GpuCall;

/// Where allocated memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The GPU's own: what runs out.
    Video,
    /// The host's, pinned for the GPU.
    System,
    /// Addresses only.
    Virtual,
}

/// A GPU as NVIDIA's control file lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    pub gpu_id: u32,
    pub minor: u32,
}

/// What a call did. Handles are the caller's own numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// An object of NVIDIA's resource manager; a client is its own parent.
    Object {
        client: u32,
        parent: u32,
        object: u32,
        class: u32,
        /// Of a device object: which GPU, by the driver's own count.
        instance: Option<u32>,
    },
    Memory {
        client: u32,
        parent: u32,
        object: u32,
        bytes: u64,
        place: Place,
    },
    /// An object and all below it is gone; a client that frees itself is gone whole.
    Free {
        client: u32,
        object: u32,
    },
    /// An object of another client, shared.
    Duplicate {
        client: u32,
        parent: u32,
        object: u32,
        source_client: u32,
        source: u32,
    },
    HeapInfo {
        total: u64,
        free: u64,
    },
    Cards(Vec<Card>),
    /// The driver's count of a GPU.
    Instance {
        gpu_id: u32,
        instance: u32,
    },
    Pci {
        gpu_id: u32,
        domain: u32,
        bus: u16,
        slot: u16,
    },
    /// This nvidiaN file belongs to that control file.
    Bound {
        control_fd: u32,
    },
    /// A process begins to use a GPU. `partition`: a slice of it (MIG).
    RegisterGpu {
        uuid: [u8; 16],
        partition: bool,
    },
    UnregisterGpu {
        uuid: [u8; 16],
    },
    Context {
        uuid: [u8; 16],
    },
    ContextEnd {
        uuid: [u8; 16],
    },
    /// Memory is mapped on a GPU: says which GPU holds it.
    Mapped {
        uuid: [u8; 16],
        client: u32,
        memory: u32,
    },
    /// Memory that moves between host and GPU by itself.
    Managed {
        base: u64,
        bytes: u64,
    },
    RangeFree {
        base: u64,
    },
    Peers {
        a: [u8; 16],
        b: [u8; 16],
    },
    /// An object went to another process, or came from one.
    Shared,
    KfdAcquire {
        gpu_id: u32,
    },
    KfdMemory {
        handle: u64,
        gpu_id: u32,
        bytes: u64,
        place: Place,
    },
    KfdFree {
        handle: u64,
    },
    Queue {
        gpu_id: u32,
        queue: u32,
        copies: bool,
    },
    QueueEnd {
        queue: u32,
    },
    /// A buffer of a graphics device.
    Buffer {
        handle: u32,
        bytes: u64,
        place: Place,
    },
    BufferEnd {
        handle: u32,
    },
    DrmContext {
        context: u32,
    },
    DrmContextEnd {
        context: u32,
    },
    /// Nothing that lives on.
    Other,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub class: FailureClass,
    /// `NV_ERR_NO_MEMORY`, `ENOMEM`, or the number where it has no name.
    pub error: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The command's name; of a control, the control's.
    pub operation: String,
    /// What the driver said, where it said something.
    pub status: Option<u32>,
    pub failure: Option<Reason>,
    /// Bytes asked for.
    pub asked: Option<u64>,
    /// What the call did; [`Meaning::Other`] when it failed.
    pub meaning: Meaning,
    /// Some of the structure could not be copied: a bad pointer.
    pub unreadable: bool,
}

/// The tables of a device's commands.
fn tables(kind: u32) -> &'static [&'static [Row]] {
    match kind {
        device::NVIDIA_CTL | device::NVIDIA_GPU => &[nvidia_rm::ROWS],
        device::NVIDIA_UVM => &[nvidia_uvm::ROWS],
        device::KFD => &[kfd::ROWS],
        device::AMDGPU => &[drm::AMDGPU, drm::COMMON],
        device::I915 => &[drm::I915, drm::COMMON],
        device::XE => &[drm::XE, drm::COMMON],
        device::DRM => &[drm::COMMON],
        _ => &[],
    }
}

/// All rows of a device's commands in a driver's version, with the command each stands for.
pub fn rows(kind: u32, profile: Profile) -> impl Iterator<Item = (u32, &'static Row)> {
    let of = move |row: &'static Row| {
        let nvidia = matches!(kind, device::NVIDIA_CTL | device::NVIDIA_GPU);
        let command = if nvidia {
            0xc000_0000 | u32::from(row.size) << 16 | 0x4600 | row.number
        } else {
            row.number
        };
        (command, row)
    };
    tables(kind).iter().copied().flatten().filter(move |row| row.is_of(&profile)).map(of)
}

/// The row of a command. NVIDIA's have their size in the command; of some it varies.
pub fn find(kind: u32, command: u32, profile: Profile) -> Option<&'static Row> {
    let exact = rows(kind, profile).find(|(known, _)| *known == command).map(|(_, row)| row);
    exact.or_else(|| {
        let nvidia = matches!(kind, device::NVIDIA_CTL | device::NVIDIA_GPU);
        let varies = |row: &&Row| nvidia && row.size == 0 && row.number == command & 0xff;
        rows(kind, profile).map(|(_, row)| row).find(varies)
    })
}

/// Decodes a call.
pub fn decode(call: &GpuCall, profile: Profile) -> Decoded {
    let Some(row) = find(call.device.kind, call.command, profile) else {
        return Decoded {
            operation: format!("{:#x}", call.command),
            status: None,
            failure: returned(call.rc),
            asked: None,
            meaning: Meaning::Other,
            unreadable: false,
        };
    };
    let structure = Structure::new(row, call);
    let mut decoded = Decoded {
        operation: row.name.to_owned(),
        status: structure.status(),
        failure: returned(call.rc),
        asked: None,
        meaning: Meaning::Other,
        unreadable: row.size > 0 && call.after.is_empty(),
    };
    if let Some(code) = decoded.status
        && let Some(class) = status::class(code)
    {
        let error = status::name(code).map_or_else(|| format!("{code:#x}"), str::to_owned);
        decoded.failure = Some(Reason { class, error });
    }
    match call.device.kind {
        device::NVIDIA_CTL | device::NVIDIA_GPU => nvidia_rm::read(&structure, call, &mut decoded),
        device::NVIDIA_UVM => nvidia_uvm::read(&structure, &mut decoded),
        device::KFD => kfd::read(&structure, &mut decoded),
        _ => drm::read(&structure, &mut decoded),
    }
    // A call that was refused did nothing, whatever the reason.
    if call.rc < 0 || decoded.status.is_some_and(|code| code != 0 && code >> 16 == 0) {
        decoded.meaning = Meaning::Other;
    }
    decoded
}

/// What a negative return value means; `None` for success, and for what the caller just repeats or
/// waits on.
fn returned(rc: i64) -> Option<Reason> {
    let errno = i32::try_from(-rc).ok().filter(|errno| *errno > 0)?;
    let (class, name) = match errno {
        // Interrupted: signal handling restarts it, or the library does.
        libc::EINTR | libc::EAGAIN | libc::ETIME | 512..=516 => return None,
        libc::ENOMEM => (FailureClass::OutOfMemory, "ENOMEM"),
        libc::ENOSPC => (FailureClass::OutOfMemory, "ENOSPC"),
        libc::EPERM => (FailureClass::Permission, "EPERM"),
        libc::EACCES => (FailureClass::Permission, "EACCES"),
        libc::EIO => (FailureClass::GpuLost, "EIO"),
        libc::ENODEV => (FailureClass::GpuLost, "ENODEV"),
        libc::ECANCELED => (FailureClass::GpuLost, "ECANCELED"),
        libc::ETIMEDOUT => (FailureClass::Timeout, "ETIMEDOUT"),
        libc::EBUSY => (FailureClass::Timeout, "EBUSY"),
        libc::EINVAL => (FailureClass::Invalid, "EINVAL"),
        libc::EFAULT => (FailureClass::Invalid, "EFAULT"),
        libc::ENOTTY => (FailureClass::Invalid, "ENOTTY"),
        libc::ENOENT => (FailureClass::Invalid, "ENOENT"),
        _ => {
            let error = format!("errno_{errno}");
            return Some(Reason { class: FailureClass::Invalid, error });
        }
    };
    Some(Reason { class, error: name.to_owned() })
}

#[cfg(test)]
mod tests;
