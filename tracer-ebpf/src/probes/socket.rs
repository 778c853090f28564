//! The life of connections and listeners, from the kernel's own state changes: nothing here runs when
//! bytes move.

use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use tracer_common::event::EventKind;
use tracer_common::socket::{Socket, SocketRecord, class};
use tracer_common::tls::{FlowKey, end};

use crate::emit::{self, Wake};
use crate::identity::{Identity, field};
use crate::maps::{FLOWS, SOCKETS, UNREADABLE};
use crate::{config, flow, socket};

/// include/net/tcp_states.h
const ESTABLISHED: u32 = 1;
const SYN_SENT: u32 = 2;
const FIN_WAIT1: u32 = 4;
const CLOSE: u32 = 7;
const LAST_ACK: u32 = 9;
const LISTEN: u32 = 10;
/// `RCV_SHUTDOWN | SEND_SHUTDOWN`, include/net/sock.h: set by close(2).
const SHUTDOWN_MASK: u8 = 3;

/// `inet_sock_set_state(const struct sock *sk, int oldstate, int newstate)`, in the process for what
/// it does itself, in an interrupt for what the network does.
#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
fn socket_state(ctx: RawTracePointContext) -> i32 {
    let sock: u64 = ctx.arg(0);
    let (old, new) = (ctx.arg::<u64>(1) as u32, ctx.arg::<u64>(2) as u32);
    match new {
        SYN_SENT => connecting(sock),
        ESTABLISHED if old == SYN_SENT => established(sock),
        FIN_WAIT1 | LAST_ACK if given_up(sock) => left(sock),
        CLOSE => closed(sock),
        LISTEN => listening(sock),
        _ => {}
    }
    0
}

/// `tcp_destroy_sock(struct sock *sk)`: nobody can read from it any more. Attached with the system calls.
#[raw_tracepoint(tracepoint = "tcp_destroy_sock")]
fn socket_destroyed(ctx: RawTracePointContext) -> i32 {
    let sock: u64 = ctx.arg(0);
    left(sock);
    let _absent = SOCKETS.remove(sock);
    0
}

#[inline(always)]
fn given_up(sock: u64) -> bool {
    field::<u8>(sock, config::socket_offsets().sk_shutdown) == Some(SHUTDOWN_MASK)
}

#[inline(always)]
fn connecting(sock: u64) {
    let pair = socket::pair(sock);
    let class = socket::class_of(&pair);
    if class == class::NONE {
        // The address was another connection's.
        let _absent = SOCKETS.remove(sock);
        return;
    }
    let Some(who) = Identity::current() else { return };
    if who.tgid == config::get().own_tgid {
        return;
    }
    // SAFETY: a plain integer that user space replaces whole.
    let unreadable = unsafe { UNREADABLE.get(who.tgid) }.copied() == Some(who.start_ns as u32);
    let class = if class == class::TLS && unreadable { class::OPAQUE } else { class };
    let Some(entry) = socket::admit(sock, &pair, class, 0) else { return };
    // Now: user space may have to attach before the first byte.
    let wake = if class == class::TLS { Wake::Batched } else { Wake::Now };
    tell(EventKind::SocketConnect, sock, &entry, wake);
}

#[inline(always)]
fn established(sock: u64) {
    let Some(entry) = SOCKETS.get_ptr_mut(sock) else { return };
    // SAFETY: a live map value; only this connection's state changes write here.
    let entry = unsafe {
        (*entry).established_ns = bpf_ktime_get_boot_ns();
        *entry
    };
    tell(EventKind::SocketEstablished, sock, &entry, Wake::Batched);
}

#[inline(always)]
fn closed(sock: u64) {
    // SAFETY: copied out.
    let Some(entry) = (unsafe { SOCKETS.get(sock) }).copied() else { return };
    tell(EventKind::SocketClosed, sock, &entry, Wake::Batched);
    // Of the others the process may still read what has come.
    if entry.class == class::TLS || entry.established_ns == 0 {
        let _absent = SOCKETS.remove(sock);
    }
}

/// The process has closed it: nothing more of it will be read.
#[inline(always)]
fn left(sock: u64) {
    // SAFETY: copied out.
    let Some(entry) = (unsafe { SOCKETS.get(sock) }).copied() else { return };
    if entry.class == class::TLS {
        return;
    }
    flow::ended(&entry.key, owner(&entry), end::FREED);
    let _absent = FLOWS.remove(entry.key);
}

#[inline(always)]
fn listening(sock: u64) {
    let Some(who) = Identity::current() else { return };
    let key = FlowKey { handle: sock, start_ns: who.start_ns, tgid: who.tgid, library: 0 };
    tell(
        EventKind::SocketListen,
        sock,
        &Socket { key, tid: who.tid, ..Socket::default() },
        Wake::Now,
    );
}

#[inline(always)]
fn owner(entry: &Socket) -> Identity {
    Identity { tgid: entry.key.tgid, tid: entry.tid, start_ns: entry.key.start_ns }
}

#[inline(always)]
fn tell(kind: EventKind, sock: u64, entry: &Socket, wake: Wake) {
    let offsets = config::socket_offsets();
    let (seq, slot) = emit::reserve::<SocketRecord>();
    let Some(mut slot) = slot else { return };
    let record = slot.as_mut_ptr();
    // SAFETY: reserved memory of this type; each field is written.
    unsafe {
        let mut header = emit::header(kind, owner(entry), seq, size_of::<SocketRecord>());
        if entry.cgroup_id != 0 {
            header.cgroup_id = entry.cgroup_id;
        }
        (*record).header = header;
        (*record).sock = sock;
        (*record).opened_ns = entry.opened_ns;
        (*record).established_ns = entry.established_ns;
        (*record).bytes = [
            field(sock, offsets.tcp_bytes_acked).unwrap_or(0),
            field(sock, offsets.tcp_bytes_received).unwrap_or(0),
        ];
        (*record).pair = socket::pair(sock);
        (*record).class = entry.class;
        (*record).error = field(sock, offsets.sk_err).unwrap_or(0);
        (*record).by_process = u32::from(given_up(sock));
        (*record).reserved = 0;
    }
    slot.submit(wake);
}
