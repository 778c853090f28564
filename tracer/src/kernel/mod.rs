//! The edge to the kernel [edge]: programs and their maps, and the ring they speak through.
//!
//! In: nothing but the running kernel. Out: [`crate::event::KernelEvent`]s in ring order, counters;
//! back in go verdicts.

pub mod attach;
pub mod btf;
mod closing;
pub mod compat;
pub mod counters;
pub mod decode;
mod decode_socket;
pub mod drain;
pub mod endpoints;
pub mod load;
mod multi;
pub mod syscalls;
pub mod verdicts;

/// Read-only bytes of the eBPF object built with this binary.
pub static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tracer-ebpf"));
