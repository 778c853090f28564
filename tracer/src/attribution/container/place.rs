//! Where a cgroup is: in which container, pod or systemd unit, by its path alone [pure].
//!
//! In: a path below the root of a hierarchy. Out: a [`Place`]. The outermost container counts: what
//! lies below it was named by those inside, who may write any name.

use std::borrow::Cow;

/// What a path tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place<'a> {
    pub container: Option<Found<'a>>,
    /// With dashes, whatever the driver writes.
    pub pod_uid: Option<String>,
    /// The systemd unit, of a user's manager where one runs it.
    pub unit: Option<&'a str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    pub id: Cow<'a, str>,
    /// `container.runtime.name`; `None`: the path does not say.
    pub runtime: Option<&'static str>,
    /// The path up to the container.
    pub path: &'a str,
}

/// Whether a text can be an id.
type IsId = fn(&str) -> bool;

/// How a component of a path names a container.
struct Form {
    prefix: &'static str,
    suffix: &'static str,
    id: IsId,
    runtime: &'static str,
}

/// Components that say who made them, sorted.
const FORMS: &[Form] = &[
    Form { prefix: "cri-containerd-", suffix: ".scope", id: is_digest, runtime: "containerd" },
    Form { prefix: "crio-", suffix: "", id: is_digest, runtime: "cri-o" },
    Form { prefix: "crio-", suffix: ".scope", id: is_digest, runtime: "cri-o" },
    Form { prefix: "docker-", suffix: ".scope", id: is_digest, runtime: "docker" },
    Form { prefix: "libpod-", suffix: "", id: is_digest, runtime: "podman" },
    Form { prefix: "libpod-", suffix: ".scope", id: is_digest, runtime: "podman" },
    Form { prefix: "lxc.payload.", suffix: "", id: is_name, runtime: "lxc" },
    Form { prefix: "nerdctl-", suffix: ".scope", id: is_digest, runtime: "containerd" },
    Form { prefix: "systemd-nspawn@", suffix: ".service", id: is_name, runtime: "systemd-nspawn" },
];

/// Containers named by the directory they are in: (parent, what an id is, runtime), sorted.
const PARENTS: &[(&str, IsId, &str)] = &[
    ("buildkit", is_digest, "buildkit"),
    ("default", is_digest, "containerd"),
    ("docker", is_digest, "docker"),
    ("k8s.io", is_digest, "containerd"),
    ("lxc", is_name, "lxc"),
    ("lxc.payload", is_name, "lxc"),
    ("moby", is_digest, "docker"),
];

/// `/machine.slice/machine-NAME.scope`: systemd-nspawn registers so; virtual machines do too.
const MACHINE: (&str, &str) = ("machine-", ".scope");
const VIRTUAL_MACHINES: [&str; 2] = ["qemu", "libvirt"];

/// 64 hexadecimal digits, lower case: what every runtime of the table gives out.
fn is_digest(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// ECS on Fargate: 32 hexadecimal digits, a dash, a number.
fn is_task(id: &str) -> bool {
    id.split_once('-').is_some_and(|(task, number)| {
        task.len() == 32
            && task.bytes().all(|b| b.is_ascii_hexdigit())
            && (8..=12).contains(&number.len())
            && number.bytes().all(|b| b.is_ascii_digit())
    })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 128
}

impl<'a> Place<'a> {
    /// Reads a path.
    pub fn of(path: &'a str) -> Self {
        let mut place = Self::default();
        let mut in_pods = false;
        let mut parent = "";
        let mut user_manager = false;
        let mut unit_found = false;
        let mut end = 0;
        for component in path.split('/') {
            end += component.len() + 1;
            if component.is_empty() {
                continue;
            }
            in_pods |= component.contains("kubepods");
            if in_pods && place.pod_uid.is_none() {
                place.pod_uid = pod_uid(component);
            }
            if !unit_found && is_unit(component) {
                place.unit = Some(component);
                // A user's manager runs units of its own further down.
                unit_found = !component.starts_with("user@") || user_manager;
                user_manager = true;
            }
            if let Some((id, runtime)) = container(parent, component) {
                let path = &path[..end - 1];
                place.container = Some(Found { id, runtime, path });
                break;
            }
            parent = component;
        }
        place
    }
}

/// The container that this component names.
fn container<'a>(parent: &str, component: &'a str) -> Option<(Cow<'a, str>, Option<&'static str>)> {
    let inner = |prefix: &str, suffix: &str| {
        component.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix))
    };
    for form in FORMS {
        if let Some(id) = inner(form.prefix, form.suffix).filter(|id| (form.id)(id)) {
            return Some((unescape(id), Some(form.runtime)));
        }
    }
    for (name, is_id, runtime) in PARENTS {
        if parent == *name && is_id(component) && !component.ends_with(".slice") {
            return Some((component.into(), Some(runtime)));
        }
    }
    if parent == "machine.slice"
        && let Some(name) = inner(MACHINE.0, MACHINE.1).map(unescape)
        && is_name(&name)
        && !VIRTUAL_MACHINES.iter().any(|of| name.starts_with(of))
    {
        let name = name.into_owned();
        return Some(match name.strip_prefix("libpod-").filter(|id| is_digest(id)) {
            Some(id) => (id.to_owned().into(), Some("podman")),
            None => (name.into(), Some("systemd-nspawn")),
        });
    }
    // Kubernetes' cgroupfs driver, and whoever else names a directory so: an id, its maker unknown.
    (is_digest(component) || is_task(component)).then(|| (component.into(), None))
}

/// `pod<uid>` or `kubepods-burstable-pod<uid, underscores>.slice`.
fn pod_uid(component: &str) -> Option<String> {
    let uid = match component.strip_prefix("pod") {
        Some(uid) => uid,
        None => component.strip_suffix(".slice")?.rsplit_once("-pod")?.1,
    };
    let uid = uid.replace('_', "-");
    let is_uid = (uid.len() == 36 || uid.len() == 32)
        && uid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    is_uid.then_some(uid)
}

fn is_unit(component: &str) -> bool {
    component.ends_with(".service") || component.ends_with(".scope")
}

/// systemd.unit(5): `\x2d` for a dash.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains("\\x") {
        return text.into();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let escaped = rest.strip_prefix(b"\\x").and_then(|digits| {
            let digits = std::str::from_utf8(digits.get(..2)?).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        match escaped {
            Some(byte) => {
                out.push(byte);
                rest = &rest[4..];
            }
            None => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "3faaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const UID: &str = "0f3b6c1e-5a1f-4f4e-9d34-0a3a5f0e2b11";

    /// (path with ID and UID in it, id, runtime, pod, unit)
    #[rustfmt::skip]
    const CASES: &[(&str, &str, &str, bool, &str)] = &[
        ("/docker/ID", "ID", "docker", false, ""),
        ("/docker/ID/init.scope", "ID", "docker", false, ""),
        ("/system.slice/docker-ID.scope", "ID", "docker", false, "docker-ID.scope"),
        ("/libpod_parent/libpod-ID", "ID", "podman", false, ""),
        ("/machine.slice/libpod-ID.scope", "ID", "podman", false, "libpod-ID.scope"),
        ("/machine.slice/libpod-ID.scope/container", "ID", "podman", false, "libpod-ID.scope"),
        ("/machine.slice/libpod-conmon-ID.scope", "", "", false, "libpod-conmon-ID.scope"),
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope", "ID", "podman", false, "libpod-ID.scope"),
        ("/k8s.io/ID", "ID", "containerd", false, ""),
        ("/default/ID", "ID", "containerd", false, ""),
        ("/system.slice/nerdctl-ID.scope", "ID", "containerd", false, "nerdctl-ID.scope"),
        ("/kubepods/burstable/podUID/ID", "ID", "", true, ""),
        ("/kubepods/podUID/ID", "ID", "", true, ""),
        ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUNDER.slice/cri-containerd-ID.scope", "ID", "containerd", true, "cri-containerd-ID.scope"),
        ("/kubepods.slice/kubepods-podUNDER.slice/crio-ID.scope", "ID", "cri-o", true, "crio-ID.scope"),
        ("/kubepods.slice/kubepods-podUNDER.slice/crio-conmon-ID.scope", "", "", true, "crio-conmon-ID.scope"),
        ("/kubepods/besteffort/podUID/crio-ID", "ID", "cri-o", true, ""),
        ("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUNDER.slice/docker-ID.scope", "ID", "docker", true, "docker-ID.scope"),
        ("/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podUNDER.slice/cri-containerd-ID.scope", "ID", "containerd", true, "cri-containerd-ID.scope"),
        ("/docker/ID/kubelet/kubepods/podUID/ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "ID", "docker", false, ""),
        ("/lxc.payload.web", "web", "lxc", false, ""),
        ("/lxc.payload.web/system.slice/docker-ID.scope", "web", "lxc", false, ""),
        ("/lxc/db", "db", "lxc", false, ""),
        ("/lxc.monitor.web", "", "", false, ""),
        ("/machine.slice/machine-my\\x2dbox.scope/payload", "my-box", "systemd-nspawn", false, "machine-my\\x2dbox.scope"),
        ("/machine.slice/systemd-nspawn@box.service/payload", "box", "systemd-nspawn", false, "systemd-nspawn@box.service"),
        ("/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", "", "", false, "machine-qemu\\x2d1\\x2dvm.scope"),
        ("/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1234567890", "0123456789abcdef0123456789abcdef-1234567890", "", false, ""),
        ("/system.slice/nginx.service", "", "", false, "nginx.service"),
        ("/system.slice/system-postgresql.slice/postgresql@15-main.service", "", "", false, "postgresql@15-main.service"),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/app-code.service", "", "", false, "app-code.service"),
        ("/user.slice/user-1000.slice/user@1000.service", "", "", false, "user@1000.service"),
        ("/user.slice/user-0.slice/session-3.scope", "", "", false, "session-3.scope"),
        ("/docker/3FAA", "", "", false, ""),
        ("/", "", "", false, ""),
        ("", "", "", false, ""),
    ];

    #[test]
    fn reads_every_layout() {
        let real = |text: &str| {
            text.replace("UNDER", &UID.replace('-', "_")).replace("UID", UID).replace("ID", ID)
        };
        for (path, id, runtime, pod, unit) in CASES {
            let path = real(path);
            let place = Place::of(&path);
            let found = place.container.as_ref();
            assert_eq!(found.map_or("", |f| &f.id), real(id), "{path}");
            assert_eq!(found.and_then(|f| f.runtime).unwrap_or_default(), *runtime, "{path}");
            assert_eq!(place.pod_uid.as_deref(), pod.then_some(UID), "{path}");
            assert_eq!(place.unit.unwrap_or_default(), real(unit), "{path}");
        }
    }

    #[test]
    fn the_containers_own_path_is_where_it_begins() {
        let path = format!("/docker/{ID}/system.slice/docker-{}.scope", "e".repeat(64));
        let place = Place::of(&path);
        assert_eq!(place.container.unwrap().path, format!("/docker/{ID}"));
    }

    #[test]
    fn tables_are_sorted() {
        assert!(FORMS.is_sorted_by_key(|form| (form.prefix, form.suffix)));
        assert!(PARENTS.is_sorted_by_key(|(parent, ..)| parent));
    }

    proptest! {
        #[test]
        fn no_path_panics(path in "(/|[a-f0-9]{64}|docker-|\\.scope|kubepods|-pod|machine\\.slice|machine-|\\\\x2d|\\\\x|.){0,12}") {
            let place = Place::of(&path);
            if let Some(found) = place.container {
                prop_assert!(path.starts_with(found.path));
            }
        }
    }
}
