//! Attaches programs to functions of files, and to the kernel's process tracepoints.

use aya::Ebpf;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeScope};
use aya::programs::{ProgramError, RawTracePoint, TracePoint, UProbe};
use thiserror::Error;

use crate::discover::{Shape, Target};

#[derive(Debug, Error)]
pub enum AttachError {
    #[error("program {0} is not in the object")]
    Missing(&'static str),
    /// Go reads the return addresses on its stacks when it moves them.
    #[error("a return probe would crash this Go program")]
    GoReturnProbe,
    #[error(transparent)]
    Kernel(#[from] ProgramError),
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
}

/// Entry program of each shape. All that want a return share one.
const fn entry_program(shape: Shape) -> &'static str {
    match shape {
        Shape::Write => "tls_write",
        Shape::WriteEx => "tls_write_ex",
        Shape::WriteEx2 => "tls_write_ex2",
        Shape::Read => "tls_read",
        Shape::ReadEx => "tls_read_ex",
        Shape::Free => "tls_free",
        Shape::Ctrl => "tls_ctrl",
        Shape::Handshake => "tls_handshake",
        Shape::Error => "tls_error",
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

impl Programs {
    pub(super) const fn new(ebpf: Ebpf) -> Self {
        Self { ebpf }
    }

    /// Exec, fork and exit.
    ///
    /// # Errors
    /// When the kernel refuses one of them.
    pub fn attach_process_events(&mut self) -> Result<(), AttachError> {
        let exec: &mut TracePoint = self.program("process_exec")?;
        exec.attach("sched", "sched_process_exec")?;
        for (program, tracepoint) in
            [("process_fork", "sched_process_fork"), ("process_exit", "sched_process_exit")]
        {
            let program: &mut RawTracePoint = self.program(program)?;
            program.attach(tracepoint)?;
        }
        Ok(())
    }

    /// Attaches every hook of a file; those refused are reported, the others stay.
    pub fn attach(&mut self, target: &Target) -> AttachReport {
        let mut report = AttachReport::default();
        for hook in &target.hooks {
            // The return first: a call that is entered must be seen to return.
            let outcome = if hook.shape.wants_return() && target.is_go {
                Err(AttachError::GoReturnProbe)
            } else if hook.shape.wants_return() {
                self.attach_one("tls_return", target, hook.offset)
                    .and_then(|()| self.attach_one(entry_program(hook.shape), target, hook.offset))
            } else {
                self.attach_one(entry_program(hook.shape), target, hook.offset)
            };
            match outcome {
                Ok(()) => report.attached += 1,
                Err(error) => report.refused.push(Refusal { symbols: hook.symbols.clone(), error }),
            }
        }
        report
    }

    fn attach_one(
        &mut self,
        program: &'static str,
        target: &Target,
        offset: u64,
    ) -> Result<(), AttachError> {
        let program: &mut UProbe = self.program(program)?;
        let location = UProbeAttachLocation::AbsoluteOffset(offset);
        program.attach(location, &target.path, UProbeScope::AllProcesses)?;
        Ok(())
    }

    fn program<'a, T>(&'a mut self, name: &'static str) -> Result<&'a mut T, AttachError>
    where
        &'a mut T: TryFrom<&'a mut aya::programs::Program, Error = ProgramError>,
    {
        let program = self.ebpf.program_mut(name).ok_or(AttachError::Missing(name))?;
        Ok(program.try_into()?)
    }
}
