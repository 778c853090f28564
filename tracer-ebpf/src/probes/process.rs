//! Process life: what /proc forgets of processes that live for milliseconds.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::cty::c_void;
use aya_ebpf::helpers::generated::{bpf_get_current_uid_gid, bpf_probe_read_user};
use aya_ebpf::helpers::{bpf_get_current_comm, bpf_probe_read_kernel_str_bytes};
use aya_ebpf::macros::{raw_tracepoint, tracepoint, uprobe};
use aya_ebpf::programs::{ProbeContext, RawTracePointContext, TracePointContext};
use tracer_common::event::EventKind;
use tracer_common::limits::{ARGV_BYTES, COMM_BYTES};
use tracer_common::process::{ExecRecord, ExitRecord, ForkRecord, MapRecord};

use crate::config;
use crate::emit::{self, Wake};
use crate::environment;
use crate::identity::{Identity, current_task, field, start_of};
use crate::socket;

/// `sched:sched_process_exec`, field `filename`: `__data_loc` at offset 8, include/trace/events/sched.h.
const FILENAME: usize = 8;

#[tracepoint(category = "sched", name = "sched_process_exec")]
fn process_exec(ctx: TracePointContext) -> u32 {
    if let Some(who) = Identity::current() {
        exec(&ctx, who);
    }
    0
}

#[inline(always)]
fn exec(ctx: &TracePointContext, who: Identity) {
    let offsets = config::offsets();
    let task = current_task();
    let parent: u64 = field(task, offsets.task_real_parent).unwrap_or(0);
    let mm: u64 = field(task, offsets.task_mm).unwrap_or(0);
    let arg_start: u64 = field(mm, offsets.mm_arg_start).unwrap_or(0);
    let arg_end: u64 = field(mm, offsets.mm_arg_end).unwrap_or(0);
    let argv_total = arg_end.saturating_sub(arg_start);
    let argv_len = core::cmp::min(argv_total, ARGV_BYTES as u64);

    let (seq, slot) = emit::reserve::<ExecRecord>();
    let Some(mut slot) = slot else { return };
    let record = slot.as_mut_ptr();
    // SAFETY: reserved memory of this type, each field written; helpers check what they read.
    unsafe {
        (*record).header = emit::header(EventKind::Exec, who, seq, size_of::<ExecRecord>());
        (*record).parent_tgid = field(parent, offsets.task_tgid).unwrap_or(0);
        (*record).parent_start_ns = start_of(parent).unwrap_or(0);
        let uid_gid = bpf_get_current_uid_gid();
        (*record).uid = uid_gid as u32;
        (*record).gid = (uid_gid >> 32) as u32;
        (*record).argv_total = argv_total;
        (*record).comm = bpf_get_current_comm().unwrap_or([0; COMM_BYTES]);
        (*record).path = [0; _];
        let location: u32 = ctx.read_at(FILENAME).unwrap_or(0);
        let name = (ctx.as_ptr() as u64 + u64::from(location & 0xffff)) as *const u8;
        (*record).path_len = bpf_probe_read_kernel_str_bytes(name, &mut (*record).path)
            .map_or(0, |path| path.len() as u16);
        (*record).argv = [0; _];
        let read = bpf_probe_read_user(
            (&raw mut (*record).argv).cast(),
            core::cmp::min(argv_len, ARGV_BYTES as u64) as u32,
            arg_start as *const c_void,
        );
        (*record).argv_len = if read == 0 { argv_len as u16 } else { 0 };
        (*record).env = [0; _];
        let env = environment::copy(mm, &raw mut (*record).env);
        (*record).env_seen = u32::from(env.is_some());
        (*record).env_len = env.unwrap_or(0);
    }
    // Now: a file met for the first time is to be probed before its program gets going.
    slot.submit(Wake::Now);
}

/// `sched_process_exit(struct task_struct *p, ...)`: only when the last thread goes.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
fn process_exit(_ctx: RawTracePointContext) -> i32 {
    let offsets = config::offsets();
    let task = current_task();
    let signal: u64 = field(task, offsets.task_signal).unwrap_or(0);
    // `do_exit` has already counted this thread off, kernel/exit.c.
    if field::<u32>(signal, offsets.signal_live).is_some_and(|live| live != 0) {
        return 0;
    }
    let Some(who) = Identity::current() else { return 0 };
    let (seq, slot) = emit::reserve::<ExitRecord>();
    let Some(mut slot) = slot else { return 0 };
    let record = slot.as_mut_ptr();
    // SAFETY: reserved memory of this type, each field written.
    unsafe {
        (*record).header = emit::header(EventKind::Exit, who, seq, size_of::<ExitRecord>());
        (*record).exit_code = field(task, offsets.task_exit_code).unwrap_or(0);
        (*record).reserved = 0;
    }
    slot.submit(Wake::Batched);
    0
}

/// `sched_process_fork(struct task_struct *parent, struct task_struct *child)`: processes, not threads.
#[raw_tracepoint(tracepoint = "sched_process_fork")]
fn process_fork(ctx: RawTracePointContext) -> i32 {
    let offsets = config::offsets();
    let child: u64 = ctx.arg(1);
    let (Some(pid), Some(tgid)) =
        (field::<u32>(child, offsets.task_pid), field::<u32>(child, offsets.task_tgid))
    else {
        return 0;
    };
    if pid != tgid {
        return 0;
    }
    let Some(who) = Identity::current() else { return 0 };
    socket::inherit(who.tgid, tgid);
    let child_start_ns = field(child, offsets.task_start_boottime).unwrap_or(0);
    let (seq, slot) = emit::reserve::<ForkRecord>();
    let Some(mut slot) = slot else { return 0 };
    let record = slot.as_mut_ptr();
    // SAFETY: reserved memory of this type, each field written.
    unsafe {
        (*record).header = emit::header(EventKind::Fork, who, seq, size_of::<ForkRecord>());
        (*record).child_tgid = tgid;
        (*record).reserved = 0;
        (*record).child_start_ns = child_start_ns;
    }
    slot.submit(Wake::Batched);
    0
}

/// The dynamic linker's `_dl_debug_state`: a debugger's hook, called when libraries were mapped.
#[uprobe]
fn process_mapped(_ctx: ProbeContext) -> u32 {
    let Some(who) = Identity::current() else { return 0 };
    let (seq, slot) = emit::reserve::<MapRecord>();
    let Some(mut slot) = slot else { return 0 };
    let record = slot.as_mut_ptr();
    // SAFETY: reserved memory of this type.
    unsafe { (*record).header = emit::header(EventKind::Map, who, seq, size_of::<MapRecord>()) };
    // Now: the process may call the new library in a moment.
    slot.submit(Wake::Now);
    0
}
