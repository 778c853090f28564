//! The pod that a container belongs to, and what keeps the pod running [pure].

use super::{Labels, text};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    pub name: Option<Box<str>>,
    pub namespace: Option<Box<str>>,
    pub uid: Option<Box<str>>,
    /// The container's name in the pod.
    pub container: Option<Box<str>>,
    pub labels: Labels,
    pub annotations: Labels,
    pub controller: Option<Controller>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControllerKind {
    Deployment,
    DaemonSet,
    StatefulSet,
    Job,
    CronJob,
}

/// What keeps a pod running. A runtime does not know it: told by the labels that controllers put on
/// their pods, and the way they name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    pub kind: ControllerKind,
    pub name: Box<str>,
}

/// Characters of the hashes in names, k8s.io/apimachinery `rand.SafeEncodeString`.
const HASH: &str = "bcdfghjklmnpqrstvwxz2456789";

fn is_hash(text: &str, lens: std::ops::RangeInclusive<usize>) -> bool {
    lens.contains(&text.len()) && text.chars().all(|c| HASH.contains(c))
}

impl Controller {
    /// Of a pod with this name and these labels.
    pub fn of(pod: &str, labels: &Labels) -> Option<Self> {
        let label = |name: &str| labels.get(name).map(|value| &**value);
        let named = |kind, name: &str| text(name).map(|name| Self { kind, name });
        if let Some(job) = label("batch.kubernetes.io/job-name").or_else(|| label("job-name")) {
            // CronJobs name their jobs after the minute they are for.
            return match job.rsplit_once('-') {
                Some((cron, minute))
                    if minute.len() >= 8 && minute.bytes().all(|b| b.is_ascii_digit()) =>
                {
                    named(ControllerKind::CronJob, cron)
                }
                _ => named(ControllerKind::Job, job),
            };
        }
        if label("statefulset.kubernetes.io/pod-name").is_some() {
            let (name, ordinal) = pod.rsplit_once('-')?;
            let is_ordinal = !ordinal.is_empty() && ordinal.bytes().all(|b| b.is_ascii_digit());
            return is_ordinal.then(|| named(ControllerKind::StatefulSet, name)).flatten();
        }
        let (rest, suffix) = pod.rsplit_once('-')?;
        if !is_hash(suffix, 5..=5) {
            return None;
        }
        if let Some(hash) = label("pod-template-hash") {
            let name = rest.strip_suffix(hash)?.strip_suffix('-')?;
            return named(ControllerKind::Deployment, name);
        }
        if label("pod-template-generation").is_some() && label("controller-revision-hash").is_some()
        {
            return named(ControllerKind::DaemonSet, rest);
        }
        let (name, hash) = rest.rsplit_once('-')?;
        is_hash(hash, 8..=10).then(|| named(ControllerKind::Deployment, name)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::super::labels;
    use super::*;

    fn of(pod: &str, with: &[(&str, &str)]) -> Option<(ControllerKind, String)> {
        let with = labels(with.iter().copied());
        Controller::of(pod, &with).map(|found| (found.kind, found.name.into_string()))
    }

    #[test]
    fn controllers_are_known_by_what_they_leave_on_their_pods() {
        use ControllerKind::{CronJob, DaemonSet, Deployment, Job, StatefulSet};
        let hash = ("pod-template-hash", "6d4cf56db6");
        assert_eq!(of("web-api-6d4cf56db6-x2xz7", &[hash]), Some((Deployment, "web-api".into())));
        assert_eq!(of("web-6d4cf56db6-x2xz7", &[]), Some((Deployment, "web".into())));
        assert_eq!(
            of(
                "agent-zk4xs",
                &[("pod-template-generation", "1"), ("controller-revision-hash", "c")]
            ),
            Some((DaemonSet, "agent".into()))
        );
        let stateful = ("statefulset.kubernetes.io/pod-name", "db-0");
        assert_eq!(of("db-0", &[stateful]), Some((StatefulSet, "db".into())));
        assert_eq!(of("train-7xk2p", &[("job-name", "train")]), Some((Job, "train".into())));
        let job = ("batch.kubernetes.io/job-name", "nightly-29123456");
        assert_eq!(of("nightly-29123456-x2xz7", &[job]), Some((CronJob, "nightly".into())));
    }

    #[test]
    fn a_bare_pod_has_no_owner() {
        assert_eq!(of("debug", &[]), None);
        assert_eq!(of("my-app", &[]), None);
        assert_eq!(of("my-app-today", &[]), None);
        // Another template's hash in the label: not this name's.
        assert_eq!(of("web-6d4cf56db6-x2xz7", &[("pod-template-hash", "zzzz")]), None);
    }
}
