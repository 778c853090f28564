//! `gpu.usage` and `gpu.failure`, read back.

use serde::Deserialize;

use super::who::WhoKeys;

/// A process's use of one GPU over a window. Absent: unknown, never idle.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct GpuUsageEvent {
    pub timestamp: String,
    #[serde(flatten)]
    pub who: WhoKeys,
    /// GPU UUID.
    #[serde(rename = "hw.id")]
    pub gpu: Option<String>,
    #[serde(rename = "hw.name")]
    pub name: Option<String>,
    #[serde(rename = "aitrace.gpu.index")]
    pub index: Option<u32>,
    #[serde(rename = "aitrace.window_s")]
    pub window_s: Option<f64>,
    #[serde(rename = "aitrace.gpu.sm_utilization")]
    pub sm_utilization: Option<f64>,
    #[serde(rename = "aitrace.gpu.memory.used_bytes")]
    pub memory_used: Option<u64>,
    #[serde(rename = "aitrace.gpu.busy_s")]
    pub busy_s: Option<f64>,
    #[serde(rename = "aitrace.gpu.held_idle_s")]
    pub held_idle_s: Option<f64>,
    #[serde(rename = "aitrace.gpu.workload")]
    pub workload: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct GpuFailureEvent {
    pub timestamp: String,
    #[serde(flatten)]
    pub who: WhoKeys,
    #[serde(rename = "hw.id")]
    pub gpu: Option<String>,
    #[serde(rename = "aitrace.failure.class", default)]
    pub class: String,
    #[serde(rename = "error.type")]
    pub error_type: Option<String>,
    #[serde(rename = "aitrace.gpu.requested_bytes")]
    pub requested_bytes: Option<u64>,
}
