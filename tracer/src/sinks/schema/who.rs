//! Who: on every event about a process.

use schemars::JsonSchema;
use serde::Serialize;

use super::Cutter;
use crate::record::AttributedCall;

/// Who; on every event about a process.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Who {
    #[serde(rename = "process.pid")]
    pub pid: u32,
    #[serde(rename = "process.creation.time", skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<String>,
    #[serde(rename = "process.executable.name", skip_serializing_if = "Option::is_none")]
    pub executable_name: Option<String>,
    #[serde(rename = "process.executable.path", skip_serializing_if = "Option::is_none")]
    pub executable_path: Option<String>,
    #[serde(rename = "process.title", skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(rename = "process.parent_pid", skip_serializing_if = "Option::is_none")]
    pub parent_pid: Option<u32>,
    #[serde(rename = "process.owner", skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(rename = "process.runtime.name", skip_serializing_if = "Option::is_none")]
    pub runtime: Option<&'static str>,
    #[serde(rename = "linux.cgroup.path", skip_serializing_if = "Option::is_none")]
    pub cgroup_path: Option<String>,
    #[serde(rename = "aitrace.workload", skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
}

impl Who {
    /// The owner of a call. `creation_time` is the process's start as RFC 3339.
    pub(super) fn new(
        attributed: &AttributedCall,
        creation_time: String,
        cutter: &mut Cutter,
    ) -> Self {
        let owner = attributed.owner.as_deref();
        let title = cutter.some(owner.map(|o| &*o.title));
        Self {
            pid: attributed.process.tgid,
            creation_time: Some(creation_time).filter(|t| !t.is_empty()),
            executable_name: cutter.some(owner.and_then(|o| o.executable_name())),
            executable_path: cutter.some(owner.and_then(|o| o.executable_path.as_deref())),
            workload: title.clone(),
            title,
            parent_pid: owner.and_then(|o| o.parent).map(|p| p.tgid),
            owner: cutter.some(attributed.user.as_deref()),
            runtime: owner.and_then(|o| o.runtime),
            cgroup_path: cutter.some(attributed.cgroup_path.as_deref()),
        }
    }
}
