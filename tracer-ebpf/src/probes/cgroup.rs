//! cgroups that come and go: a container's is known before its first process runs.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::bpf_probe_read_kernel_str_bytes;
use aya_ebpf::helpers::generated::bpf_get_current_uid_gid;
use aya_ebpf::macros::tracepoint;
use aya_ebpf::programs::TracePointContext;
use tracer_common::event::EventKind;
use tracer_common::process::CgroupRecord;

use crate::emit::{self, Wake};
use crate::identity::Identity;

/// Fields of the class `cgroup`, include/trace/events/cgroup.h.
const ROOT: usize = 8;
const ID: usize = 16;
const PATH: usize = 24;

#[tracepoint(category = "cgroup", name = "cgroup_mkdir")]
fn cgroup_made(ctx: TracePointContext) -> u32 {
    // At once: its runtime is asked while the container still exists.
    emit_cgroup(&ctx, EventKind::CgroupMade, Wake::Now);
    0
}

#[tracepoint(category = "cgroup", name = "cgroup_rmdir")]
fn cgroup_removed(ctx: TracePointContext) -> u32 {
    emit_cgroup(&ctx, EventKind::CgroupRemoved, Wake::Batched);
    0
}

#[inline(always)]
fn emit_cgroup(ctx: &TracePointContext, kind: EventKind, wake: Wake) {
    let Some(who) = Identity::current() else { return };
    let (seq, slot) = emit::reserve::<CgroupRecord>();
    let Some(mut slot) = slot else { return };
    let record = slot.as_mut_ptr();
    // SAFETY: reserved memory of this type, each field written; helpers check what they read.
    unsafe {
        (*record).header = emit::header(kind, who, seq, size_of::<CgroupRecord>());
        (*record).id = ctx.read_at(ID).unwrap_or(0);
        (*record).hierarchy = ctx.read_at(ROOT).unwrap_or(u32::MAX);
        (*record).uid = bpf_get_current_uid_gid() as u32;
        (*record).reserved = 0;
        (*record).path = [0; _];
        let location: u32 = ctx.read_at(PATH).unwrap_or(0);
        let path = (ctx.as_ptr() as u64 + u64::from(location & 0xffff)) as *const u8;
        (*record).path_len = bpf_probe_read_kernel_str_bytes(path, &mut (*record).path)
            .map_or(0, |path| path.len() as u32);
    }
    slot.submit(wake);
}
