//! Entry points, grouped by calling shape.

mod process;
#[cfg(bpf_target_arch = "x86_64")]
mod tls_go;
mod tls_life;
mod tls_rw;
