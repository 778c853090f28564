//! Loads the programs into the running kernel.

use std::io;
use std::path::Path;

use aya::maps::{HashMap, MapData, PerCpuArray, RingBuf};
use aya::programs::{ProgramError, RawTracePoint, TracePoint, UProbe};
use aya::{Ebpf, EbpfError, EbpfLoader};
use thiserror::Error;
use tracer_common::config::{KernelConfig, Offsets};
use tracer_common::sni;
use tracer_common::socket::SocketOffsets;

use crate::kernel::attach::Programs;
use crate::kernel::counters::Counters;
use crate::kernel::drain::Drain;
use crate::kernel::endpoints::Endpoints;
use crate::kernel::multi::MultiError;
use crate::kernel::syscalls::Syscalls;
use crate::kernel::verdicts::Verdicts;
use crate::kernel::{OBJECT, btf, compat, multi};

const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

#[derive(Clone, Debug)]
pub struct KernelOptions {
    /// Bytes of the ring: a power of two, a multiple of the page size.
    pub ring_bytes: u32,
    /// Bytes waiting that wake the reader before its timer does.
    pub wakeup_bytes: u64,
    /// Use nothing that is newer than this kernel version; `None`: all that the running one has.
    pub no_newer_than: Option<compat::Version>,
}

#[derive(Debug, Error)]
pub enum LoadError {
    /// Exit code 77.
    #[error(
        "no permission to {what}: run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE"
    )]
    Permission { what: &'static str },
    /// Exit code 78.
    #[error("this kernel cannot run aitrace: {0}")]
    Unsupported(String),
    #[error("loading the programs: {0}")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl LoadError {
    fn from_ebpf(error: EbpfError) -> Self {
        if mentions_permission(&error) {
            return Self::Permission { what: "load eBPF programs" };
        }
        Self::Other(Box::new(error))
    }

    fn from_multi(error: MultiError) -> Self {
        if error.is_permission() {
            return Self::Permission { what: "load eBPF programs" };
        }
        Self::Other(Box::new(error))
    }

    fn from_program(error: ProgramError) -> Self {
        if mentions_permission(&error) {
            return Self::Permission { what: "load eBPF programs" };
        }
        Self::Other(Box::new(error))
    }
}

/// Whether an operating system's EPERM or EACCES is at the bottom of an error. A verifier's refusal
/// is EACCES too but comes with a log.
fn mentions_permission(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(ProgramError::LoadError { verifier_log, .. }) =
            error.downcast_ref::<ProgramError>()
            && !verifier_log.to_string().is_empty()
        {
            return false;
        }
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::PermissionDenied)
        {
            return true;
        }
        source = error.source();
    }
    false
}

/// The loaded programs, with everything they share with user space.
#[derive(Debug)]
pub struct Kernel {
    pub programs: Programs,
    pub drain: Drain,
    pub verdicts: Verdicts,
    pub counters: Counters,
    pub endpoints: Endpoints,
    pub syscalls: Syscalls,
}

impl Kernel {
    /// Loads the programs; nothing is attached yet. `hosts` are names (exact) and suffixes with their
    /// dot that decide a flow in the kernel.
    ///
    /// # Errors
    /// [`LoadError`], which knows the exit code.
    pub fn load<'a>(
        options: &KernelOptions,
        hosts: impl Iterator<Item = (std::borrow::Cow<'a, str>, bool)>,
    ) -> Result<Self, LoadError> {
        let (config, socket_offsets) = config(options)?;
        let mut ebpf = EbpfLoader::new()
            .override_global("CONFIG", &config, true)
            .override_global("SOCKET_OFFSETS", &socket_offsets, true)
            .map_max_entries("EVENTS", options.ring_bytes)
            .load(OBJECT)
            .map_err(LoadError::from_ebpf)?;
        let version = running(options)?;
        let multi = compat::has(version, compat::UPROBE_MULTI)
            .then(|| multi::load(OBJECT, &ebpf))
            .transpose()
            .map_err(LoadError::from_multi)?;
        load_programs(&mut ebpf, multi.is_none(), config.has_loop == 1)?;

        let mut table: HashMap<_, u64, u32> = take(&mut ebpf, "HOSTS")?;
        for (name, exact) in hosts {
            let kind = if exact { sni::host::EXACT } else { sni::host::SUFFIX };
            table
                .insert(sni::hash(name.as_bytes()), kind, 0)
                .map_err(|error| LoadError::Other(Box::new(error)))?;
        }
        let ring: RingBuf<MapData> = take(&mut ebpf, "EVENTS")?;
        let decisions = take(&mut ebpf, "DECISIONS")?;
        let counters: PerCpuArray<MapData, u64> = take(&mut ebpf, "COUNTERS")?;
        let endpoints = Endpoints::new(
            take(&mut ebpf, "ENDPOINTS")?,
            take(&mut ebpf, "UNIX_NAMES")?,
            take(&mut ebpf, "WATCHED")?,
            take(&mut ebpf, "UNREADABLE")?,
        );
        let syscalls = Syscalls::new(&ebpf).map_err(|error| LoadError::Other(Box::new(error)))?;
        Ok(Self {
            endpoints,
            syscalls,
            programs: Programs::new(
                ebpf,
                multi,
                config.has_cookie == 1,
                compat::return_probes_unsafe(version),
            ),
            drain: Drain::new(ring),
            verdicts: Verdicts::new(decisions),
            counters: Counters::new(counters),
        })
    }
}

fn running(options: &KernelOptions) -> Result<compat::Version, LoadError> {
    let version = compat::running()
        .ok_or_else(|| LoadError::Unsupported("its version is unreadable".into()))?;
    Ok(options.no_newer_than.map_or(version, |limit| version.min(limit)))
}

fn config(options: &KernelOptions) -> Result<(KernelConfig, SocketOffsets), LoadError> {
    let version = running(options)?;
    if let Some(feature) = compat::FEATURES.iter().find(|f| f.required && version < f.since) {
        let since = feature.since;
        return Err(LoadError::Unsupported(format!(
            "{} came with {}.{}, this is {}.{}",
            feature.name, since.0, since.1, version.0, version.1
        )));
    }
    let bytes = std::fs::read(Path::new(VMLINUX)).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => LoadError::Permission { what: "read the kernel's BTF" },
        _ => {
            LoadError::Unsupported(format!("no BTF at {VMLINUX} (CONFIG_DEBUG_INFO_BTF): {error}"))
        }
    })?;
    let offsets =
        btf::offsets(&bytes).map_err(|error| LoadError::Unsupported(error.to_string()))?;
    if offsets.task_start_boottime == Offsets::ABSENT
        || offsets.task_group_leader == Offsets::ABSENT
    {
        return Err(LoadError::Unsupported("its BTF has no task_struct.start_boottime".into()));
    }
    let socket_offsets =
        btf::socket_offsets(&bytes).map_err(|error| LoadError::Unsupported(error.to_string()))?;
    let config = KernelConfig {
        offsets,
        wakeup_bytes: options.wakeup_bytes,
        own_tgid: std::process::id(),
        has_loop: u32::from(compat::has(version, compat::BPF_LOOP)),
        has_cookie: u32::from(compat::has(version, compat::COOKIE)),
        reserved: 0,
    };
    Ok((config, socket_offsets))
}

fn load_programs(ebpf: &mut Ebpf, uprobes: bool, has_loop: bool) -> Result<(), LoadError> {
    for (name, program) in ebpf.programs_mut() {
        let loaded = match program {
            aya::programs::Program::UProbe(program) if uprobes => UProbe::load(program),
            aya::programs::Program::TracePoint(program) => TracePoint::load(program),
            aya::programs::Program::RawTracePoint(program) => RawTracePoint::load(program),
            _ => Ok(()),
        };
        match loaded {
            // Without `bpf_loop` they are unrolled, beyond what the verifier follows: plain HTTP is
            // then not seen, which `Syscalls` says; everything else is.
            Err(error) if name.starts_with("plain_") && !has_loop => {
                tracing::debug!(program = name, %error, "not loaded");
            }
            other => other.map_err(LoadError::from_program)?,
        }
    }
    Ok(())
}

fn take<T: TryFrom<aya::maps::Map, Error = aya::maps::MapError>>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<T, LoadError> {
    let map = ebpf
        .take_map(name)
        .ok_or_else(|| LoadError::Unsupported(format!("the object has no map {name}")))?;
    T::try_from(map).map_err(|error| LoadError::Other(Box::new(error)))
}
