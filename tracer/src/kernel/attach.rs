//! Attaches programs to functions of files, and to the kernel's process tracepoints.
//!
//! In: targets. Out: links, kept by file, so that a file nobody maps any more can be let go. Where the
//! kernel has them, one link holds all points of a (file, program); else one link for each point.
//! Closing waits for the kernel's grace periods: that is done by threads beside ([`super::closing`]).
//!
//! To add a **calling shape**: a variant of [`Shape`] with its argument registers in
//! `discover/probe_point.rs`, a `#[uprobe]` program in `tracer-ebpf/src/probes/`, and its name in
//! [`entry_program`]. A shape that [`Shape::wants_return`] gets `tls_return` beside it, as a return
//! probe; where a hook lists its `returns` (offsets of every `ret`, found by disassembly), it gets
//! `tls_return_at` there instead, as plain uprobes. A program that needs to know which library it is
//! in, or which variant of a layout, reads the hook's cookie ([`tracer_common::tls::cookie`]).

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use aya::Ebpf;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeScope};
use aya::programs::{ProgramError, RawTracePoint, TracePoint, UProbe};
use thiserror::Error;
use tracer_common::tls::cookie;

use super::closing::{self, Link};
use super::multi::MultiProgram;
use crate::discover::{FileId, Hook, Shape, Target};

#[derive(Debug, Error)]
pub enum AttachError {
    #[error("program {0} is not in the object")]
    Missing(&'static str),
    /// Go reads the return addresses on its stacks when it moves them.
    #[error("a return probe would crash this Go program")]
    GoReturnProbe,
    #[error("unsafe_uretprobe_seccomp")]
    SeccompReturnProbe,
    #[error(transparent)]
    Kernel(#[from] ProgramError),
    #[error(transparent)]
    Link(#[from] io::Error),
}

/// A hook that could not be attached, for doctor and log.
#[derive(Debug)]
pub struct Refusal {
    pub symbols: Vec<String>,
    pub error: AttachError,
}

/// What became of a target.
#[derive(Debug, Default)]
pub struct AttachReport {
    pub attached: usize,
    pub refused: Vec<Refusal>,
}

/// The loaded programs. Dropping them detaches everything.
#[derive(Debug)]
pub struct Programs {
    ebpf: Ebpf,
    /// The uprobe programs by name, where the kernel has multi links; else aya has them.
    multi: Option<HashMap<String, MultiProgram>>,
    /// The kernel hands cookies to programs on single links too.
    has_cookie: bool,
    /// A return probe runs a system call in the process that a strict seccomp filter may kill it for.
    guard_returns: bool,
    links: HashMap<FileId, Vec<Link>>,
}

/// Return programs: for a return probe, and for plain probes at each `ret`.
const RETURN: (&str, &str) = ("tls_return", "tls_return_at");
const RUSTLS_WRITE_RETURN: (&str, &str) = ("rustls_write_return", "rustls_write_return_at");
const RUSTLS_DECRYPT_RETURN: (&str, &str) = ("rustls_decrypt_return", "rustls_decrypt_return_at");

/// Entry program of each shape.
const fn entry_program(shape: Shape) -> &'static str {
    match shape {
        Shape::Write | Shape::Send => "tls_write",
        Shape::WriteEx => "tls_write_ex",
        Shape::WriteEx2 => "tls_write_ex2",
        Shape::Read | Shape::Receive => "tls_read",
        Shape::SendNamed => "tls_write_named",
        Shape::ReceiveNamed => "tls_read_named",
        Shape::Name => "tls_name",
        Shape::NameWithLength => "tls_name_with_length",
        Shape::ReadEx => "tls_read_ex",
        Shape::Free => "tls_free",
        Shape::Ctrl => "tls_ctrl",
        Shape::Handshake => "tls_handshake",
        Shape::Error => "tls_error",
        Shape::BoringName => "boring_name",
        Shape::BoringHandshake => "boring_handshake",
        Shape::RustlsWrite => "rustls_write",
        Shape::RustlsWriteVectored => "rustls_write_vectored",
        Shape::RustlsSend => "rustls_send",
        Shape::RustlsDecrypt12 => "rustls_decrypt_12",
        Shape::RustlsDecrypt13 => "rustls_decrypt_13",
        Shape::RustlsTraffic => "rustls_traffic",
        Shape::RustlsServer => "rustls_server",
        Shape::RustlsDrop => "rustls_drop",
        Shape::GoWrite => "go_write",
        Shape::GoRead => "go_read",
        Shape::GoClose => "go_close",
        Shape::GoHandshake => "go_handshake",
        Shape::GoHandshakeBefore121 => "go_handshake_before_1_21",
        Shape::GoReturn => "go_return",
        Shape::GoStackWrite => "go_stack_write",
        Shape::GoStackRead => "go_stack_read",
        Shape::GoStackClose => "go_stack_close",
        Shape::GoStackHandshake => "go_stack_handshake",
        Shape::GoStackReturn => "go_stack_return",
        Shape::Mapped => "process_mapped",
    }
}

/// Programs of a shape's return. Most share one.
const fn return_programs(shape: Shape) -> (&'static str, &'static str) {
    match shape {
        Shape::RustlsWrite | Shape::RustlsWriteVectored => RUSTLS_WRITE_RETURN,
        Shape::RustlsDecrypt12 | Shape::RustlsDecrypt13 => RUSTLS_DECRYPT_RETURN,
        _ => RETURN,
    }
}

fn is_return(program: &str) -> bool {
    [RETURN, RUSTLS_WRITE_RETURN, RUSTLS_DECRYPT_RETURN]
        .iter()
        .any(|(probe, at)| [*probe, *at].contains(&program))
}

impl Programs {
    pub(super) fn new(
        ebpf: Ebpf,
        multi: Option<HashMap<String, MultiProgram>>,
        has_cookie: bool,
        guard_returns: bool,
    ) -> Self {
        Self { ebpf, multi, has_cookie, guard_returns, links: HashMap::new() }
    }

    /// Exec, fork and exit, the life of connections; cgroups that come and go.
    ///
    /// # Errors
    /// When the kernel refuses one of them.
    pub fn attach_process_events(&mut self) -> Result<(), AttachError> {
        let exec: &mut TracePoint = self.program("process_exec")?;
        exec.attach("sched", "sched_process_exec")?;
        for (program, tracepoint) in [
            ("process_fork", "sched_process_fork"),
            ("process_exit", "sched_process_exit"),
            ("socket_state", "inet_sock_set_state"),
        ] {
            let program: &mut RawTracePoint = self.program(program)?;
            program.attach(tracepoint)?;
        }
        for (program, tracepoint) in
            [("cgroup_made", "cgroup_mkdir"), ("cgroup_removed", "cgroup_rmdir")]
        {
            let program: &mut TracePoint = self.program(program)?;
            // A kernel without control groups has no containers.
            if let Err(error) = program.attach("cgroup", tracepoint) {
                tracing::info!(%error, tracepoint, "not attached");
            }
        }
        Ok(())
    }

    /// Attaches every hook of a file; those refused are reported, the others stay.
    pub fn attach(&mut self, target: &Target) -> AttachReport {
        let mut report = AttachReport::default();
        // A probe on a page that is not in the page cache makes some kernels complain.
        if let Ok(file) = File::open(&target.path) {
            let offsets = target
                .hooks
                .iter()
                .flat_map(|h| h.returns.iter().chain(std::iter::once(&h.offset)));
            for offset in offsets {
                // Only the reading matters; what it says shows at attaching.
                let _faulted = file.read_at(&mut [0], *offset);
            }
        }
        let mut plan: Vec<Plan<'_>> = Vec::new();
        for hook in &target.hooks {
            if let Err(error) = self.plan(target, hook, &mut plan) {
                report.refused.push(Refusal { symbols: hook.symbols.clone(), error });
            }
        }
        // The returns first: a call that is entered must be seen to return.
        plan.sort_by_key(|step| !is_return(step.program));
        let mut links = Vec::new();
        for step in &plan {
            match self.link(step, target) {
                Ok(step_links) => links.extend(step_links),
                Err(error) if step.points.len() == 1 => report.refuse(step, 0, error),
                // One bad point spoils a link: the others get one each.
                Err(_) => {
                    for (index, _) in step.points.iter().enumerate() {
                        match self.link(&step.only(index), target) {
                            Ok(step_links) => links.extend(step_links),
                            Err(error) => report.refuse(step, index, error),
                        }
                    }
                }
            }
        }
        report.attached = target.hooks.len().saturating_sub(report.refused.len());
        if !links.is_empty() {
            self.links.entry(target.file()).or_default().extend(links);
        }
        report
    }

    /// Lets a file go. Its probes end within a moment, not at once.
    pub fn detach(&mut self, file: FileId) {
        if let Some(links) = self.links.remove(&file) {
            closing::beside(links);
        }
    }

    /// Files with probes, and links in all.
    pub fn held(&self) -> (usize, usize) {
        (self.links.len(), self.links.values().map(Vec::len).sum())
    }

    /// Adds a hook's points to those of its programs.
    fn plan<'a>(
        &self,
        target: &Target,
        hook: &'a Hook,
        plan: &mut Vec<Plan<'a>>,
    ) -> Result<(), AttachError> {
        let cookie = cookie::pack(target.library, hook.parameter);
        let mut add = |program, offset| {
            let point = Point { offset, cookie, hook };
            match plan.iter_mut().find(|step| step.program == program) {
                // Two hooks that share a function share its return.
                Some(step) if is_return(program) => {
                    if step.points.iter().all(|known| known.offset != offset) {
                        step.points.push(point);
                    }
                }
                Some(step) => step.points.push(point),
                None => plan.push(Plan { program, points: vec![point] }),
            }
        };
        if hook.shape.wants_return() {
            let (probe, at) = return_programs(hook.shape);
            if !hook.returns.is_empty() {
                for offset in &hook.returns {
                    add(at, *offset);
                }
            } else if target.is_go {
                return Err(AttachError::GoReturnProbe);
            } else if self.guard_returns {
                return Err(AttachError::SeccompReturnProbe);
            } else {
                add(probe, hook.offset);
            }
        }
        add(entry_program(hook.shape), hook.offset);
        Ok(())
    }

    fn link(&mut self, step: &Plan<'_>, target: &Target) -> Result<Vec<Link>, AttachError> {
        if let Some(multi) = &self.multi {
            let program = multi.get(step.program).ok_or(AttachError::Missing(step.program))?;
            let points: Vec<_> = step.points.iter().map(|p| (p.offset, p.cookie)).collect();
            return Ok(vec![Link::Multi(program.attach(&target.path, &points)?)]);
        }
        let has_cookie = self.has_cookie;
        let program: &mut UProbe = self.program(step.program)?;
        let mut links = Vec::new();
        for point in &step.points {
            let location = UProbeAttachLocation::AbsoluteOffset(point.offset);
            let at = UProbeAttachPoint { location, cookie: has_cookie.then_some(point.cookie) };
            let id = program.attach(at, &target.path, UProbeScope::AllProcesses)?;
            links.push(Link::Single(program.take_link(id)?));
        }
        Ok(links)
    }

    fn program<'a, T>(&'a mut self, name: &'static str) -> Result<&'a mut T, AttachError>
    where
        &'a mut T: TryFrom<&'a mut aya::programs::Program, Error = ProgramError>,
    {
        let program = self.ebpf.program_mut(name).ok_or(AttachError::Missing(name))?;
        Ok(program.try_into()?)
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        closing::now(self.links.drain().flat_map(|(_, links)| links).collect());
    }
}

impl AttachReport {
    fn refuse(&mut self, step: &Plan<'_>, index: usize, error: AttachError) {
        let symbols = step.points.get(index).map(|point| point.hook.symbols.clone());
        self.refused.push(Refusal { symbols: symbols.unwrap_or_default(), error });
    }
}

/// The points of a file that one program goes to.
struct Plan<'a> {
    program: &'static str,
    points: Vec<Point<'a>>,
}

#[derive(Clone, Copy)]
struct Point<'a> {
    offset: u64,
    cookie: u64,
    hook: &'a Hook,
}

impl Plan<'_> {
    fn only(&self, index: usize) -> Self {
        Self { program: self.program, points: vec![self.points[index]] }
    }
}
