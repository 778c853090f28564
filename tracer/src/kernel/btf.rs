//! Offsets of kernel struct fields from BTF (Documentation/bpf/btf.rst): aya's Rust programs carry
//! no CO-RE relocations.
//!
//! In: the bytes of /sys/kernel/btf/vmlinux. Out: byte offsets. Own reader: aya's does not give members.

use std::collections::HashMap;

use thiserror::Error;
use tracer_common::config::Offsets;
use tracer_common::socket::SocketOffsets;

#[derive(Debug, Error, PartialEq, Eq)]
pub enum BtfError {
    #[error("not BTF: bad magic or header")]
    Header,
    #[error("BTF ends in the middle of a type")]
    Cut,
    #[error("BTF has a type of unknown kind {0}")]
    Kind(u32),
}

const MAGIC: u16 = 0xeb9f;
const STRUCT: u32 = 4;
const UNION: u32 = 5;

/// Resolved members of the structs somebody asked for.
#[derive(Debug, Default)]
pub struct Members {
    /// (struct, member) → byte offset; members of anonymous inner structs included.
    offsets: HashMap<(String, String), u32>,
}

impl Members {
    pub fn offset(&self, of: &str, member: &str) -> Option<u32> {
        self.offsets.get(&(of.to_owned(), member.to_owned())).copied()
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn u32(&mut self) -> Result<u32, BtfError> {
        let word = self.bytes.get(self.at..self.at + 4).ok_or(BtfError::Cut)?;
        self.at += 4;
        Ok(u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
    }
}

struct Composite {
    name: u32,
    /// name, type, bit offset
    members: Vec<(u32, u32, u32)>,
}

/// Reads the members of the named structs.
///
/// # Errors
/// [`BtfError`] when the bytes are not BTF; a struct that is not there is simply absent.
pub fn members(bytes: &[u8], wanted: &[&str]) -> Result<Members, BtfError> {
    let mut header = Reader { bytes, at: 0 };
    let magic = header.u32()?;
    if magic as u16 != MAGIC {
        return Err(BtfError::Header);
    }
    let header_len = header.u32()? as usize;
    let (type_off, type_len) = (header.u32()? as usize, header.u32()? as usize);
    let (str_off, str_len) = (header.u32()? as usize, header.u32()? as usize);
    let slice = |off: usize, len: usize| {
        let start = header_len.checked_add(off)?;
        bytes.get(start..start.checked_add(len)?)
    };
    let types = slice(type_off, type_len).ok_or(BtfError::Header)?;
    let strings = slice(str_off, str_len).ok_or(BtfError::Header)?;
    let composites = composites(types)?;

    let mut found = Members::default();
    for composite in composites.values() {
        let name = text(strings, composite.name);
        if wanted.contains(&name) {
            collect(&composites, strings, composite, name, 0, 0, &mut found);
        }
    }
    Ok(found)
}

/// All structs and unions by type id.
fn composites(types: &[u8]) -> Result<HashMap<u32, Composite>, BtfError> {
    let mut reader = Reader { bytes: types, at: 0 };
    let mut all = HashMap::new();
    let mut id = 0;
    while reader.at < types.len() {
        id += 1;
        let name = reader.u32()?;
        let info = reader.u32()?;
        let _size_or_type = reader.u32()?;
        let (vlen, kind, flag) = (info & 0xffff, (info >> 24) & 0x1f, info >> 31 == 1);
        // Words behind the common three, by kind: include/uapi/linux/btf.h.
        let words = match kind {
            1 | 14 | 17 => 1,
            3 => 3,
            STRUCT | UNION => {
                let mut members = Vec::with_capacity(vlen as usize);
                for _ in 0..vlen {
                    let (name, of, offset) = (reader.u32()?, reader.u32()?, reader.u32()?);
                    // With the flag, the upper byte is a bit field's width.
                    members.push((name, of, if flag { offset & 0x00ff_ffff } else { offset }));
                }
                all.insert(id, Composite { name, members });
                0
            }
            6 | 13 => 2 * vlen as usize,
            15 | 19 => 3 * vlen as usize,
            2 | 7..=12 | 16 | 18 => 0,
            other => return Err(BtfError::Kind(other)),
        };
        reader.at += 4 * words;
    }
    Ok(all)
}

fn collect(
    all: &HashMap<u32, Composite>,
    strings: &[u8],
    composite: &Composite,
    of: &str,
    base: u32,
    depth: u32,
    found: &mut Members,
) {
    for (name, member_type, bits) in &composite.members {
        let offset = base + bits / 8;
        match text(strings, *name) {
            // An anonymous struct or union: its members are ours. Nesting in the kernel is shallow.
            "" if depth < 8 => {
                if let Some(inner) = all.get(member_type) {
                    collect(all, strings, inner, of, offset, depth + 1, found);
                }
            }
            member => {
                found.offsets.insert((of.to_owned(), member.to_owned()), offset);
            }
        }
    }
}

fn text(strings: &[u8], offset: u32) -> &str {
    let bytes = strings.get(offset as usize..).unwrap_or_default();
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..end]).unwrap_or_default()
}

/// The offsets the programs need.
///
/// # Errors
/// As [`members`].
pub fn offsets(vmlinux: &[u8]) -> Result<Offsets, BtfError> {
    let members =
        members(vmlinux, &["task_struct", "signal_struct", "mm_struct", "thread_struct"])?;
    let of = |name: &str, member: &str| members.offset(name, member).unwrap_or(Offsets::ABSENT);
    Ok(Offsets {
        task_group_leader: of("task_struct", "group_leader"),
        task_start_boottime: of("task_struct", "start_boottime"),
        task_real_parent: of("task_struct", "real_parent"),
        task_pid: of("task_struct", "pid"),
        task_tgid: of("task_struct", "tgid"),
        task_mm: of("task_struct", "mm"),
        task_exit_code: of("task_struct", "exit_code"),
        task_signal: of("task_struct", "signal"),
        signal_live: of("signal_struct", "live"),
        mm_arg_start: of("mm_struct", "arg_start"),
        mm_arg_end: of("mm_struct", "arg_end"),
        mm_env_start: of("mm_struct", "env_start"),
        mm_env_end: of("mm_struct", "env_end"),
        task_fsbase: members
            .offset("task_struct", "thread")
            .zip(members.offset("thread_struct", "fsbase"))
            .map_or(Offsets::ABSENT, |(thread, base)| thread + base),
    })
}

/// The offsets on the way from a descriptor to a connection.
///
/// # Errors
/// As [`members`].
pub fn socket_offsets(vmlinux: &[u8]) -> Result<SocketOffsets, BtfError> {
    let wanted = [
        "task_struct",
        "files_struct",
        "fdtable",
        "file",
        "socket",
        "sock_common",
        "sock",
        "tcp_sock",
    ];
    let members = members(vmlinux, &wanted)?;
    let of = |name: &str, member: &str| members.offset(name, member).unwrap_or(Offsets::ABSENT);
    Ok(SocketOffsets {
        task_files: of("task_struct", "files"),
        files_fdt: of("files_struct", "fdt"),
        fdt_max: of("fdtable", "max_fds"),
        fdt_fd: of("fdtable", "fd"),
        file_private: of("file", "private_data"),
        socket_sk: of("socket", "sk"),
        skc_family: of("sock_common", "skc_family"),
        skc_state: of("sock_common", "skc_state"),
        skc_dport: of("sock_common", "skc_dport"),
        skc_num: of("sock_common", "skc_num"),
        skc_daddr: of("sock_common", "skc_daddr"),
        skc_rcv_saddr: of("sock_common", "skc_rcv_saddr"),
        skc_v6_daddr: of("sock_common", "skc_v6_daddr"),
        skc_v6_rcv_saddr: of("sock_common", "skc_v6_rcv_saddr"),
        sk_err: of("sock", "sk_err"),
        sk_shutdown: of("sock", "sk_shutdown"),
        tcp_bytes_sent: of("tcp_sock", "bytes_sent"),
        tcp_bytes_acked: of("tcp_sock", "bytes_acked"),
        tcp_bytes_received: of("tcp_sock", "bytes_received"),
        reserved: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_field_in_the_running_kernel() {
        let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else {
            println!("SKIPPED: this kernel has no BTF");
            return;
        };
        let offsets = offsets(&bytes).unwrap();
        let fields = format!("{offsets:?}");
        assert!(!fields.contains(&Offsets::ABSENT.to_string()), "{fields}");
        assert!(offsets.task_tgid == offsets.task_pid + 4);
        let offsets = socket_offsets(&bytes).unwrap();
        let fields = format!("{offsets:?}");
        assert!(!fields.contains(&Offsets::ABSENT.to_string()), "{fields}");
    }

    #[test]
    fn cut_or_foreign_bytes_are_errors() {
        assert_eq!(members(b"\x7fELF____", &[]).unwrap_err(), BtfError::Header);
        assert_eq!(members(&[0x9f], &[]).unwrap_err(), BtfError::Cut);
        let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else { return };
        for len in [8, 24, 1000, 65_537] {
            assert!(members(&bytes[..len.min(bytes.len())], &["task_struct"]).is_err());
        }
    }
}
