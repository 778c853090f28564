//! Whose call it was: processes by (tgid, start time), remembered past their end.
//!
//! In: exec, fork and exit events, and looks at /proc for processes older than the agent. Out: a
//! [`process::Process`] for every call. Bounded; what is evicted is counted.

pub mod cgroup;
pub mod listeners;
pub mod owner;
pub mod process;
pub mod procfs;
pub mod title;
