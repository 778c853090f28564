//! AMD's compute driver /dev/kfd, type byte 'K'. Errors are return codes.
//!
//! Field notation: `name@offset:bytes`. Source: the public headers (include/uapi/linux/kfd_ioctl.h).

use super::layout::{Row, Structure, row};
use super::{Decoded, Meaning, Place};
use crate::gpu::profile::{ALWAYS, OPEN};

/// Numbers are whole commands.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row(0x8008_4b01, 8, "AMDKFD_IOC_GET_VERSION", ALWAYS, OPEN, "major_version@0:4 minor_version@4:4"),
    row(0xc058_4b02, 88, "AMDKFD_IOC_CREATE_QUEUE", ALWAYS, OPEN, "ring_base_address@0:8 doorbell_offset@24:8 ring_size@32:4 gpu_id@36:4 queue_type@40:4 \
        queue_percentage@44:4 queue_priority@48:4 queue_id@52:4"),
    row(0xc008_4b03, 8, "AMDKFD_IOC_DESTROY_QUEUE", ALWAYS, OPEN, "queue_id@0:4"),
    row(0x4018_4b07, 24, "AMDKFD_IOC_UPDATE_QUEUE", ALWAYS, OPEN, "queue_id@8:4 ring_size@12:4"),
    row(0x4020_4b04, 32, "AMDKFD_IOC_SET_MEMORY_POLICY", ALWAYS, OPEN, "gpu_id@16:4"),
    row(0xc020_4b08, 32, "AMDKFD_IOC_CREATE_EVENT", ALWAYS, OPEN, "event_type@12:4 node_id@20:4 event_id@24:4"),
    row(0xc018_4b0c, 24, "AMDKFD_IOC_WAIT_EVENTS", ALWAYS, OPEN, "events_ptr@0:8 num_events@8:4 wait_for_all@12:4 timeout@16:4 wait_result@20:4"),
    row(0x4008_4b15, 8, "AMDKFD_IOC_ACQUIRE_VM", ALWAYS, OPEN, "drm_fd@0:4 gpu_id@4:4"),
    row(0xc028_4b16, 40, "AMDKFD_IOC_ALLOC_MEMORY_OF_GPU", ALWAYS, OPEN, "va_addr@0:8 size@8:8 handle@16:8 mmap_offset@24:8 gpu_id@32:4 flags@36:4"),
    row(0x4008_4b17, 8, "AMDKFD_IOC_FREE_MEMORY_OF_GPU", ALWAYS, OPEN, "handle@0:8"),
    row(0xc018_4b18, 24, "AMDKFD_IOC_MAP_MEMORY_TO_GPU", ALWAYS, OPEN, "handle@0:8 device_ids_array_ptr@8:8 n_devices@16:4 n_success@20:4"),
    row(0xc018_4b19, 24, "AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU", ALWAYS, OPEN, "handle@0:8 n_devices@16:4 n_success@20:4"),
    row(0xc010_4b14, 16, "AMDKFD_IOC_GET_PROCESS_APERTURES_NEW", ALWAYS, OPEN, "num_of_nodes@8:4"),
    row(0xc018_4b20, 24, "AMDKFD_IOC_SVM", ALWAYS, OPEN, "start_addr@0:8 size@8:8 op@16:4 nattr@20:4"),
    row(0xc008_4b1f, 8, "AMDKFD_IOC_SMI_EVENTS", ALWAYS, OPEN, "gpuid@0:4 anon_fd@4:4"),
    row(0xc010_4b23, 16, "AMDKFD_IOC_AVAILABLE_MEMORY", ALWAYS, OPEN, "available@0:8 gpu_id@8:4"),
    row(0xc010_4b25, 16, "AMDKFD_IOC_RUNTIME_ENABLE", ALWAYS, OPEN, "mode_mask@8:4"),
    row(0xc010_4b24, 16, "AMDKFD_IOC_EXPORT_DMABUF", ALWAYS, OPEN, "handle@0:8 flags@8:4 dmabuf_fd@12:4"),
    row(0xc018_4b1d, 24, "AMDKFD_IOC_IMPORT_DMABUF", ALWAYS, OPEN, "va_addr@0:8 handle@8:8 gpu_id@16:4 dmabuf_fd@20:4"),
];

/// `KFD_IOC_ALLOC_MEM_FLAGS_VRAM`
const VRAM: u64 = 1;
/// `KFD_IOC_QUEUE_TYPE_SDMA` and `..._XGMI`: engines that only copy.
const COPIES: [u64; 2] = [1, 3];

pub(super) fn read(structure: &Structure<'_>, decoded: &mut Decoded) {
    decoded.meaning = meaning(structure, decoded).unwrap_or(Meaning::Other);
}

fn meaning(structure: &Structure<'_>, decoded: &mut Decoded) -> Option<Meaning> {
    Some(match structure.row.name {
        "AMDKFD_IOC_ACQUIRE_VM" => Meaning::KfdAcquire { gpu_id: structure.word("gpu_id")? },
        "AMDKFD_IOC_ALLOC_MEMORY_OF_GPU" => {
            let bytes = structure.asked("size").or_else(|| structure.number("size"))?;
            decoded.asked = Some(bytes);
            let video = structure.number("flags")? & VRAM != 0;
            Meaning::KfdMemory {
                handle: structure.number("handle")?,
                gpu_id: structure.word("gpu_id")?,
                bytes,
                place: if video { Place::Video } else { Place::System },
            }
        }
        "AMDKFD_IOC_FREE_MEMORY_OF_GPU" => Meaning::KfdFree { handle: structure.number("handle")? },
        "AMDKFD_IOC_CREATE_QUEUE" => Meaning::Queue {
            gpu_id: structure.word("gpu_id")?,
            queue: structure.word("queue_id")?,
            copies: COPIES.contains(&structure.number("queue_type")?),
        },
        "AMDKFD_IOC_DESTROY_QUEUE" => Meaning::QueueEnd { queue: structure.word("queue_id")? },
        "AMDKFD_IOC_EXPORT_DMABUF" | "AMDKFD_IOC_IMPORT_DMABUF" => Meaning::Shared,
        _ => Meaning::Other,
    })
}
