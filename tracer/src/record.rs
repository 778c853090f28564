//! What sinks see.
//!
//! In: calls with their owner, the books. Out: nothing; plain values.

use std::sync::Arc;

use crate::ai::call::Call;
use crate::attribution::owner::Owner;
use crate::correlate::Derived;
use crate::event::BootTime;
use crate::sockets::table::Peer;
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
    pub owner: Arc<Owner>,
    /// The other end of its connection.
    pub peer: Option<Peer>,
    /// What follows from it together with others.
    pub derived: Derived,
}

impl AttributedCall {
    /// Whether it counts in totals: the other events of the same spend do not.
    pub const fn is_counted(&self) -> bool {
        !self.derived.counted_elsewhere
    }
}

#[derive(Clone, Debug)]
pub struct Heartbeat {
    pub at: BootTime,
    pub uptime_s: f64,
    pub books: Books,
}
