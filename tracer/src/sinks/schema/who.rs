//! Who: on every event about a process.

use schemars::JsonSchema;
use serde::Serialize;

use super::Cutter;
use crate::attribution::ancestry::Ancestry;
use crate::attribution::container::{ControllerKind, Pod};
use crate::attribution::owner::Owner;

/// Most ancestors shown.
const MAX_ANCESTORS: usize = 8;

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
    /// Titles of the processes above, nearest first.
    #[serde(rename = "aitrace.process.ancestors", skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub ancestors: Vec<String>,
    /// Titles of the images that exec replaced in this process, latest first.
    #[serde(rename = "aitrace.process.replaced", skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub replaced: Vec<String>,
    #[serde(rename = "service.name", skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    #[serde(rename = "service.namespace", skip_serializing_if = "Option::is_none")]
    pub service_namespace: Option<String>,
    #[serde(rename = "service.version", skip_serializing_if = "Option::is_none")]
    pub service_version: Option<String>,
    #[serde(flatten)]
    pub container: ContainerKeys,
    #[serde(flatten)]
    pub kubernetes: KubernetesKeys,
    #[serde(rename = "linux.cgroup.path", skip_serializing_if = "Option::is_none")]
    pub cgroup_path: Option<String>,
    #[serde(rename = "systemd.unit", skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(rename = "aitrace.team", skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    #[serde(rename = "aitrace.use_case", skip_serializing_if = "Option::is_none")]
    pub use_case: Option<String>,
    #[serde(rename = "aitrace.cost_center", skip_serializing_if = "Option::is_none")]
    pub cost_center: Option<String>,
    /// Rules say that it must not be blocked.
    #[serde(rename = "aitrace.protect", skip_serializing_if = "Option::is_none")]
    pub protect: Option<bool>,
    /// How much it matters to the business, from rules.
    #[serde(rename = "aitrace.weight", skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    #[serde(rename = "aitrace.workload", skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct ContainerKeys {
    #[serde(rename = "container.id", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(rename = "container.name", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(rename = "container.image.name", skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(rename = "container.runtime.name", skip_serializing_if = "Option::is_none")]
    pub runtime: Option<&'static str>,
    /// The cgroup's name claims a container whose runtime did not make it.
    #[serde(rename = "aitrace.container.untrusted", skip_serializing_if = "Option::is_none")]
    pub untrusted: Option<bool>,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct KubernetesKeys {
    #[serde(rename = "k8s.namespace.name", skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(rename = "k8s.pod.name", skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    #[serde(rename = "k8s.pod.uid", skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    #[serde(rename = "k8s.container.name", skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    #[serde(rename = "k8s.deployment.name", skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    #[serde(rename = "k8s.daemonset.name", skip_serializing_if = "Option::is_none")]
    pub daemonset: Option<String>,
    #[serde(rename = "k8s.statefulset.name", skip_serializing_if = "Option::is_none")]
    pub statefulset: Option<String>,
    #[serde(rename = "k8s.job.name", skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    #[serde(rename = "k8s.cronjob.name", skip_serializing_if = "Option::is_none")]
    pub cronjob: Option<String>,
    /// The owner follows from the pod's name and labels, not from an owner reference.
    #[serde(rename = "aitrace.k8s.owner_inferred", skip_serializing_if = "Option::is_none")]
    pub owner_inferred: Option<bool>,
}

impl Who {
    /// The keys of an owner. `creation_time` is the process's start as RFC 3339.
    pub(crate) fn new(owner: &Owner, creation_time: String, cutter: &mut Cutter) -> Self {
        let process = owner.process.as_deref();
        let above = process.and_then(|p| p.ancestry.as_deref());
        let ancestors =
            above.into_iter().flat_map(Ancestry::iter).map(|link| link.title.to_string());
        let replaced = process.iter().flat_map(|p| &p.replaced).map(ToString::to_string);
        Self {
            pid: owner.key.tgid,
            creation_time: Some(creation_time).filter(|t| !t.is_empty()),
            executable_name: cutter.some(process.and_then(|p| p.executable_name())),
            executable_path: cutter.some(process.and_then(|p| p.executable_path.as_deref())),
            title: cutter.some(owner.title()),
            parent_pid: process.and_then(|p| p.parent).map(|p| p.tgid),
            owner: cutter.some(owner.user.as_deref()),
            runtime: owner.runtime(),
            ancestors: ancestors.take(MAX_ANCESTORS).collect(),
            replaced: replaced.collect(),
            service_name: cutter.some(owner.service.name.as_deref()),
            service_namespace: cutter.some(owner.service.namespace.as_deref()),
            service_version: cutter.some(owner.service.version.as_deref()),
            container: ContainerKeys::new(owner, cutter),
            kubernetes: KubernetesKeys::new(owner, cutter),
            cgroup_path: cutter.some(owner.cgroup_path.as_deref()),
            unit: cutter.some(owner.unit.as_deref()),
            team: cutter.some(owner.assigned.team.as_deref()),
            use_case: cutter.some(owner.assigned.use_case.as_deref()),
            cost_center: cutter.some(owner.assigned.cost_center.as_deref()),
            protect: owner.assigned.protect,
            weight: owner.assigned.weight,
            workload: cutter.some(owner.workload.as_deref()),
        }
    }
}

impl ContainerKeys {
    fn new(owner: &Owner, cutter: &mut Cutter) -> Self {
        let container = owner.container.as_deref();
        Self {
            id: cutter.some(container.map(|c| &*c.id)),
            name: cutter.some(container.and_then(|c| c.name.as_deref())),
            image: cutter.some(container.and_then(|c| c.image.as_deref())),
            runtime: container.and_then(|c| c.runtime),
            untrusted: owner.untrusted.then_some(true),
        }
    }
}

impl KubernetesKeys {
    fn new(owner: &Owner, cutter: &mut Cutter) -> Self {
        let Some(pod) = owner.pod() else {
            // A name of the path's own is no more to be believed than the rest of it.
            let uid = owner.pod_uid.as_deref().filter(|_| !owner.untrusted);
            return Self { uid: cutter.some(uid), ..Self::default() };
        };
        let mut keys = Self::of(pod, cutter);
        keys.uid = keys.uid.or_else(|| cutter.some(owner.pod_uid.as_deref()));
        keys
    }

    fn of(pod: &Pod, cutter: &mut Cutter) -> Self {
        let mut keys = Self {
            namespace: cutter.some(pod.namespace.as_deref()),
            pod: cutter.some(pod.name.as_deref()),
            uid: cutter.some(pod.uid.as_deref()),
            container: cutter.some(pod.container.as_deref()),
            owner_inferred: pod.controller.is_some().then_some(true),
            ..Self::default()
        };
        if let Some(controller) = &pod.controller {
            let slot = match controller.kind {
                ControllerKind::Deployment => &mut keys.deployment,
                ControllerKind::DaemonSet => &mut keys.daemonset,
                ControllerKind::StatefulSet => &mut keys.statefulset,
                ControllerKind::Job => &mut keys.job,
                ControllerKind::CronJob => &mut keys.cronjob,
            };
            *slot = cutter.some(Some(&controller.name));
        }
        keys
    }
}
