//! Connections: from a descriptor to its `struct sock`, and which of them are of interest.

use aya_ebpf::helpers::generated::{bpf_get_current_cgroup_id, bpf_ktime_get_boot_ns};
use tracer_common::event::EventKind;
use tracer_common::loss::Counter;
use tracer_common::socket::{Endpoint, FlowSocketRecord, Pair, Socket, class, family};
use tracer_common::tls::{FlowKey, library, verdict};

use crate::emit::{self, Wake};
use crate::identity::{Identity, current_task, field};
use crate::maps::{ENDPOINTS, FLOWS, SOCKETS, WATCHED};
use crate::{config, flow};

/// `::ffff:0:0/96`: IPv4 in IPv6.
#[inline(always)]
fn mapped(v4: [u8; 4]) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, v4[0], v4[1], v4[2], v4[3]]
}

#[inline(always)]
pub(crate) fn family_of(sock: u64) -> u16 {
    field(sock, config::socket_offsets().skc_family).unwrap_or(0)
}

#[inline(always)]
pub(crate) fn remote_port(sock: u64) -> u16 {
    u16::from_be(field(sock, config::socket_offsets().skc_dport).unwrap_or(0))
}

/// Both ends, as far as they are known yet.
#[inline(always)]
pub(crate) fn pair(sock: u64) -> Pair {
    let offsets = config::socket_offsets();
    let family = family_of(sock);
    let (remote, local) = match family {
        family::INET => (
            mapped(field(sock, offsets.skc_daddr).unwrap_or([0; 4])),
            mapped(field(sock, offsets.skc_rcv_saddr).unwrap_or([0; 4])),
        ),
        family::INET6 => (
            field(sock, offsets.skc_v6_daddr).unwrap_or([0; 16]),
            field(sock, offsets.skc_v6_rcv_saddr).unwrap_or([0; 16]),
        ),
        _ => ([0; 16], [0; 16]),
    };
    Pair {
        remote,
        local,
        remote_port: remote_port(sock),
        local_port: field(sock, offsets.skc_num).unwrap_or(0),
        family,
        reserved: 0,
    }
}

/// What the endpoint map says of where a connection goes: the very address, else the port.
#[inline(always)]
pub(crate) fn class_of(pair: &Pair) -> u32 {
    let mut endpoint = Endpoint { address: pair.remote, port: pair.remote_port, reserved: [0; 3] };
    // SAFETY: plain integers that user space replaces whole.
    unsafe {
        if let Some(class) = ENDPOINTS.get(endpoint) {
            return *class;
        }
        endpoint.address = [0; 16];
        ENDPOINTS.get(endpoint).copied().unwrap_or(class::NONE)
    }
}

/// Enters a connection into the map. Its bytes are looked at from now on if its class says so.
#[inline(always)]
pub(crate) fn admit(sock: u64, pair: &Pair, class: u32, name: u64) -> Option<Socket> {
    let who = Identity::current()?;
    let library = if class == class::OPAQUE { library::OPAQUE } else { library::PLAIN };
    let key = FlowKey { handle: sock, start_ns: who.start_ns, tgid: who.tgid, library };
    // SAFETY: helpers without arguments.
    let (opened_ns, cgroup_id) = unsafe { (bpf_ktime_get_boot_ns(), bpf_get_current_cgroup_id()) };
    let socket = Socket {
        key,
        opened_ns,
        established_ns: 0,
        cgroup_id,
        class,
        remote_port: pair.remote_port,
        family: pair.family,
        name,
        tid: who.tid,
        reserved: 0,
    };
    if SOCKETS.insert(sock, socket, 0).is_err() {
        emit::count(Counter::SocketMapFull, 1);
        return None;
    }
    if class != class::TLS {
        // What was known of the address is another connection's.
        let _absent = FLOWS.remove(key);
        let _full = WATCHED.insert(who.tgid, 1, 0);
    }
    Some(socket)
}

/// A child has its parent's connections.
#[inline(always)]
pub(crate) fn inherit(parent: u32, child: u32) {
    // SAFETY: existence only.
    if unsafe { WATCHED.get(parent) }.is_some() {
        let _full = WATCHED.insert(child, 1, 0);
    }
}

/// The `struct sock` behind a descriptor of this process; of something that is no socket, a number
/// that is no socket's address.
#[inline(always)]
pub(crate) fn behind(fd: u64) -> Option<u64> {
    let offsets = config::socket_offsets();
    let files: u64 = field(current_task(), offsets.task_files)?;
    let table: u64 = field(files, offsets.files_fdt)?;
    let most: u32 = field(table, offsets.fdt_max)?;
    if fd >= u64::from(most) {
        return None;
    }
    let array: u64 = field(table, offsets.fdt_fd)?;
    let file: u64 = field(array + 8 * fd, 0)?;
    let socket: u64 = field(file, offsets.file_private)?;
    field(socket, offsets.socket_sk)
}

/// The connection behind a `struct sock`, if its bytes are looked at. One that was there before us
/// is entered now.
#[inline(always)]
pub(crate) fn followed(sock: u64) -> Option<Socket> {
    // SAFETY: copied out; replaced whole.
    if let Some(known) = unsafe { SOCKETS.get(sock) }.copied()
        // The address may be another connection's by now.
        && known.family == family_of(sock)
        && (known.class == class::UNIX || known.remote_port == remote_port(sock))
    {
        return (known.class != class::TLS).then_some(known);
    }
    if !matches!(family_of(sock), family::INET | family::INET6) {
        return None;
    }
    let pair = pair(sock);
    if class_of(&pair) == class::PLAIN {
        return admit(sock, &pair, class::PLAIN, 0);
    }
    None
}

/// Makes the flow of a connection's first bytes, and says over which connection it runs. 1: done. A
/// function of its own: both records' making would not fit into one stack frame.
#[inline(never)]
pub(crate) extern "C" fn begin(sock: u64, tid: u32, fresh: u32) -> u64 {
    // SAFETY: a live map value that is replaced whole.
    let Some(entry) = (unsafe { SOCKETS.get(sock) }) else { return 0 };
    let key = entry.key;
    let who = Identity { tgid: key.tgid, tid, start_ns: key.start_ns };
    if flow::open(&key, who, entry.opened_ns, verdict::UNDECIDED, fresh == 1).is_none() {
        return 0;
    }
    bind(&key, entry, who);
    1
}

#[inline(always)]
fn bind(key: &FlowKey, entry: &Socket, who: Identity) {
    let (seq, slot) = emit::reserve::<FlowSocketRecord>();
    let Some(mut slot) = slot else { return };
    let record = slot.as_mut_ptr();
    // SAFETY: reserved memory of this type; each field is written.
    unsafe {
        (*record).header =
            emit::header(EventKind::FlowSocket, who, seq, size_of::<FlowSocketRecord>());
        (*record).key = *key;
        (*record).opened_ns = entry.opened_ns;
        (*record).sock = key.handle;
        if entry.class == class::UNIX {
            (*record).pair = Pair::default();
            (*record).pair.family = family::UNIX;
            (&raw mut (*record).pair.remote).cast::<u64>().write_unaligned(entry.name);
        } else {
            (*record).pair = pair(key.handle);
        }
    }
    slot.submit(Wake::Batched);
}
