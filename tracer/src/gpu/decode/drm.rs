//! Graphics devices /dev/dri/*, type byte 'd': what all drivers share, and amdgpu, i915 and xe.
//!
//! Field notation: `name@offset:bytes`. Source: include/uapi/drm. Numbers are whole commands; errors
//! are return codes. Those from 0x40 mean something else in each driver.

use super::layout::{Row, Structure, row};
use super::{Decoded, Meaning, Place};
use crate::gpu::profile::{ALWAYS, OPEN};

/// Of every driver.
#[rustfmt::skip]
pub const COMMON: &[Row] = &[
    row(0xc040_6400, 64, "DRM_IOCTL_VERSION", ALWAYS, OPEN, "version_major@0:4 name_len@16:8 name@24:8"),
    row(0x4008_6409, 8, "DRM_IOCTL_GEM_CLOSE", ALWAYS, OPEN, "handle@0:4"),
    row(0xc00c_642d, 12, "DRM_IOCTL_PRIME_HANDLE_TO_FD", ALWAYS, OPEN, "handle@0:4 fd@8:4"),
    row(0xc00c_642e, 12, "DRM_IOCTL_PRIME_FD_TO_HANDLE", ALWAYS, OPEN, "handle@0:4 fd@8:4"),
    row(0xc020_64c3, 32, "DRM_IOCTL_SYNCOBJ_WAIT", ALWAYS, OPEN, "handles@0:8 timeout_nsec@8:8 count_handles@16:4"),
    row(0xc028_64ca, 40, "DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT", ALWAYS, OPEN, "timeout_nsec@16:8 count_handles@24:4"),
];

#[rustfmt::skip]
pub const AMDGPU: &[Row] = &[
    row(0xc020_6440, 32, "DRM_IOCTL_AMDGPU_GEM_CREATE", ALWAYS, OPEN, "in.bo_size@0:8 in.alignment@8:8 in.domains@16:8 in.domain_flags@24:8 out.handle@0:4"),
    row(0xc010_6442, 16, "DRM_IOCTL_AMDGPU_CTX", ALWAYS, OPEN, "in.op@0:4 in.flags@4:4 in.ctx_id@8:4 in.priority@12:4 out.alloc.ctx_id@0:4 \
        out.state.flags@0:8 out.state.reset_status@12:4"),
    row(0xc018_6444, 24, "DRM_IOCTL_AMDGPU_CS", ALWAYS, OPEN, "in.ctx_id@0:4 in.bo_list_handle@4:4 in.num_chunks@8:4 in.chunks@16:8 out.handle@0:8"),
    row(0xc020_6449, 32, "DRM_IOCTL_AMDGPU_WAIT_CS", ALWAYS, OPEN, "in.handle@0:8 in.timeout@8:8 in.ip_type@16:4 in.ring@24:4 in.ctx_id@28:4 out.status@0:8"),
    row(0xc018_6452, 24, "DRM_IOCTL_AMDGPU_WAIT_FENCES", ALWAYS, OPEN, "in.fence_count@8:4 in.timeout_ns@16:8"),
    row(0x4028_6448, 40, "DRM_IOCTL_AMDGPU_GEM_VA", ALWAYS, OPEN, "handle@0:4 operation@8:4 va_address@16:8 map_size@32:8"),
    row(0xc018_6451, 24, "DRM_IOCTL_AMDGPU_GEM_USERPTR", ALWAYS, OPEN, "addr@0:8 size@8:8 handle@20:4"),
    row(0x4020_6445, 32, "DRM_IOCTL_AMDGPU_INFO", ALWAYS, OPEN, "query@12:4"),
];

#[rustfmt::skip]
pub const I915: &[Row] = &[
    row(0xc010_645b, 16, "DRM_IOCTL_I915_GEM_CREATE", ALWAYS, OPEN, "size@0:8 handle@8:4"),
    row(0xc018_647c, 24, "DRM_IOCTL_I915_GEM_CREATE_EXT", ALWAYS, OPEN, "size@0:8 handle@8:4 flags@12:4 extensions@16:8"),
    row(0xc040_6469, 64, "DRM_IOCTL_I915_GEM_EXECBUFFER2_WR", ALWAYS, OPEN, "buffer_count@8:4 batch_len@16:4 flags@40:8 rsvd1@48:8"),
    row(0xc010_646d, 16, "DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT", ALWAYS, OPEN, "ctx_id@0:4 flags@4:4"),
    row(0x4008_646e, 8, "DRM_IOCTL_I915_GEM_CONTEXT_DESTROY", ALWAYS, OPEN, "ctx_id@0:4"),
    row(0xc010_646c, 16, "DRM_IOCTL_I915_GEM_WAIT", ALWAYS, OPEN, "bo_handle@0:4 timeout_ns@8:8"),
    row(0xc018_6472, 24, "DRM_IOCTL_I915_GET_RESET_STATS", ALWAYS, OPEN, "ctx_id@0:4 reset_count@8:4 batch_active@12:4"),
];

#[rustfmt::skip]
pub const XE: &[Row] = &[
    row(0xc038_6441, 56, "DRM_IOCTL_XE_GEM_CREATE", ALWAYS, OPEN, "size@8:8 placement@16:4 flags@20:4 vm_id@24:4 handle@28:4"),
    row(0xc020_6443, 32, "DRM_IOCTL_XE_VM_CREATE", ALWAYS, OPEN, "flags@8:4 vm_id@12:4"),
    row(0xc030_6446, 48, "DRM_IOCTL_XE_EXEC_QUEUE_CREATE", ALWAYS, OPEN, "width@8:2 num_placements@10:2 vm_id@12:4 exec_queue_id@20:4 instances@24:8"),
    row(0x4038_6449, 56, "DRM_IOCTL_XE_EXEC", ALWAYS, OPEN, "exec_queue_id@8:4 num_syncs@12:4 num_batch_buffer@32:2"),
    row(0x4088_6445, 136, "DRM_IOCTL_XE_VM_BIND", ALWAYS, OPEN, "vm_id@8:4 num_binds@20:4"),
    row(0xc048_644a, 72, "DRM_IOCTL_XE_WAIT_USER_FENCE", ALWAYS, OPEN, "addr@8:8 timeout@40:8 exec_queue_id@48:4"),
];

/// `AMDGPU_GEM_DOMAIN_VRAM`
const AMDGPU_VRAM: u64 = 4;

pub(super) fn read(structure: &Structure<'_>, decoded: &mut Decoded) {
    decoded.meaning = meaning(structure, decoded).unwrap_or(Meaning::Other);
}

fn meaning(structure: &Structure<'_>, decoded: &mut Decoded) -> Option<Meaning> {
    Some(match structure.row.name {
        "DRM_IOCTL_GEM_CLOSE" => Meaning::BufferEnd { handle: structure.word("handle")? },
        // The answer lies over the question.
        "DRM_IOCTL_AMDGPU_GEM_CREATE" => {
            let bytes = structure.asked("in.bo_size")?;
            decoded.asked = Some(bytes);
            let video = structure.asked("in.domains")? & AMDGPU_VRAM != 0;
            Meaning::Buffer {
                handle: structure.word("out.handle")?,
                bytes,
                place: if video { Place::Video } else { Place::System },
            }
        }
        "DRM_IOCTL_AMDGPU_CTX" => match structure.asked("in.op")? {
            1 => Meaning::DrmContext { context: structure.word("out.alloc.ctx_id")? },
            2 => Meaning::DrmContextEnd { context: structure.asked("in.ctx_id")? as u32 },
            _ => Meaning::Other,
        },
        "DRM_IOCTL_I915_GEM_CREATE" | "DRM_IOCTL_I915_GEM_CREATE_EXT" => {
            buffer(structure, decoded, Place::System)?
        }
        "DRM_IOCTL_XE_GEM_CREATE" => {
            // Region 0 is the host's memory; the others are the GPU's.
            let video = structure.number("placement")? & !1 != 0;
            buffer(structure, decoded, if video { Place::Video } else { Place::System })?
        }
        "DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT" => {
            Meaning::DrmContext { context: structure.word("ctx_id")? }
        }
        "DRM_IOCTL_I915_GEM_CONTEXT_DESTROY" => {
            Meaning::DrmContextEnd { context: structure.word("ctx_id")? }
        }
        "DRM_IOCTL_XE_VM_CREATE" => Meaning::DrmContext { context: structure.word("vm_id")? },
        "DRM_IOCTL_PRIME_HANDLE_TO_FD" | "DRM_IOCTL_PRIME_FD_TO_HANDLE" => Meaning::Shared,
        _ => Meaning::Other,
    })
}

fn buffer(structure: &Structure<'_>, decoded: &mut Decoded, place: Place) -> Option<Meaning> {
    let bytes = structure.asked("size").or_else(|| structure.number("size"))?;
    decoded.asked = Some(bytes);
    Some(Meaning::Buffer { handle: structure.word("handle")?, bytes, place })
}
