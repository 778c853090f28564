//! NVIDIA's unified memory driver: raw command numbers without a size.
//!
//! Field notation: `name@offset:bytes`. Source: the public headers (open-gpu-kernel-modules, uvm_ioctl.h).

use super::layout::{Row, Structure, row};
use super::{Decoded, Meaning};
use crate::gpu::profile::{
    ALWAYS, OPEN, R535_43, R550_40_07, R550_40_53, R565_57, R580_65, R590_44,
};

/// The number alone says nothing of the layout: the driver version does.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row(0x30000001, 16, "UVM_INITIALIZE", ALWAYS, OPEN, "flags@0:8 rmStatus@8:4"),
    row(0x30000002, 0, "UVM_DEINITIALIZE", ALWAYS, OPEN, ""),
    row(75, 8, "UVM_MM_INITIALIZE", R535_43, OPEN, "uvmFd@0:4 rmStatus@4:4"),
    row(37, 40, "UVM_REGISTER_GPU", ALWAYS, OPEN, "gpu_uuid@0:16 numaEnabled@16:1 numaNodeId@20:4 rmCtrlFd@24:4 hClient@28:4 \
        hSmcPartRef@32:4 rmStatus@36:4"),
    row(38, 20, "UVM_UNREGISTER_GPU", ALWAYS, OPEN, "gpu_uuid@0:16 rmStatus@16:4"),
    row(25, 32, "UVM_REGISTER_GPU_VASPACE", ALWAYS, OPEN, "gpuUuid@0:16 rmCtrlFd@16:4 hClient@20:4 hVaSpace@24:4 rmStatus@28:4"),
    row(26, 20, "UVM_UNREGISTER_GPU_VASPACE", ALWAYS, OPEN, "gpuUuid@0:16 rmStatus@16:4"),
    row(27, 56, "UVM_REGISTER_CHANNEL", ALWAYS, OPEN, "gpuUuid@0:16 rmCtrlFd@16:4 hClient@20:4 hChannel@24:4 base@32:8 length@40:8 \
        rmStatus@48:4"),
    row(28, 28, "UVM_UNREGISTER_CHANNEL", ALWAYS, R590_44, "hClient@16:4 hChannel@20:4 rmStatus@24:4"),
    row(28, 12, "UVM_UNREGISTER_CHANNEL", R590_44, OPEN, "hClient@0:4 hChannel@4:4 rmStatus@8:4"),
    row(29, 36, "UVM_ENABLE_PEER_ACCESS", ALWAYS, OPEN, "gpuUuidA@0:16 gpuUuidB@16:16 rmStatus@32:4"),
    row(30, 36, "UVM_DISABLE_PEER_ACCESS", ALWAYS, OPEN, "gpuUuidA@0:16 gpuUuidB@16:16 rmStatus@32:4"),
    row(73, 24, "UVM_CREATE_EXTERNAL_RANGE", ALWAYS, OPEN, "base@0:8 length@8:8 rmStatus@16:4"),
    row(33, 1200, "UVM_MAP_EXTERNAL_ALLOCATION", ALWAYS, R550_40_53, "base@0:8 length@8:8 offset@16:8 gpuUuid@24:16 gpuAttributesCount@1176:8 rmCtrlFd@1184:4 hClient@1188:4 \
        hMemory@1192:4 rmStatus@1196:4"),
    row(33, 9264, "UVM_MAP_EXTERNAL_ALLOCATION", R550_40_53, OPEN, "base@0:8 length@8:8 offset@16:8 gpuUuid@24:16 gpuAttributesCount@9240:8 rmCtrlFd@9248:4 hClient@9252:4 \
        hMemory@9256:4 rmStatus@9260:4"),
    row(66, 40, "UVM_UNMAP_EXTERNAL", ALWAYS, OPEN, "base@0:8 length@8:8 gpuUuid@16:16 rmStatus@32:4"),
    row(34, 24, "UVM_FREE", ALWAYS, R590_44, "base@0:8 length@8:8 rmStatus@16:4"),
    row(34, 16, "UVM_FREE", R590_44, OPEN, "base@0:8 rmStatus@8:4"),
    row(72, 24, "UVM_VALIDATE_VA_RANGE", ALWAYS, OPEN, "base@0:8 length@8:8 rmStatus@16:4"),
    row(45, 24, "UVM_DISABLE_READ_DUPLICATION", ALWAYS, OPEN, "requestedBase@0:8 length@8:8 rmStatus@16:4"),
    row(44, 24, "UVM_ENABLE_READ_DUPLICATION", ALWAYS, OPEN, "requestedBase@0:8 length@8:8 rmStatus@16:4"),
    row(42, 40, "UVM_SET_PREFERRED_LOCATION", ALWAYS, R550_40_07, "requestedBase@0:8 length@8:8 preferredLocation@16:16 rmStatus@32:4"),
    row(42, 40, "UVM_SET_PREFERRED_LOCATION", R550_40_07, OPEN, "requestedBase@0:8 length@8:8 preferredLocation@16:16 preferredCpuNumaNode@32:4 \
        rmStatus@36:4"),
    row(43, 24, "UVM_UNSET_PREFERRED_LOCATION", ALWAYS, OPEN, "requestedBase@0:8 length@8:8 rmStatus@16:4"),
    row(46, 40, "UVM_SET_ACCESSED_BY", ALWAYS, OPEN, "requestedBase@0:8 length@8:8 accessedByUuid@16:16 rmStatus@32:4"),
    row(51, 80, "UVM_MIGRATE", ALWAYS, OPEN, "base@0:8 length@8:8 destinationUuid@16:16 flags@32:4 rmStatus@72:4"),
    row(53, 32, "UVM_MIGRATE_RANGE_GROUP", ALWAYS, OPEN, "rangeGroupId@0:8 destinationUuid@8:16 rmStatus@24:4"),
    row(23, 16, "UVM_CREATE_RANGE_GROUP", ALWAYS, OPEN, "rangeGroupId@0:8 rmStatus@8:4"),
    row(39, 8, "UVM_PAGEABLE_MEM_ACCESS", ALWAYS, OPEN, "pageableMemAccess@0:1 rmStatus@4:4"),
    row(70, 24, "UVM_PAGEABLE_MEM_ACCESS_ON_GPU", ALWAYS, OPEN, "gpu_uuid@0:16 pageableMemAccess@16:1 rmStatus@20:4"),
    row(65, 40, "UVM_MAP_DYNAMIC_PARALLELISM_REGION", ALWAYS, OPEN, "base@0:8 length@8:8 gpuUuid@16:16 rmStatus@32:4"),
    row(68, 1184, "UVM_ALLOC_SEMAPHORE_POOL", ALWAYS, R550_40_53, "base@0:8 length@8:8 gpuAttributesCount@1168:8 rmStatus@1176:4"),
    row(68, 9248, "UVM_ALLOC_SEMAPHORE_POOL", R550_40_53, OPEN, "base@0:8 length@8:8 gpuAttributesCount@9232:8 rmStatus@9240:4"),
    row(69, 4, "UVM_CLEAN_UP_ZOMBIE_RESOURCES", ALWAYS, OPEN, "rmStatus@0:4"),
    row(71, 24, "UVM_POPULATE_PAGEABLE", ALWAYS, OPEN, "base@0:8 length@8:8 flags@16:4 rmStatus@20:4"),
    row(74, 40, "UVM_MAP_EXTERNAL_SPARSE", ALWAYS, OPEN, "base@0:8 length@8:8 gpuUuid@16:16 rmStatus@32:4"),
    row(78, 56, "UVM_ALLOC_DEVICE_P2P", R565_57, OPEN, "base@0:8 length@8:8 gpuUuid@24:16 hMemory@48:4 rmStatus@52:4"),
    row(80, 32, "UVM_DISCARD", R580_65, OPEN, "base@0:8 length@8:8 flags@16:8 rmStatus@24:4"),
];

pub(super) fn read(structure: &Structure<'_>, decoded: &mut Decoded) {
    decoded.meaning = meaning(structure, decoded).unwrap_or(Meaning::Other);
}

fn meaning(structure: &Structure<'_>, decoded: &mut Decoded) -> Option<Meaning> {
    let uuid = |name| structure.uuid(name);
    Some(match structure.row.name {
        "UVM_REGISTER_GPU" => Meaning::RegisterGpu {
            uuid: uuid("gpu_uuid")?,
            partition: structure.number("hSmcPartRef")? != 0,
        },
        "UVM_UNREGISTER_GPU" => Meaning::UnregisterGpu { uuid: uuid("gpu_uuid")? },
        "UVM_REGISTER_GPU_VASPACE" => Meaning::Context { uuid: uuid("gpuUuid")? },
        "UVM_UNREGISTER_GPU_VASPACE" => Meaning::ContextEnd { uuid: uuid("gpuUuid")? },
        "UVM_MAP_EXTERNAL_ALLOCATION" => {
            decoded.asked = structure.number("length");
            Meaning::Mapped {
                uuid: uuid("gpuUuid")?,
                client: structure.word("hClient")?,
                memory: structure.word("hMemory")?,
            }
        }
        "UVM_CREATE_EXTERNAL_RANGE" => {
            decoded.asked = structure.number("length");
            Meaning::Other
        }
        // Follows the mapping of each managed allocation.
        "UVM_DISABLE_READ_DUPLICATION" => {
            decoded.asked = structure.number("length");
            Meaning::Managed {
                base: structure.number("requestedBase")?,
                bytes: structure.number("length")?,
            }
        }
        "UVM_FREE" => Meaning::RangeFree { base: structure.number("base")? },
        "UVM_ENABLE_PEER_ACCESS" => Meaning::Peers { a: uuid("gpuUuidA")?, b: uuid("gpuUuidB")? },
        _ => Meaning::Other,
    })
}
