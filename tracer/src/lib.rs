//! aitrace: what the AI calls and GPUs of a host are used for, by whom, and how they fail.
//!
//! ```text
//! kernel probe → ring → drain → flow → http → ai → attribution → sinks
//!   [kernel/]            [flow/] [http/] [ai/] [attribution/]  [sinks/]
//! ```
//! Modules are in flow order; each may name those before it, never those after it.

pub mod event;
pub mod telemetry;

pub mod discover;
pub mod kernel;

pub mod flow;

pub mod http;

pub mod ai;

pub mod attribution;

pub mod record;
pub mod sinks;
