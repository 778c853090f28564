//! NVIDIA's resource manager: commands of nvidiactl and nvidiaN, type byte 'F'.
//!
//! Field notation: `name@offset:bytes`. Source: the public headers (open-gpu-kernel-modules, nvos.h and nv-ioctl.h).

use super::layout::{Row, Structure, number, row};
use super::{Card, Decoded, Meaning, Place, Reason, params};
use crate::event::GpuCall;
use crate::gpu::names::classes::{self, Kind};
use crate::gpu::names::control;
use crate::gpu::names::status::FailureClass;
use crate::gpu::profile::{ALWAYS, OPEN, R525_47, R535_43, R550_40_07, R570_86, R580_65};

/// Sorted by number. Size 0: it varies, or nothing of it is read.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row(0x27, 56, "NV_ESC_RM_ALLOC_MEMORY", ALWAYS, OPEN, "hRoot@0:4 hObjectParent@4:4 hObjectNew@8:4 hClass@12:4 flags@16:4 pMemory@24:8 \
        limit@32:8 status@40:4 fd@48:4"),
    row(0x28, 20, "NV_ESC_RM_ALLOC_OBJECT", ALWAYS, OPEN, "hRoot@0:4 hObjectParent@4:4 hObjectNew@8:4 hClass@12:4 status@16:4"),
    row(0x29, 16, "NV_ESC_RM_FREE", ALWAYS, OPEN, "hRoot@0:4 hObjectParent@4:4 hObjectOld@8:4 status@12:4"),
    row(0x2a, 32, "NV_ESC_RM_CONTROL", ALWAYS, OPEN, "hClient@0:4 hObject@4:4 cmd@8:4 flags@12:4 params@16:8 paramsSize@24:4 status@28:4"),
    row(0x2b, 32, "NV_ESC_RM_ALLOC", ALWAYS, R535_43, "hRoot@0:4 hObjectParent@4:4 hObjectNew@8:4 hClass@12:4 pAllocParms@16:8 status@24:4"),
    row(0x2b, 32, "NV_ESC_RM_ALLOC", R535_43, OPEN, "hRoot@0:4 hObjectParent@4:4 hObjectNew@8:4 hClass@12:4 pAllocParms@16:8 paramsSize@24:4 \
        status@28:4"),
    row(0x2b, 40, "NV_ESC_RM_ALLOC", ALWAYS, R525_47, "hRoot@0:4 hObjectParent@4:4 hObjectNew@8:4 hClass@12:4 pAllocParms@16:8 \
        pRightsRequested@24:8 status@32:4"),
    row(0x2b, 40, "NV_ESC_RM_ALLOC", R525_47, R535_43, "hRoot@0:4 hObjectParent@4:4 hObjectNew@8:4 hClass@12:4 pAllocParms@16:8 \
        pRightsRequested@24:8 flags@32:4 status@36:4"),
    row(0x2b, 48, "NV_ESC_RM_ALLOC", R535_43, OPEN, "hRoot@0:4 hObjectParent@4:4 hObjectNew@8:4 hClass@12:4 pAllocParms@16:8 \
        pRightsRequested@24:8 paramsSize@32:4 flags@36:4 status@40:4"),
    row(0x34, 28, "NV_ESC_RM_DUP_OBJECT", ALWAYS, OPEN, "hClient@0:4 hParent@4:4 hObject@8:4 hClientSrc@12:4 hObjectSrc@16:4 flags@20:4 \
        status@24:4"),
    row(0x35, 24, "NV_ESC_RM_SHARE", ALWAYS, OPEN, "hClient@0:4 hObject@4:4 sharePolicy.target@8:4 sharePolicy.type@16:2 status@20:4"),
    row(0x39, 0, "NV_ESC_RM_I2C_ACCESS", ALWAYS, OPEN, ""),
    row(0x41, 56, "NV_ESC_RM_IDLE_CHANNELS", ALWAYS, OPEN, "hClient@0:4 hDevice@4:4 hChannel@8:4 numChannels@12:4 timeout@44:4 status@48:4"),
    row(0x4a, 184, "NV_ESC_RM_VID_HEAP_CONTROL", ALWAYS, OPEN, "hRoot@0:4 hObjectParent@4:4 function@8:4 hVASpace@12:4 status@20:4 total@24:8 free@32:8 \
        AllocSize.owner@40:4 AllocSize.hMemory@44:4 AllocSize.type@48:4 AllocSize.flags@52:4 \
        AllocSize.attr@56:4 AllocSize.size@88:8 AllocSize.alignment@96:8 AllocSize.offset@104:8 \
        AllocSize.limit@112:8 AllocSize.attr2@144:4 Free.owner@40:4 Free.hMemory@44:4 \
        Free.flags@48:4 AllocOsDesc.hMemory@40:4 AllocOsDesc.descriptor@64:8 \
        AllocOsDesc.limit@72:8 AllocOsDesc.descriptorType@80:4"),
    row(0x4d, 0, "NV_ESC_RM_ACCESS_REGISTRY", ALWAYS, OPEN, ""),
    row(0x4e, 56, "NV_ESC_RM_MAP_MEMORY", ALWAYS, OPEN, "hClient@0:4 hDevice@4:4 hMemory@8:4 offset@16:8 length@24:8 pLinearAddress@32:8 \
        status@40:4 flags@44:4 fd@48:4"),
    row(0x4f, 32, "NV_ESC_RM_UNMAP_MEMORY", ALWAYS, OPEN, "hClient@0:4 hDevice@4:4 hMemory@8:4 pLinearAddress@16:8 status@24:4"),
    row(0x52, 0, "NV_ESC_RM_GET_EVENT_DATA", ALWAYS, OPEN, ""),
    row(0x54, 56, "NV_ESC_RM_ALLOC_CONTEXT_DMA2", ALWAYS, OPEN, "hObjectParent@0:4 hSubDevice@4:4 hObjectNew@8:4 hClass@12:4 hMemory@24:4 limit@40:8 \
        status@48:4"),
    row(0x57, 56, "NV_ESC_RM_MAP_MEMORY_DMA", ALWAYS, R580_65, "hClient@0:4 hDevice@4:4 hDma@8:4 hMemory@12:4 offset@16:8 length@24:8 flags@32:4 \
        dmaOffset@40:8 status@48:4"),
    row(0x57, 64, "NV_ESC_RM_MAP_MEMORY_DMA", R580_65, OPEN, "hClient@0:4 hDevice@4:4 hDma@8:4 hMemory@12:4 offset@16:8 length@24:8 flags@32:4 \
        dmaOffset@48:8 status@56:4"),
    row(0x58, 40, "NV_ESC_RM_UNMAP_MEMORY_DMA", ALWAYS, R550_40_07, "hClient@0:4 hDevice@4:4 hDma@8:4 hMemory@12:4 dmaOffset@24:8 status@32:4"),
    row(0x58, 48, "NV_ESC_RM_UNMAP_MEMORY_DMA", R550_40_07, OPEN, "hClient@0:4 hDevice@4:4 hDma@8:4 hMemory@12:4 dmaOffset@24:8 size@32:8 status@40:4"),
    row(0x59, 0, "NV_ESC_RM_BIND_CONTEXT_DMA", ALWAYS, OPEN, ""),
    row(0x5c, 0, "NV_ESC_RM_EXPORT_OBJECT_TO_FD", ALWAYS, OPEN, ""),
    row(0x5e, 40, "NV_ESC_RM_UPDATE_DEVICE_MAPPING_INFO", ALWAYS, OPEN, "hClient@0:4 hDevice@4:4 hMemory@8:4 pOldCpuAddress@16:8 pNewCpuAddress@24:8 status@32:4"),
    row(0xc8, 0, "NV_ESC_CARD_INFO", ALWAYS, OPEN, "valid@0:1 pci_info.domain@4:4 pci_info.bus@8:1 pci_info.slot@9:1 pci_info.function@10:1 \
        pci_info.vendor_id@12:2 pci_info.device_id@14:2 gpu_id@16:4 fb_size@48:8 \
        minor_number@56:4"),
    row(0xc9, 4, "NV_ESC_REGISTER_FD", ALWAYS, OPEN, "ctl_fd@0:4"),
    row(0xce, 16, "NV_ESC_ALLOC_OS_EVENT", ALWAYS, OPEN, "hClient@0:4 hDevice@4:4 fd@8:4 Status@12:4"),
    row(0xcf, 16, "NV_ESC_FREE_OS_EVENT", ALWAYS, OPEN, "hClient@0:4 hDevice@4:4 fd@8:4 Status@12:4"),
    row(0xd1, 12, "NV_ESC_STATUS_CODE", ALWAYS, OPEN, "domain@0:4 bus@4:1 slot@5:1 status@8:4"),
    row(0xd2, 72, "NV_ESC_CHECK_VERSION_STR", ALWAYS, OPEN, "cmd@0:4 reply@4:4 versionString@8:64"),
    row(0xd3, 16, "NV_ESC_IOCTL_XFER_CMD", ALWAYS, OPEN, "cmd@0:4 size@4:4 ptr@8:8"),
    row(0xd4, 0, "NV_ESC_ATTACH_GPUS_TO_FD", ALWAYS, OPEN, ""),
    row(0xd5, 8, "NV_ESC_QUERY_DEVICE_INTR", ALWAYS, OPEN, "intrStatus@0:4 status@4:4"),
    row(0xd6, 8, "NV_ESC_SYS_PARAMS", ALWAYS, OPEN, "memblock_size@0:8"),
    row(0xd7, 0, "NV_ESC_NUMA_INFO", ALWAYS, OPEN, ""),
    row(0xd9, 2600, "NV_ESC_EXPORT_TO_DMABUF_FD", ALWAYS, R570_86, "fd@0:4 hClient@4:4 totalObjects@8:4 numObjects@12:4 totalSize@24:8 status@2592:4"),
    row(0xd9, 2608, "NV_ESC_EXPORT_TO_DMABUF_FD", R570_86, OPEN, "fd@0:4 hClient@4:4 totalObjects@8:4 numObjects@12:4 totalSize@24:8 status@2600:4"),
    row(0xda, 8, "NV_ESC_WAIT_OPEN_COMPLETE", R550_40_07, OPEN, "rc@0:4 adapterStatus@4:4"),
];

/// Functions of `NV_ESC_RM_VID_HEAP_CONTROL`, nvos.h.
mod heap {
    pub(super) const ALLOC_SIZE: u32 = 2;
    pub(super) const FREE: u32 = 3;
    pub(super) const INFO: u32 = 5;
    pub(super) const ALLOC_SIZE_RANGE: u32 = 14;
    pub(super) const ALLOC_TILED: u32 = 16;
    pub(super) const ALLOC_OS_DESCRIPTOR: u32 = 27;
}

/// Addresses only: `NVOS32_ALLOC_FLAGS_VIRTUAL`.
const VIRTUAL: u64 = 0x8_0000;

/// Where memory with these flags and attributes is: bits 26:25 of the attributes.
pub(super) const fn place(flags: u64, attr: u64) -> Place {
    if flags & VIRTUAL != 0 {
        return Place::Virtual;
    }
    if attr >> 25 & 3 == 1 { Place::System } else { Place::Video }
}

/// Whether a GPU that was opened without waiting has come up, and whether the library is the
/// driver's: these two say so in fields of their own.
fn said(structure: &Structure<'_>) -> Option<Reason> {
    match structure.row.number {
        0xda => (structure.number("rc")? != 0 || structure.number("adapterStatus")? != 0)
            .then(|| Reason { class: FailureClass::GpuLost, error: "open_failed".to_owned() }),
        0xd2 => (structure.number("reply")? == 0)
            .then(|| Reason { class: FailureClass::Invalid, error: "version_mismatch".to_owned() }),
        _ => None,
    }
}

pub(super) fn read(structure: &Structure<'_>, call: &GpuCall, decoded: &mut Decoded) {
    if call.rc >= 0 && decoded.failure.is_none() {
        decoded.failure = said(structure);
    }
    let meaning = match structure.row.number {
        0x2a => {
            if let Some(number) = structure.word("cmd") {
                decoded.operation = control::name(number)
                    .map_or_else(|| format!("control {number:#x}"), str::to_owned);
                params::control(number, &call.params)
            } else {
                None
            }
        }
        0x2b | 0x28 => object(structure, call, decoded),
        0x27 => pinned(structure, decoded),
        0x29 => free(structure),
        0x34 => duplicate(structure),
        0x4a => heap(structure, decoded),
        0xc8 => Some(Meaning::Cards(cards(&call.after))),
        0xc9 => structure.word("ctl_fd").map(|control_fd| Meaning::Bound { control_fd }),
        _ => None,
    };
    decoded.meaning = meaning.unwrap_or(Meaning::Other);
}

fn object(structure: &Structure<'_>, call: &GpuCall, decoded: &mut Decoded) -> Option<Meaning> {
    let class = structure.word("hClass")?;
    let (root, parent) = (structure.word("hRoot")?, structure.word("hObjectParent")?);
    let object = structure.word("hObjectNew")?;
    if let Some((name, _)) = classes::find(class) {
        decoded.operation = format!("RM_ALLOC {name}");
    }
    // A root object is the client itself.
    let client = if classes::kind(class) == Kind::Client { object } else { root };
    if let Some((bytes, place)) = params::memory(class, &call.params) {
        decoded.asked = Some(bytes);
        return Some(Meaning::Memory { client, parent, object, bytes, place });
    }
    let instance = params::device_instance(class, &call.params);
    Some(Meaning::Object { client, parent, object, class, instance })
}

/// `NV_ESC_RM_ALLOC_MEMORY`: the host's pages, pinned. `limit` is the last byte.
fn pinned(structure: &Structure<'_>, decoded: &mut Decoded) -> Option<Meaning> {
    let bytes = structure.asked("limit").or_else(|| structure.number("limit"))?.checked_add(1)?;
    decoded.asked = Some(bytes);
    let kind = classes::kind(structure.word("hClass")?);
    let place = if kind.is_video_memory() { Place::Video } else { Place::System };
    Some(Meaning::Memory {
        client: structure.word("hRoot")?,
        parent: structure.word("hObjectParent")?,
        object: structure.word("hObjectNew")?,
        bytes,
        place,
    })
}

fn free(structure: &Structure<'_>) -> Option<Meaning> {
    let (client, object) = (structure.word("hRoot")?, structure.word("hObjectOld")?);
    Some(Meaning::Free { client, object })
}

fn duplicate(structure: &Structure<'_>) -> Option<Meaning> {
    Some(Meaning::Duplicate {
        client: structure.word("hClient")?,
        parent: structure.word("hParent")?,
        object: structure.word("hObject")?,
        source_client: structure.word("hClientSrc")?,
        source: structure.word("hObjectSrc")?,
    })
}

fn heap(structure: &Structure<'_>, decoded: &mut Decoded) -> Option<Meaning> {
    let (client, parent) = (structure.word("hRoot")?, structure.word("hObjectParent")?);
    match structure.word("function")? {
        heap::ALLOC_SIZE | heap::ALLOC_SIZE_RANGE | heap::ALLOC_TILED => {
            // Asked before, given after: the driver rounds up.
            decoded.asked = structure.asked("AllocSize.size");
            let bytes = structure.number("AllocSize.size")?;
            let place =
                place(structure.number("AllocSize.flags")?, structure.number("AllocSize.attr")?);
            let object = structure.word("AllocSize.hMemory")?;
            Some(Meaning::Memory { client, parent, object, bytes, place })
        }
        heap::ALLOC_OS_DESCRIPTOR => {
            let bytes = structure.number("AllocOsDesc.limit")?.checked_add(1)?;
            decoded.asked = Some(bytes);
            let object = structure.word("AllocOsDesc.hMemory")?;
            Some(Meaning::Memory { client, parent, object, bytes, place: Place::System })
        }
        heap::FREE => Some(Meaning::Free { client, object: structure.word("Free.hMemory")? }),
        heap::INFO => {
            let (total, free) = (structure.number("total")?, structure.number("free")?);
            Some(Meaning::HeapInfo { total, free })
        }
        _ => None,
    }
}

/// Bytes of one card in `NV_ESC_CARD_INFO`.
const CARD: usize = 72;

fn cards(bytes: &[u8]) -> Vec<Card> {
    let word = |card: &[u8], at: usize| number(card.get(at..at + 4)?).map(|word| word as u32);
    bytes
        .chunks_exact(CARD)
        .filter(|card| card[0] != 0)
        .filter_map(|card| Some(Card { gpu_id: word(card, 16)?, minor: word(card, 56)? }))
        .collect()
}
