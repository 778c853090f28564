//! What NVIDIA's structures point to: parameters of allocations, results of controls.
//!
//! In: the bytes behind the pointer, copied by the kernel side; fewer than there are. Only fields
//! whose place never changed between driver versions are read, but for one that is told by its size.

use super::layout::number;
use super::nvidia_rm::place;
use super::{Meaning, Place};
use crate::gpu::names::classes::{self, Kind};
use crate::gpu::names::control;

fn at(bytes: &[u8], offset: usize, len: usize) -> Option<u64> {
    number(bytes.get(offset..offset + len)?)
}

fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    at(bytes, offset, 4).map(|value| value as u32)
}

/// Which GPU a device object stands for (`NV0080_ALLOC_PARAMETERS.deviceId`).
pub(super) fn device_instance(class: u32, params: &[u8]) -> Option<u32> {
    (classes::kind(class) == Kind::Device).then(|| word(params, 0)).flatten()
}

/// Size and place of memory allocated as an object.
pub(super) fn memory(class: u32, params: &[u8]) -> Option<(u64, Place)> {
    match classes::kind(class) {
        // NV_MEMORY_ALLOCATION_PARAMS: flags at 8, attributes at 24, size at 64.
        Kind::MemoryVidmem if class == 0xc2 => None,
        Kind::MemoryVidmem => {
            let place = place(at(params, 8, 4)?, at(params, 24, 4)?);
            Some((at(params, 64, 8)?, place))
        }
        Kind::MemorySysmem => Some((at(params, 64, 8)?, Place::System)),
        Kind::MemoryVirtual if class == 0x50a0 => Some((at(params, 64, 8)?, Place::Virtual)),
        // NV00F8_ALLOCATION_PARAMETERS: a mapping of memory that is counted where it was allocated.
        Kind::MemoryFabric if class == 0xf8 => Some((at(params, 8, 8)?, Place::Virtual)),
        _ => None,
    }
}

/// What a control told its caller.
pub(super) fn control(number: u32, params: &[u8]) -> Option<Meaning> {
    match number {
        control::GET_ID_INFO | control::GET_ID_INFO_V2 => {
            Some(Meaning::Instance { gpu_id: word(params, 0)?, instance: word(params, 8)? })
        }
        control::GET_PCI_INFO => Some(Meaning::Pci {
            gpu_id: word(params, 0)?,
            domain: word(params, 4)?,
            bus: at(params, 8, 2)? as u16,
            slot: at(params, 10, 2)? as u16,
        }),
        control::EXPORT_OBJECT_TO_FD | control::IMPORT_OBJECT_FROM_FD => Some(Meaning::Shared),
        _ => None,
    }
}
