//! Which files to probe, and where in them.
//!
//! In: processes, exec and mmap events, `ld.so.cache`. Out: [`Target`]s, each file once.

pub mod elf;
pub mod go;
pub mod image;
pub mod ldcache;
pub mod libraries;
pub mod maps;
pub mod probe_point;
pub mod scan;
pub mod signature;
pub mod sockets;

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
    /// `ssize_t f(conn, buf, len, ..)`, returns bytes written: `gnutls_record_send2`.
    Send,
    /// `ssize_t f(conn, buf, len, ..)`, returns bytes read: `gnutls_record_recv`.
    Receive,
    /// The same of functions that serve other descriptors too: only those with a name are TLS.
    SendNamed,
    ReceiveNamed,
    /// `f(conn, name)`: `SSL_SetURL` of NSS.
    Name,
    /// `f(conn, type, name, length)`: `gnutls_server_name_set`.
    NameWithLength,
    /// `int SSL_set_tlsext_host_name(conn, name)`.
    BoringName,
    /// `int SSL_do_handshake(conn)`: the connection is at its beginning.
    BoringHandshake,
    /// rustls: `write(connection, buf, len)`, results in two registers.
    RustlsWrite,
    RustlsWriteVectored,
    /// `send_appdata_encrypt(common, ..)`, inside a write.
    RustlsSend,
    /// `decrypt(result, self, message, seq)` of TLS 1.2 and of 1.3.
    RustlsDecrypt12,
    RustlsDecrypt13,
    /// `handle(result, self, context, message)` of an established connection.
    RustlsTraffic,
    /// The same on a server.
    RustlsServer,
    /// `drop(common)`
    RustlsDrop,
    /// Go's `(c *Conn) Write(b []byte) (int, error)`, arguments in registers (1.17 and later).
    GoWrite,
    /// `(c *Conn) Read(b []byte) (int, error)`.
    GoRead,
    /// `(c *Conn) Close() error`.
    GoClose,
    /// `(c *Conn) clientHandshake(ctx) error`: the configuration has the server's name.
    GoHandshake,
    /// The same before 1.21, when the configuration lay elsewhere.
    GoHandshakeBefore121,
    /// A `ret` of one of these. Go stacks move, so that a return probe would crash the program.
    GoReturn,
    /// The same functions of Go 1.16, which passes arguments on the stack.
    GoStackWrite,
    GoStackRead,
    GoStackClose,
    GoStackHandshake,
    GoStackReturn,
    /// Called by the dynamic linker when libraries have been mapped: `_dl_debug_state`.
    Mapped,
}

impl Shape {
    /// Whether the shape needs the function's return.
    pub const fn wants_return(self) -> bool {
        !matches!(
            self,
            Self::Free
                | Self::Ctrl
                | Self::Name
                | Self::NameWithLength
                | Self::BoringName
                | Self::BoringHandshake
                | Self::RustlsSend
                | Self::RustlsTraffic
                | Self::RustlsServer
                | Self::RustlsDrop
                | Self::Mapped
        ) && !self.is_go()
    }

    /// Whether the shape is one of Go's: never a return probe.
    pub const fn is_go(self) -> bool {
        self.go_returns()
            || matches!(
                self,
                Self::GoClose | Self::GoStackClose | Self::GoReturn | Self::GoStackReturn
            )
    }

    /// Whether each `ret` of the Go function is probed too.
    pub const fn go_returns(self) -> bool {
        matches!(
            self,
            Self::GoWrite
                | Self::GoRead
                | Self::GoHandshake
                | Self::GoHandshakeBefore121
                | Self::GoStackWrite
                | Self::GoStackRead
                | Self::GoStackHandshake
        )
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
    /// Offsets of every `ret` of the function, proven to be all its ends; empty: a return probe.
    pub returns: Vec<u64>,
    /// What the shape's program gets told beside the library ([`tracer_common::tls::cookie`]).
    pub parameter: u32,
    /// The instruction there, disassembled.
    pub instruction: String,
    /// The kernel emulates it: cheap. Otherwise it is single-stepped.
    pub emulated: bool,
    /// Why this place, for `aitrace doctor --probes`.
    pub reason: String,
}

/// A file, whatever it is called: what stat says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    pub device: u64,
    pub inode: u64,
}

impl Target {
    pub const fn file(&self) -> FileId {
        FileId { device: self.device, inode: self.inode }
    }
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
    /// A Go program: [`crate::kernel::attach`] refuses it any return probe.
    pub is_go: bool,
    pub hooks: Vec<Hook>,
}
