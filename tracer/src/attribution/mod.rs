//! Whose call it was: processes by (tgid, start time), remembered past their end, with their
//! container, pod, service and team.
//!
//! In: exec, fork and exit events, cgroups that come and go, and looks at /proc for processes older
//! than the agent. Out: an [`owner::Owner`] for every event. Bounded; what is evicted is counted.

pub mod ancestry;
pub mod cgroups;
pub mod config;
pub mod container;
pub mod environment;
pub mod listeners;
pub mod owner;
pub mod owners;
pub mod process;
pub mod procfs;
pub mod rules;
pub mod runtimes;
pub mod title;
