//! The eBPF programs of aitrace, grouped by the calling shape of what they probe, not by library.
//!
//! ```text
//! probes/ → identity, filter → flow (verdict, offsets) → emit → ring
//! ```
#![no_std]
#![no_main]
#![allow(static_mut_refs, reason = "maps are statics; the kernel serialises access to them")]

mod config;
mod cookie;
mod emit;
mod environment;
mod flow;
mod hosts;
mod identity;
mod maps;
mod probes;
mod socket;

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
