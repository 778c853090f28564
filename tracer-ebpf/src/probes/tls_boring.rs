//! BoringSSL without symbols: a connection's name, and its handshake, by which its beginning is known
//! where its end cannot be probed.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::macros::uprobe;
use aya_ebpf::programs::ProbeContext;
use tracer_common::tls::{FlowKey, end};

use super::tls_life::name_flow;
use crate::identity::Identity;
use crate::maps::{FLOWS, NAMES, SCRATCH};
use crate::{config, cookie, flow};

/// `int SSL_set_tlsext_host_name(conn, name)`.
#[uprobe]
fn boring_name(ctx: ProbeContext) -> u32 {
    if let (Some(handle), Some(name)) = (ctx.arg::<u64>(0), ctx.arg::<u64>(1))
        && name != 0
    {
        name_flow(&ctx, handle, name);
    }
    0
}

/// `int SSL_do_handshake(conn)`: called until the handshake is done, and by the library itself only
/// before. Data that was seen at this address is another connection's.
#[uprobe]
fn boring_handshake(ctx: ProbeContext) -> u32 {
    let (Some(handle), Some(who)) = (ctx.arg::<u64>(0), Identity::current()) else { return 0 };
    if who.tgid == config::get().own_tgid {
        return 0;
    }
    let key =
        FlowKey { handle, start_ns: who.start_ns, tgid: who.tgid, library: cookie::library(&ctx) };
    // SAFETY: existence only.
    if unsafe { FLOWS.get(key) }.is_some() {
        flow::ended(&key, who, end::FREED);
        let _absent = FLOWS.remove(key);
    }
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return 0 };
    // SAFETY: this CPU's scratch; programs do not migrate.
    unsafe {
        (*scratch).bytes = [0; _];
        (*scratch).len = 0;
        (*scratch).padding = 0;
        // A name that was set stays.
        let _there = NAMES.insert(key, &*scratch, BPF_NOEXIST.into());
    }
    0
}
