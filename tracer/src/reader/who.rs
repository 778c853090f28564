//! Who, as events say it.

use serde::Deserialize;

/// The attribution keys of an event; all optional, absent means unknown.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct WhoKeys {
    #[serde(rename = "host.name")]
    pub host: Option<String>,
    #[serde(rename = "process.pid")]
    pub pid: Option<u32>,
    #[serde(rename = "process.creation.time")]
    pub creation_time: Option<String>,
    #[serde(rename = "process.executable.name")]
    pub executable: Option<String>,
    #[serde(rename = "process.title")]
    pub title: Option<String>,
    #[serde(rename = "process.parent_pid")]
    pub parent_pid: Option<u32>,
    #[serde(rename = "process.owner")]
    pub owner: Option<String>,
    #[serde(rename = "process.runtime.name")]
    pub runtime: Option<String>,
    #[serde(rename = "service.name")]
    pub service: Option<String>,
    #[serde(rename = "service.namespace")]
    pub service_namespace: Option<String>,
    #[serde(rename = "container.id")]
    pub container_id: Option<String>,
    #[serde(rename = "container.name")]
    pub container: Option<String>,
    #[serde(rename = "container.image.name")]
    pub image: Option<String>,
    #[serde(rename = "k8s.namespace.name")]
    pub k8s_namespace: Option<String>,
    #[serde(rename = "k8s.pod.name")]
    pub pod: Option<String>,
    #[serde(rename = "linux.cgroup.path")]
    pub cgroup: Option<String>,
    #[serde(rename = "aitrace.team")]
    pub team: Option<String>,
    #[serde(rename = "aitrace.use_case")]
    pub use_case: Option<String>,
    #[serde(rename = "aitrace.workload")]
    pub workload: Option<String>,
}
