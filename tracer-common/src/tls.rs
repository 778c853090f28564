//! Records and map values of TLS plaintext capture.

use crate::{event::EventHeader, limits, no_padding, pod};

/// Names one TLS connection of one process while it lives. Key of the kernel's flow map. 24 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// The library's connection object (`SSL *`, goroutine's `*tls.Conn`, ...).
    pub handle: u64,
    /// Start of the process, see [`EventHeader::start_ns`].
    pub start_ns: u64,
    pub tgid: u32,
    /// Calling shape family, [`library`], so that two libraries' pointers never collide.
    pub library: u32,
}
no_padding!(FlowKey, 24);
pod!(FlowKey);

/// Which library a flow belongs to, `tls.library` in events.
pub mod library {
    pub const OPENSSL: u32 = 1;
    pub const BORINGSSL: u32 = 2;
    pub const GNUTLS: u32 = 3;
    pub const NSS: u32 = 4;
    pub const GO: u32 = 5;
    pub const RUSTLS: u32 = 6;
    pub const PLAIN: u32 = 7;
    /// TLS as it is on the wire: [`crate::socket::class::OPAQUE`].
    pub const OPAQUE: u32 = 8;
}

/// What a probe point tells its program: which library it is in, and a parameter of its shape's own.
pub mod cookie {
    pub const fn pack(library: u32, parameter: u32) -> u64 {
        library as u64 | (parameter as u64) << 32
    }

    /// One of [`super::library`]; points without a cookie (old kernels) are OpenSSL's.
    pub const fn library(cookie: u64) -> u32 {
        match cookie as u32 {
            0 => super::library::OPENSSL,
            library => library,
        }
    }

    pub const fn parameter(cookie: u64) -> u32 {
        (cookie >> 32) as u32
    }
}

/// What user space (or the kernel, by server name) decided about a flow.
pub mod verdict {
    /// Nobody has decided: at most [`crate::limits::UNDECIDED_BYTES`] per direction go up.
    pub const UNDECIDED: u32 = 0;
    pub const CAPTURE: u32 = 1;
    /// Counted, never copied.
    pub const IGNORE: u32 = 2;
}

/// Direction of plaintext as the traced process sees it.
pub mod direction {
    /// Written by the process.
    pub const OUTBOUND: u8 = 0;
    /// Read by the process.
    pub const INBOUND: u8 = 1;
}

/// Value of the kernel's flow map. 56 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowState {
    /// Boot time of the flow's first byte: tells apart two connections that reuse one pointer.
    pub opened_ns: u64,
    /// Bytes the process wrote and read so far, captured or not. Indexed by [`direction`].
    pub bytes: [u64; 2],
    /// Bytes of them that were sent up while undecided.
    pub sent_undecided: [u64; 2],
    /// One of [`verdict`].
    pub verdict: u32,
    /// 1 when its beginning was seen (server name or handshake): offsets count from the first byte.
    pub from_start: u32,
    /// Hash of the server name ([`crate::sni::hash`]), 0 when none was seen.
    pub sni_hash: u64,
}
no_padding!(FlowState, 56);
pod!(FlowState);

/// User space's answer about one flow. Its own map, so that the answer never overwrites the byte
/// counts that the programs keep. 16 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Which flow at that address is meant.
    pub opened_ns: u64,
    /// One of [`verdict`].
    pub verdict: u32,
    pub reserved: u32,
}
no_padding!(Decision, 16);
pod!(Decision);

/// A flow's first data is about to follow. Sent once per flow that is not ignored.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FlowOpenRecord {
    pub header: EventHeader,
    pub key: FlowKey,
    pub opened_ns: u64,
    pub verdict: u32,
    /// Valid bytes in `server_name`.
    pub server_name_len: u32,
    /// 1 when the handshake was seen: bytes start at the connection's beginning.
    pub from_start: u32,
    /// File descriptor where the library knows one, else -1.
    pub fd: i32,
    pub server_name: [u8; limits::SNI_BYTES],
}
no_padding!(FlowOpenRecord, 64 + 24 + 24 + limits::SNI_BYTES);

/// One piece of plaintext. `data` follows the struct, in a bucket of [`limits::BUCKETS`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DataRecord {
    pub header: EventHeader,
    pub key: FlowKey,
    pub opened_ns: u64,
    /// Position of the first byte of `data` in its direction since `opened_ns`: a hole is visible.
    pub offset: u64,
    /// Valid bytes behind this struct.
    pub data_len: u32,
    /// Bytes the library call moved in all; more than `data_len` when cut or continued.
    pub call_len: u32,
    pub direction: u8,
    pub verdict: u8,
    pub reserved: [u8; 6],
}
no_padding!(DataRecord, 64 + 24 + 16 + 8 + 8);

/// Why a flow ended.
pub mod end {
    /// `SSL_free` and its kin.
    pub const FREED: u32 = 1;
    /// The peer said it is done (close_notify; `SSL_get_error`: `ZERO_RETURN`).
    pub const EOF: u32 = 2;
    /// The library said that a read or write failed for good (`SSL_get_error`: `SYSCALL` or `SSL`):
    /// reset, or the end came without close_notify.
    pub const FAILED: u32 = 3;
}

/// A flow (or, for `EOF`, its inbound direction) ended.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FlowEndRecord {
    pub header: EventHeader,
    pub key: FlowKey,
    pub opened_ns: u64,
    /// Bytes moved, indexed by [`direction`]: what was captured must add up to it.
    pub bytes: [u64; 2],
    /// One of [`end`].
    pub reason: u32,
    pub verdict: u32,
}
no_padding!(FlowEndRecord, 64 + 24 + 8 + 16 + 8);

/// A handshake function returned.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HandshakeRecord {
    pub header: EventHeader,
    pub key: FlowKey,
    /// The function's return value: 1 is success for OpenSSL's shapes.
    pub result: i64,
    pub server_name_len: u32,
    pub reserved: u32,
    pub server_name: [u8; limits::SNI_BYTES],
}
no_padding!(HandshakeRecord, 64 + 24 + 8 + 8 + limits::SNI_BYTES);
