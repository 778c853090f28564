//! The fields that a selector can ask for: the keys of events, and labels by name.

use std::fmt;

macro_rules! fields {
    ($($variant:ident => $name:literal,)+) => {
        /// What a selector looks at.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field {
            $($variant,)+
            /// `container.label.NAME`
            ContainerLabel(Box<str>),
            /// `k8s.pod.label.NAME`
            PodLabel(Box<str>),
            /// `k8s.pod.annotation.NAME`
            PodAnnotation(Box<str>),
        }

        /// Every field with a fixed name, as written in a configuration.
        pub const NAMES: &[&str] = &[$($name,)+];

        impl Field {
            /// The field of this name.
            pub fn parse(name: &str) -> Option<Self> {
                for (prefix, make) in PREFIXES {
                    if let Some(rest) = name.strip_prefix(prefix).filter(|rest| !rest.is_empty()) {
                        return Some(make(rest.into()));
                    }
                }
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for Field {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($name),)+
                    Self::ContainerLabel(name) => write!(f, "container.label.{name}"),
                    Self::PodLabel(name) => write!(f, "k8s.pod.label.{name}"),
                    Self::PodAnnotation(name) => write!(f, "k8s.pod.annotation.{name}"),
                }
            }
        }
    };
}

fields! {
    CostCenter => "aitrace.cost_center",
    KeyFingerprint => "aitrace.key.fingerprint",
    Role => "aitrace.role",
    Team => "aitrace.team",
    UseCase => "aitrace.use_case",
    Workload => "aitrace.workload",
    ContainerId => "container.id",
    ContainerImage => "container.image.name",
    ContainerName => "container.name",
    ContainerRuntime => "container.runtime.name",
    Operation => "gen_ai.operation.name",
    Provider => "gen_ai.provider.name",
    RequestModel => "gen_ai.request.model",
    ResponseModel => "gen_ai.response.model",
    Host => "host.name",
    K8sContainer => "k8s.container.name",
    K8sCronjob => "k8s.cronjob.name",
    K8sDaemonset => "k8s.daemonset.name",
    K8sDeployment => "k8s.deployment.name",
    K8sJob => "k8s.job.name",
    K8sNamespace => "k8s.namespace.name",
    K8sPod => "k8s.pod.name",
    K8sStatefulset => "k8s.statefulset.name",
    CgroupPath => "linux.cgroup.path",
    Organization => "openai.organization",
    Project => "openai.project",
    Ancestor => "process.ancestor",
    ExecutableName => "process.executable.name",
    ExecutablePath => "process.executable.path",
    Owner => "process.owner",
    Pid => "process.pid",
    Runtime => "process.runtime.name",
    Title => "process.title",
    ServerAddress => "server.address",
    ServiceName => "service.name",
    ServiceNamespace => "service.namespace",
    ServiceVersion => "service.version",
    SystemdUnit => "systemd.unit",
}

type Make = fn(Box<str>) -> Field;
const PREFIXES: [(&str, Make); 3] = [
    ("container.label.", Field::ContainerLabel),
    ("k8s.pod.label.", Field::PodLabel),
    ("k8s.pod.annotation.", Field::PodAnnotation),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_read_back() {
        assert!(NAMES.is_sorted());
        for name in NAMES.iter().chain(&["container.label.com.example/team"]) {
            assert_eq!(Field::parse(name).map(|field| field.to_string()).as_deref(), Some(*name));
        }
        assert_eq!(Field::parse("container.label."), None);
        assert_eq!(Field::parse("process.argv"), None);
    }
}
