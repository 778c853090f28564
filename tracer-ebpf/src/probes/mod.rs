//! Entry points, grouped by calling shape.

mod cgroup;
mod plain;
mod process;
mod socket;
mod tls_boring;
#[cfg(bpf_target_arch = "x86_64")]
mod tls_go;
mod tls_life;
#[cfg(bpf_target_arch = "x86_64")]
mod tls_rustls;
mod tls_rw;
