//! Which files to probe, and where in them.
//!
//! In: processes, exec and mmap events, `ld.so.cache`. Out: [`Target`]s, each file once.

pub mod elf;
pub mod ldcache;
pub mod libraries;
pub mod maps;
pub mod probe_point;
pub mod scan;

use std::path::PathBuf;

/// How a probed function passes its data; the kernel side has one program pair per shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// `int f(conn, buf, len)`, returns bytes written: `SSL_write`.
    Write,
    /// `int f(conn, buf, len, size_t *written)`, returns 1: `SSL_write_ex`, `ssl_write_internal`.
    WriteEx,
    /// `int f(conn, buf, len, flags, size_t *written)`, returns 1: `SSL_write_ex2`.
    WriteEx2,
    /// `int f(conn, buf, len)`, returns bytes read: `SSL_read`.
    Read,
    /// `int f(conn, buf, len, size_t *read)`, returns 1: `SSL_read_ex`, `ssl_read_internal`.
    ReadEx,
    /// `f(conn)`: the connection object dies.
    Free,
    /// `SSL_ctrl(conn, cmd, larg, parg)`; command 55 sets the server name.
    Ctrl,
    /// `int f(conn)`: `SSL_do_handshake`, `SSL_connect`; returns 1 on success.
    Handshake,
    /// `int f(conn, ret)`: `SSL_get_error`, says whether a failure was the end.
    Error,
    /// Called by the dynamic linker when libraries have been mapped: `_dl_debug_state`.
    Mapped,
}

impl Shape {
    /// Whether the shape needs the function's return.
    pub const fn wants_return(self) -> bool {
        !matches!(self, Self::Free | Self::Ctrl | Self::Mapped)
    }
}

/// One place to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    pub shape: Shape,
    /// The symbols that lead here.
    pub symbols: Vec<String>,
    /// Offset in the file (not the virtual address) of the probed instruction. A return probe goes to
    /// the same offset: it is chosen so that the return address is still on top of the stack.
    pub offset: u64,
    /// The instruction there, disassembled.
    pub instruction: String,
    /// The kernel emulates it: cheap. Otherwise it is single-stepped.
    pub emulated: bool,
    /// Why this place, for `aitrace doctor --probes`.
    pub reason: String,
}

/// A file to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// A path that opens the very file: `/proc/PID/map_files/..`, `/proc/PID/root/..` or a plain path.
    pub path: PathBuf,
    /// What a person would call it: the path inside its mount namespace.
    pub shown: String,
    pub device: u64,
    pub inode: u64,
    /// [`tracer_common::tls::library`]
    pub library: u32,
    pub hooks: Vec<Hook>,
}
