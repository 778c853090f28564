//! Everything known of who did something [pure]: one value for a process's image, shared by its events.
//!
//! In: the process, its cgroup, its container, what rules say. Out: the words of events, by
//! precedence: what is said nearest to the operator wins (rules, then pod, then container, then the
//! process's own environment).

use std::sync::Arc;

use super::container::{Container, ControllerKind, Labels, Pod};
use super::environment::Environment;
use super::process::Process;
use super::rules::Assigned;
use crate::event::ProcessKey;
use crate::select::{Field, Fields};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Owner {
    pub key: ProcessKey,
    /// `None`: nothing but the ids is known.
    pub process: Option<Arc<Process>>,
    /// `process.owner`: user name, or the number where it has none.
    pub user: Option<String>,
    /// Where the image itself does not say, the library that it called with.
    pub runtime: Option<&'static str>,
    pub cgroup_path: Option<Arc<str>>,
    /// `systemd.unit`
    pub unit: Option<Box<str>>,
    pub container: Option<Arc<Container>>,
    /// By the path of the cgroup, when the runtime does not tell.
    pub pod_uid: Option<Box<str>>,
    /// The path names a container, but not one that its maker could have made.
    pub untrusted: bool,
    pub service: Service,
    pub assigned: Assigned,
    /// `aitrace.workload`
    pub workload: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    pub name: Option<Box<str>>,
    pub namespace: Option<Box<str>>,
    pub version: Option<Box<str>>,
}

/// Where a word may be written, nearest to the operator first.
const SERVICE: [&str; 4] =
    ["resource.opentelemetry.io/service.name", "app.kubernetes.io/name", "app", "k8s-app"];
const SERVICE_NAMESPACE: [&str; 2] =
    ["resource.opentelemetry.io/service.namespace", "app.kubernetes.io/part-of"];
const SERVICE_VERSION: [&str; 2] =
    ["resource.opentelemetry.io/service.version", "app.kubernetes.io/version"];
const CONTAINER_SERVICE: [&str; 2] = ["service.name", "com.docker.compose.service"];
const CONTAINER_NAMESPACE: [&str; 2] = ["service.namespace", "com.docker.compose.project"];
const CONTAINER_VERSION: [&str; 2] = ["service.version", "org.opencontainers.image.version"];
const TEAM: [&str; 4] = ["aitrace.team", "aitrace/team", "resource.opentelemetry.io/team", "team"];
const USE_CASE: [&str; 4] =
    ["aitrace.use_case", "aitrace/use-case", "resource.opentelemetry.io/use_case", "use_case"];
const COST_CENTER: [&str; 3] = ["aitrace.cost_center", "aitrace/cost-center", "cost_center"];

fn first<'a>(of: &[&'a Labels], names: &[&str]) -> Option<&'a str> {
    let found = names.iter().flat_map(|name| of.iter().filter_map(|labels| labels.get(*name)));
    found.map(|value| &**value).find(|value| !value.is_empty())
}

impl Owner {
    pub fn pod(&self) -> Option<&Pod> {
        self.container.as_ref()?.pod.as_deref()
    }

    pub fn title(&self) -> Option<&str> {
        self.process.as_ref().map(|process| &*process.title).filter(|title| !title.is_empty())
    }

    pub fn runtime(&self) -> Option<&'static str> {
        self.process.as_ref().and_then(|process| process.runtime).or(self.runtime)
    }

    fn environment(&self) -> Option<&Environment> {
        self.process.as_ref()?.environment.as_deref()
    }

    /// The pod's labels and annotations, then the container's labels.
    fn labels(&self) -> (Vec<&Labels>, Vec<&Labels>) {
        let pod = self.pod().map(|pod| vec![&pod.annotations, &pod.labels]).unwrap_or_default();
        let container = self.container.as_ref().map(|c| vec![&c.labels]).unwrap_or_default();
        (pod, container)
    }

    /// Fills service, team and use case from what the owner itself says; then `rules` have the last word.
    pub fn settle(&mut self, rules: impl FnOnce(&Self) -> Assigned) {
        let (pod, container) = self.labels();
        let environment = self.environment();
        let word = |in_pod: &[&str], in_container: &[&str], own: Option<&str>| {
            let found = first(&pod, in_pod).or_else(|| first(&container, in_container)).or(own);
            found.map(Box::<str>::from)
        };
        let own = |of: fn(&Environment) -> &Option<Box<str>>| of(environment?).as_deref();
        // The process names itself best: a pod's label names all of its containers alike.
        let annotated = first(&pod, &SERVICE[..1]).or_else(|| own(|e| &e.service));
        let service = Service {
            name: annotated.map(Box::from).or_else(|| word(&SERVICE, &CONTAINER_SERVICE, None)),
            namespace: word(&SERVICE_NAMESPACE, &CONTAINER_NAMESPACE, own(|e| &e.namespace)),
            version: word(&SERVICE_VERSION, &CONTAINER_VERSION, own(|e| &e.version)),
        };
        let label = |names: &[&str], own: Option<&str>| word(names, names, own).map(String::from);
        let said = Assigned {
            team: label(&TEAM, own(|e| &e.team)),
            use_case: label(&USE_CASE, own(|e| &e.use_case)),
            cost_center: label(&COST_CENTER, own(|e| &e.cost_center)),
            protect: None,
            weight: None,
        };
        self.service = service;
        self.assigned = said;
        self.workload = self.name_workload();
        let ruled = rules(self);
        let said = std::mem::take(&mut self.assigned);
        self.assigned = Assigned {
            team: ruled.team.or(said.team),
            use_case: ruled.use_case.or(said.use_case),
            cost_center: ruled.cost_center.or(said.cost_center),
            ..ruled
        };
    }

    /// The one label that a person reads.
    fn name_workload(&self) -> Option<String> {
        if let Some(pod) = self.pod() {
            let name = pod.controller.as_ref().map(|owner| &owner.name).or(pod.name.as_ref());
            if let Some(name) = name {
                return Some(match pod.namespace.as_deref() {
                    Some(namespace) if namespace != "default" => format!("{namespace}/{name}"),
                    _ => name.to_string(),
                });
            }
        }
        let container = self.container.as_ref().and_then(|container| container.name.as_deref());
        container
            .or_else(|| self.unit.as_deref().and_then(service_unit))
            .or(self.service.name.as_deref())
            .or_else(|| self.title())
            .map(str::to_owned)
    }
}

/// `nginx.service` is a workload called nginx; a user's manager or a session is none.
fn service_unit(unit: &str) -> Option<&str> {
    unit.strip_suffix(".service").filter(|name| !name.starts_with("user@"))
}

impl ControllerKind {
    /// The field that an owner of this kind is named in.
    pub const fn field(self) -> Field {
        match self {
            Self::Deployment => Field::K8sDeployment,
            Self::DaemonSet => Field::K8sDaemonset,
            Self::StatefulSet => Field::K8sStatefulset,
            Self::Job => Field::K8sJob,
            Self::CronJob => Field::K8sCronjob,
        }
    }
}

impl Fields for Owner {
    fn any(&self, field: &Field, visit: &mut dyn FnMut(&str) -> bool) -> bool {
        let container = self.container.as_deref();
        let process = self.process.as_deref();
        let value = match field {
            Field::Team => self.assigned.team.as_deref(),
            Field::UseCase => self.assigned.use_case.as_deref(),
            Field::CostCenter => self.assigned.cost_center.as_deref(),
            Field::Workload => self.workload.as_deref(),
            Field::ContainerId => container.map(|c| &*c.id),
            Field::ContainerImage => container.and_then(|c| c.image.as_deref()),
            Field::ContainerName => container.and_then(|c| c.name.as_deref()),
            Field::ContainerRuntime => container.and_then(|c| c.runtime),
            Field::ContainerLabel(name) => container.and_then(|c| c.labels.get(name)).map(|v| &**v),
            Field::PodLabel(name) => self.pod().and_then(|p| p.labels.get(name)).map(|v| &**v),
            Field::PodAnnotation(name) => {
                self.pod().and_then(|p| p.annotations.get(name)).map(|v| &**v)
            }
            Field::K8sContainer => self.pod().and_then(|p| p.container.as_deref()),
            Field::K8sNamespace => self.pod().and_then(|p| p.namespace.as_deref()),
            Field::K8sPod => self.pod().and_then(|p| p.name.as_deref()),
            Field::K8sCronjob
            | Field::K8sDaemonset
            | Field::K8sDeployment
            | Field::K8sJob
            | Field::K8sStatefulset => self
                .pod()
                .and_then(|p| p.controller.as_ref())
                .filter(|owner| owner.kind.field() == *field)
                .map(|owner| &*owner.name),
            Field::CgroupPath => self.cgroup_path.as_deref(),
            Field::Ancestor => {
                let above = process.and_then(|p| p.ancestry.as_deref());
                return above.is_some_and(|above| above.iter().any(|link| visit(&link.title)));
            }
            Field::ExecutableName => process.and_then(|p| p.executable_name()),
            Field::ExecutablePath => process.and_then(|p| p.executable_path.as_deref()),
            Field::Owner => self.user.as_deref(),
            Field::Pid => return visit(&self.key.tgid.to_string()),
            Field::Runtime => self.runtime(),
            Field::Title => self.title(),
            Field::ServiceName => self.service.name.as_deref(),
            Field::ServiceNamespace => self.service.namespace.as_deref(),
            Field::ServiceVersion => self.service.version.as_deref(),
            Field::SystemdUnit => self.unit.as_deref(),
            // Of the event, not of its owner.
            Field::Host
            | Field::KeyFingerprint
            | Field::Role
            | Field::Operation
            | Field::Provider
            | Field::RequestModel
            | Field::ResponseModel
            | Field::Organization
            | Field::Project
            | Field::ServerAddress => None,
        };
        value.is_some_and(visit)
    }
}

#[cfg(test)]
mod tests {
    use super::super::container::{self, labels};
    use super::super::rules::{Rule, Rules};
    use super::*;

    fn owner(pod: bool) -> Owner {
        let environment = Environment::read(
            [&b"OTEL_SERVICE_NAME=own"[..], b"OTEL_RESOURCE_ATTRIBUTES=team=own-team"].into_iter(),
        );
        let process = Process {
            title: "python app.py".into(),
            environment: Some(Arc::new(environment)),
            ..Process::default()
        };
        let pod = pod.then(|| {
            Box::new(Pod {
                name: Some("web-6d4cf56db6-x2xz7".into()),
                namespace: Some("shop".into()),
                controller: container::Controller::of("web-6d4cf56db6-x2xz7", &Labels::new()),
                annotations: labels([("resource.opentelemetry.io/service.name", "annotated")]),
                labels: labels([("app.kubernetes.io/name", "labelled"), ("team", "pod-team")]),
                ..Pod::default()
            })
        });
        let container = Container {
            name: Some("c1".into()),
            labels: labels([("com.docker.compose.service", "composed"), ("tier", "gold")]),
            pod,
            ..Container::default()
        };
        Owner {
            process: Some(Arc::new(process)),
            unit: Some("nginx.service".into()),
            container: Some(Arc::new(container)),
            ..Owner::default()
        }
    }

    #[test]
    fn the_nearest_to_the_operator_wins() {
        let mut with_pod = owner(true);
        with_pod.settle(|_| Assigned::default());
        assert_eq!(with_pod.service.name.as_deref(), Some("annotated"));
        assert_eq!(with_pod.assigned.team.as_deref(), Some("pod-team"));
        assert_eq!(with_pod.workload.as_deref(), Some("shop/web"));

        let mut without = owner(false);
        without.settle(|_| Assigned::default());
        assert_eq!(without.service.name.as_deref(), Some("own"));
        assert_eq!(without.assigned.team.as_deref(), Some("own-team"));
        assert_eq!(without.workload.as_deref(), Some("c1"));

        without.container = None;
        without.settle(|_| Assigned::default());
        assert_eq!(without.workload.as_deref(), Some("nginx"));
        without.unit = Some("user@1000.service".into());
        without.settle(|_| Assigned::default());
        assert_eq!(without.workload.as_deref(), Some("own"));
    }

    #[test]
    fn rules_have_the_last_word_and_the_first_rule_wins() {
        let rules: Vec<Rule> = [
            r#"{"match":{"container.label.tier":"gold"},"use_case":"support","protect":true,"weight":3.0}"#,
            r#"{"match":{"k8s.deployment.name":"we*","k8s.pod.label.team":"pod-team"},"team":"ruled"}"#,
            r#"{"match":{"container.name":"c1"},"team":"late","use_case":"late","cost_center":"7"}"#,
        ]
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
        let mut rules = Rules::new(rules);
        let mut owner = owner(true);
        owner.settle(|owner| rules.assign(owner));
        let Assigned { team, use_case, cost_center, protect, weight } = owner.assigned;
        assert_eq!(team.as_deref(), Some("ruled"));
        assert_eq!(use_case.as_deref(), Some("support"));
        assert_eq!(cost_center.as_deref(), Some("7"));
        assert_eq!((protect, weight), (Some(true), Some(3.0)));
    }
}
