//! What sinks see.
//!
//! In: calls with their owner, the books. Out: nothing; plain values.

use std::sync::Arc;

use crate::ai::call::Call;
use crate::attribution::process::Process;
use crate::event::{BootTime, ProcessKey};
use crate::telemetry::Books;

#[derive(Clone, Debug)]
pub enum Record {
    Call(Box<AttributedCall>),
    Heartbeat(Box<Heartbeat>),
}

/// A call and who made it.
#[derive(Clone, Debug)]
pub struct AttributedCall {
    pub call: Call,
    pub process: ProcessKey,
    /// `None`: nothing but the ids is known.
    pub owner: Option<Arc<Process>>,
    /// `process.owner`: user name, or the number where it has none.
    pub user: Option<String>,
    pub cgroup_path: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Heartbeat {
    pub at: BootTime,
    pub uptime_s: f64,
    pub books: Books,
}
