//! aitrace: what the AI calls and GPUs of a host are used for, by whom, and how they fail.
//!
//! ```text
//! kernel probe → ring → drain → flow → http → ai → attribution → sinks
//!   [kernel/]            [flow/] [http/] [ai/] [attribution/]  [sinks/]
//! ```
//! Modules may name those before them, never those after: `flow` drives the parsers of `http`.

pub mod event;
pub mod event_id;
pub mod keyed;
pub mod telemetry;
pub mod terminal;

pub mod discover;
pub mod kernel;

pub mod http;

pub mod flow;

pub mod ai;

pub mod opaque;
pub mod pipeline;
pub mod sockets;

pub mod gpu;
pub mod select;

pub mod attribution;
pub mod correlate;
pub mod cost;
pub mod record;
pub mod recording;
pub mod spool;

pub mod sinks;

pub mod meters;
pub mod reader;
pub mod store;

pub mod config;
pub mod report;
pub mod tui;

pub mod cli;
pub mod daemon;
pub mod doctor;
pub mod replay;
pub mod run;
