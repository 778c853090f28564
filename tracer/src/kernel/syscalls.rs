//! The system-call tracepoints, attached on demand: while they are, every system call on the host
//! costs a little more.

use aya::Ebpf;
use aya::programs::raw_trace_point::RawTracePointLinkId;
use aya::programs::trace_point::TracePointLinkId;
use aya::programs::{RawTracePoint, TracePoint};

use super::attach::AttachError;

/// Program and the system call at whose entry it runs. io_uring moves bytes without any of them.
const ENTRIES: &[(&str, &str)] = &[
    ("plain_send", "sys_enter_write"),
    ("plain_send", "sys_enter_sendto"),
    ("plain_writev", "sys_enter_writev"),
    ("plain_sendmsg", "sys_enter_sendmsg"),
    ("plain_sendfile", "sys_enter_sendfile64"),
    ("plain_splice", "sys_enter_splice"),
    ("plain_read", "sys_enter_read"),
    ("plain_recv", "sys_enter_recvfrom"),
    ("plain_readv", "sys_enter_readv"),
    ("plain_recvmsg", "sys_enter_recvmsg"),
];
/// Only where a Unix socket is of interest.
const CONNECT: (&str, &str) = ("plain_connect", "sys_enter_connect");
const RETURN: &str = "plain_return";
const DESTROYED: (&str, &str) = ("socket_destroyed", "tcp_destroy_sock");

/// Handles of their own to programs that somebody else has loaded.
#[derive(Debug)]
pub struct Syscalls {
    programs: Vec<(&'static str, TracePoint)>,
    destroyed: RawTracePoint,
    attached: Vec<(&'static str, TracePointLinkId)>,
    destroyed_link: Option<RawTracePointLinkId>,
    unix: bool,
}

impl Syscalls {
    pub(super) fn new(ebpf: &Ebpf) -> Result<Self, AttachError> {
        let mut names: Vec<&'static str> = ENTRIES.iter().map(|(program, _)| *program).collect();
        names.extend([CONNECT.0, RETURN]);
        names.sort_unstable();
        names.dedup();
        // Those that an older kernel did not take are missing when they are to be attached.
        let programs = names
            .into_iter()
            .filter_map(|name| Some((name, trace_point(ebpf, name).ok()?)))
            .collect();
        let program = ebpf.program(DESTROYED.0).ok_or(AttachError::Missing(DESTROYED.0))?;
        let program: &RawTracePoint = program.try_into()?;
        let destroyed = RawTracePoint::from_program_info(program.info()?, DESTROYED.0.into())?;
        let (attached, destroyed_link) = (Vec::new(), None);
        Ok(Self { programs, destroyed, attached, destroyed_link, unix: false })
    }

    pub const fn is_attached(&self) -> bool {
        self.destroyed_link.is_some()
    }

    /// Attaches what is not attached yet. `unix`: connections of Unix sockets as well.
    ///
    /// # Errors
    /// What the kernel says; what was attached by then stays until [`Self::detach`].
    pub fn attach(&mut self, unix: bool) -> Result<(), AttachError> {
        if !self.is_attached() {
            // Ends before beginnings: a call that is entered must be seen to return.
            self.destroyed_link = Some(self.destroyed.attach(DESTROYED.1)?);
            for (program, entry) in ENTRIES {
                self.tap(RETURN, &entry.replace("sys_enter", "sys_exit"))?;
                self.tap(program, entry)?;
            }
        }
        if unix && !self.unix {
            self.tap(CONNECT.0, CONNECT.1)?;
            self.unix = true;
        }
        Ok(())
    }

    fn tap(&mut self, name: &'static str, tracepoint: &str) -> Result<(), AttachError> {
        let (_, program) = self
            .programs
            .iter_mut()
            .find(|(other, _)| *other == name)
            .ok_or(AttachError::Missing(name))?;
        let link = program.attach("syscalls", tracepoint)?;
        self.attached.push((name, link));
        Ok(())
    }

    /// Leaves nothing attached.
    pub fn detach(&mut self) {
        for (name, link) in std::mem::take(&mut self.attached) {
            if let Some((_, program)) = self.programs.iter_mut().find(|(other, _)| *other == name) {
                // A link that is gone is detached.
                let _ = program.detach(link);
            }
        }
        if let Some(link) = self.destroyed_link.take() {
            let _ = self.destroyed.detach(link);
        }
        self.unix = false;
    }
}

fn trace_point(ebpf: &Ebpf, name: &'static str) -> Result<TracePoint, AttachError> {
    let program = ebpf.program(name).ok_or(AttachError::Missing(name))?;
    let program: &TracePoint = program.try_into()?;
    Ok(TracePoint::from_program_info(program.info()?, name.into())?)
}
