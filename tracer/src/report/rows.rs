//! What a report is made from, whatever holds it: a host's file or a fleet's engine.

use std::collections::HashMap;
use std::rc::Rc;

use super::sums::Sums;

/// Who, as `who` has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Owner {
    pub host: Option<String>,
    pub team: Option<String>,
    pub use_case: Option<String>,
    pub service: Option<String>,
    pub workload: Option<String>,
    pub container: Option<String>,
    pub process: Option<String>,
}

impl Owner {
    /// The label a person reads.
    pub fn label(&self) -> &str {
        let known = [&self.workload, &self.container, &self.service, &self.process];
        known.into_iter().find_map(|name| name.as_deref()).unwrap_or(super::by::NONE)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Model {
    pub provider: String,
    pub model: String,
    pub operation: String,
}

/// An hour of calls of one owner to one model with one key and one outcome.
#[derive(Clone, Debug)]
pub struct CallRow {
    /// Hours since 1970.
    pub hour: u64,
    pub who: i64,
    pub model: Rc<Model>,
    /// Fingerprint; empty: none seen.
    pub key: String,
    /// Failure class; empty: success.
    pub class: String,
    pub sums: Sums,
}

/// An hour of one owner on one GPU. Seconds; `None`: no window knew it.
#[derive(Clone, Debug, Default)]
pub struct GpuRow {
    pub who: i64,
    pub gpu: String,
    pub name: Option<String>,
    pub window_s: f64,
    pub busy_s: Option<f64>,
    pub held_idle_s: Option<f64>,
    pub memory_peak: u64,
}

#[derive(Clone, Debug, Default)]
pub struct GpuFailureRow {
    pub who: i64,
    pub gpu: String,
    pub class: String,
    pub failures: u64,
    pub requested_bytes: u64,
}

/// Single calls are asked for evidence only: each as the findings need it.
#[derive(Clone, Debug, Default)]
pub struct Single {
    /// Nanoseconds since 1970.
    pub ts: u64,
    pub id: String,
    pub who: i64,
    pub pid: Option<u32>,
    pub model: Rc<Model>,
    pub key: Option<String>,
    pub stream: bool,
    pub input: Option<u64>,
    pub output: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
    pub cost_usd: Option<f64>,
    pub duration_s: f64,
    pub max_tokens: Option<u64>,
    pub class: Option<String>,
    pub retry_after_s: Option<f64>,
    pub session: Option<String>,
    pub turn: Option<u64>,
    pub retry_of: Option<String>,
    pub attempt: Option<u64>,
    pub honoured: Option<bool>,
    pub duplicate_of: Option<String>,
    pub prefix: Option<String>,
    pub tools: Vec<String>,
    pub requests_limit: Option<u64>,
    pub requests_remaining: Option<u64>,
    pub tokens_limit: Option<u64>,
    pub tokens_remaining: Option<u64>,
}

/// Everything, in memory: hours, not calls; single calls come one by one.
#[derive(Debug, Default)]
pub struct Owners(pub HashMap<i64, Owner>);

impl Owners {
    pub fn get(&self, id: i64) -> Owner {
        self.0.get(&id).cloned().unwrap_or_default()
    }
}

/// Where rows come from. Each call of a callback is one row.
pub trait Source {
    /// # Errors
    /// What the engine says.
    fn owners(&mut self) -> anyhow::Result<Owners>;
    /// # Errors
    /// What the engine says.
    fn calls(&mut self, hours: Hours, each: &mut dyn FnMut(CallRow)) -> anyhow::Result<()>;
    /// In order of time, counted calls only.
    ///
    /// # Errors
    /// What the engine says.
    fn singles(&mut self, hours: Hours, each: &mut dyn FnMut(Single)) -> anyhow::Result<()>;
    /// # Errors
    /// What the engine says.
    fn gpus(&mut self, hours: Hours) -> anyhow::Result<(Vec<GpuRow>, Vec<GpuFailureRow>)>;
}

/// Hours since 1970, the last one not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    pub from: u64,
    pub to: u64,
}
