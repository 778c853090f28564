//! Many probe points behind one link: `uprobe_multi` (Linux 6.6, kernel/trace/bpf_trace.c), which aya
//! 0.14 cannot load or attach. Own system calls, with aya-obj's reading of the object and its types.
//!
//! In: the object, and the maps that aya made of it. Out: loaded programs, and links as descriptors:
//! closing one detaches all its points after one grace period, not one for each.

use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use aya::Ebpf;
use aya::maps::{Map, MapData, MapError};
use aya_obj::btf::{BtfError, BtfFeatures};
use aya_obj::generated::{
    BPF_F_SLEEPABLE, BPF_F_UPROBE_MULTI_RETURN, bpf_attach_type, bpf_attr, bpf_cmd, bpf_prog_type,
};
use aya_obj::relocation::EbpfRelocationError;
use aya_obj::{Function, Object, ParseError, ProgramSection};
use thiserror::Error;

/// What the verifier says, when it refuses: the end of it.
const LOG_BYTES: usize = 1 << 20;
const LOG_SHOWN: usize = 4096;

#[derive(Debug, Error)]
pub(super) enum MultiError {
    #[error("reading the object: {0}")]
    Object(#[from] ParseError),
    #[error("type information: {0}")]
    Btf(#[from] BtfError),
    #[error("linking the programs: {0}")]
    Relocation(#[from] EbpfRelocationError),
    #[error("type information of {what}: {error}")]
    Kernel { what: String, error: io::Error },
    #[error("the kernel refuses program {name}: {error}\n{log}")]
    Program { name: String, error: io::Error, log: String },
}

impl MultiError {
    /// Not allowed, as opposed to not possible.
    pub(super) fn is_permission(&self) -> bool {
        match self {
            Self::Kernel { error, .. } => error.kind() == io::ErrorKind::PermissionDenied,
            Self::Program { error, log, .. } => {
                error.kind() == io::ErrorKind::PermissionDenied && log.is_empty()
            }
            _ => false,
        }
    }
}

/// A uprobe program loaded for multi links.
#[derive(Debug)]
pub(super) struct MultiProgram {
    fd: OwnedFd,
    returns: bool,
}

/// Loads every uprobe and uretprobe program of `object` on the maps of `ebpf`.
pub(super) fn load(
    object: &[u8],
    ebpf: &Ebpf,
) -> Result<HashMap<String, MultiProgram>, MultiError> {
    let mut object = Object::parse(object)?;
    // All of them are older than the links.
    let all = BtfFeatures::new(true, true, true, true, true, true, true, true);
    let btf = object.fixup_and_sanitize_btf(&all)?.map(aya_obj::btf::Btf::to_bytes);
    let btf = btf.map(|bytes| load_btf(&bytes)).transpose()?;

    let descriptors: HashMap<&str, RawFd> = ebpf
        .maps()
        .filter_map(|(name, map)| Some((name, data(map).ok()?.fd().as_fd().as_raw_fd())))
        .collect();
    let texts = object.functions.keys().map(|(section, _)| *section).collect();
    let maps: Vec<(String, aya_obj::Map)> = object.maps.drain().collect();
    let known = maps
        .iter()
        .filter_map(|(name, map)| Some((name.as_str(), *descriptors.get(name.as_str())?, map)));
    object.relocate_maps(known, &texts)?;
    object.relocate_calls(&texts)?;

    let mut programs = HashMap::new();
    for (name, program) in &object.programs {
        let (returns, sleepable) = match program.section {
            ProgramSection::UProbe { sleepable } => (false, sleepable),
            ProgramSection::URetProbe { sleepable } => (true, sleepable),
            _ => continue,
        };
        let Some(function) = object.functions.get(&program.function_key()) else { continue };
        let flags = if sleepable { BPF_F_SLEEPABLE } else { 0 };
        let fd = load_program(name, function, &program.license, btf.as_ref(), flags)?;
        programs.insert(name.clone(), MultiProgram { fd, returns });
    }
    Ok(programs)
}

/// The descriptor behind a map of any kind we use.
fn data(map: &Map) -> Result<&MapData, MapError> {
    Ok(match map {
        Map::Array(data)
        | Map::HashMap(data)
        | Map::LruHashMap(data)
        | Map::PerCpuArray(data)
        | Map::PerCpuHashMap(data)
        | Map::PerCpuLruHashMap(data)
        | Map::LpmTrie(data)
        | Map::RingBuf(data)
        | Map::SkStorage(data)
        | Map::ProgramArray(data) => data,
        _ => return Err(MapError::InvalidMapType { map_type: 0 }),
    })
}

impl MultiProgram {
    /// One link to all of `points`, each an offset in the file at `path` and a cookie.
    pub(super) fn attach(&self, path: &Path, points: &[(u64, u64)]) -> io::Result<OwnedFd> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        let (offsets, cookies): (Vec<u64>, Vec<u64>) = points.iter().copied().unzip();
        // SAFETY: all zeros is a valid `bpf_attr`.
        let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
        // SAFETY: writes to fields of a union of plain integers.
        let link = unsafe { &mut attr.link_create };
        link.__bindgen_anon_1.prog_fd = self.fd.as_raw_fd() as u32;
        link.attach_type = bpf_attach_type::BPF_TRACE_UPROBE_MULTI as u32;
        // SAFETY: as above.
        let multi = unsafe { &mut link.__bindgen_anon_3.uprobe_multi };
        multi.path = path.as_ptr() as u64;
        multi.offsets = offsets.as_ptr() as u64;
        multi.cookies = cookies.as_ptr() as u64;
        multi.cnt = points.len() as u32;
        multi.flags = if self.returns { BPF_F_UPROBE_MULTI_RETURN } else { 0 };
        // SAFETY: the pointers lead to memory that outlives the call, as long as `cnt` says.
        unsafe { bpf(bpf_cmd::BPF_LINK_CREATE, &mut attr) }
    }
}

fn load_btf(bytes: &[u8]) -> Result<OwnedFd, MultiError> {
    // SAFETY: all zeros is a valid `bpf_attr`.
    let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
    // SAFETY: writes to fields of a union of plain integers.
    let load = unsafe { &mut attr.__bindgen_anon_7 };
    load.btf = bytes.as_ptr() as u64;
    load.btf_size = bytes.len() as u32;
    // SAFETY: the pointer leads to `bytes`, which outlives the call.
    unsafe { bpf(bpf_cmd::BPF_BTF_LOAD, &mut attr) }
        .map_err(|error| MultiError::Kernel { what: "the object".to_owned(), error })
}

fn load_program(
    name: &str,
    function: &Function,
    license: &CString,
    btf: Option<&OwnedFd>,
    flags: u32,
) -> Result<OwnedFd, MultiError> {
    let (functions, lines) =
        (function.func_info.func_info_bytes(), function.line_info.line_info_bytes());
    // SAFETY: all zeros is a valid `bpf_attr`.
    let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
    // SAFETY: writes to fields of a union of plain integers.
    let load = unsafe { &mut attr.__bindgen_anon_3 };
    // The kernel wants a NUL within the 16 bytes.
    for (to, from) in load.prog_name.iter_mut().zip(name.bytes().take(15)) {
        *to = from as std::ffi::c_char;
    }
    load.prog_type = bpf_prog_type::BPF_PROG_TYPE_KPROBE as u32;
    load.expected_attach_type = bpf_attach_type::BPF_TRACE_UPROBE_MULTI as u32;
    load.prog_flags = flags;
    load.insns = function.instructions.as_ptr() as u64;
    load.insn_cnt = function.instructions.len() as u32;
    load.license = license.as_ptr() as u64;
    if let Some(btf) = btf {
        load.prog_btf_fd = btf.as_fd().as_raw_fd() as u32;
        load.func_info = functions.as_ptr() as u64;
        load.func_info_cnt = function.func_info.len() as u32;
        load.func_info_rec_size = function.func_info_rec_size as u32;
        load.line_info = lines.as_ptr() as u64;
        load.line_info_cnt = function.line_info.len() as u32;
        load.line_info_rec_size = function.line_info_rec_size as u32;
    }
    // SAFETY: each pointer leads to memory that outlives the call, as long as its count says.
    let refused = match unsafe { bpf(bpf_cmd::BPF_PROG_LOAD, &mut attr) } {
        Ok(fd) => return Ok(fd),
        Err(error) => error,
    };
    // Again, with the verifier's reasons.
    let mut log = vec![0_u8; LOG_BYTES];
    // SAFETY: as above.
    let load = unsafe { &mut attr.__bindgen_anon_3 };
    load.log_level = 1;
    load.log_buf = log.as_mut_ptr() as u64;
    load.log_size = log.len() as u32;
    // SAFETY: as above; `log` is written at most to its size.
    match unsafe { bpf(bpf_cmd::BPF_PROG_LOAD, &mut attr) } {
        Ok(fd) => Ok(fd),
        Err(_) => {
            let text = String::from_utf8_lossy(&log);
            let text = text.trim_end_matches('\0');
            let from = text.len().saturating_sub(LOG_SHOWN);
            let log = text.chars().skip(from).collect();
            Err(MultiError::Program { name: name.to_owned(), error: refused, log })
        }
    }
}

/// bpf(2) for a command that returns a descriptor.
///
/// # Safety
/// What `attr` points to must be valid for the command.
unsafe fn bpf(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<OwnedFd> {
    // SAFETY: `attr` is a whole `bpf_attr`; the caller vouches for its pointers.
    let fd = unsafe {
        libc::syscall(libc::SYS_bpf, command as libc::c_long, &raw mut *attr, size_of::<bpf_attr>())
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a fresh descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}
