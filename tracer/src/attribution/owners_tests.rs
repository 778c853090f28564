use super::*;
use crate::event::{CgroupMade, CgroupRemoved, Exec, Exit, Origin};
use bytes::Bytes;

const ID: &str = "3faaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const SECOND: u64 = 1_000_000_000;

fn path() -> String {
    format!("/docker/{ID}")
}

fn cgroup(path: &str, uid: u32) -> Cgroup {
    Cgroup { path: path.into(), uid }
}

fn known(at: Option<&str>) -> Option<Known> {
    let container = Container {
        id: ID.into(),
        name: Some("victim".into()),
        cgroup: at.map(Into::into),
        ..Container::default()
    };
    Some(Known::Found(Arc::new(container)))
}

/// (name given, id given, untrusted)
fn belief(path: &str, uid: u32, known: Option<Known>) -> (bool, bool, bool) {
    let place = Place::of(path);
    let (container, untrusted) = believe(&place.container.unwrap(), &cgroup(path, uid), known);
    let container = container.as_ref();
    (container.is_some_and(|c| c.name.is_some()), container.is_some(), untrusted)
}

#[test]
fn a_runtimes_word_is_taken_only_for_its_own_cgroup() {
    let real = path();
    assert_eq!(belief(&real, 0, known(Some(&real))), (true, true, false));
    // A container with user ids of its own: its runtime vouches for the place.
    assert_eq!(belief(&real, 100_000, known(Some(&real))), (true, true, false));
    // Not started yet: only root can have made it.
    assert_eq!(belief(&real, 0, known(None)), (true, true, false));
    assert_eq!(belief(&real, 1000, known(None)), (false, false, true));
    // The victim's name somewhere else.
    let forged = format!("/user.slice/user-1000.slice/user@1000.service/docker-{ID}.scope");
    assert_eq!(belief(&forged, 1000, known(Some(&real))), (false, false, true));
    assert_eq!(
        belief(&format!("/evil/docker-{ID}.scope"), 0, known(Some(&real))),
        (false, false, true)
    );
    // Nobody knows the id: it is nobody's, but who made it is no runtime of the host.
    assert_eq!(belief(&forged, 1000, None), (false, true, true));
    assert_eq!(belief(&real, 0, None), (false, true, false));
}

fn origin(tgid: u32, at: u64, cgroup_id: u64) -> Origin {
    let process = ProcessKey { tgid, start: BootTime(u64::from(tgid)) };
    Origin { at: BootTime(at), process, cgroup_id, ..Origin::default() }
}

fn exec(tgid: u32, at: u64, cgroup_id: u64) -> KernelEvent {
    KernelEvent::Exec(Box::new(Exec {
        origin: origin(tgid, at, cgroup_id),
        parent: ProcessKey::default(),
        uid: 0,
        gid: 0,
        comm: "python3".into(),
        path: "/usr/bin/python3".into(),
        argv: vec![Bytes::from_static(b"python3"), Bytes::from_static(b"app.py")],
        argv_cut: false,
        environment: Some(vec![Bytes::from_static(b"OTEL_SERVICE_NAME=shop")]),
    }))
}

fn made(id: u64, at: u64, path: String) -> KernelEvent {
    let origin = origin(1, at, 1);
    KernelEvent::CgroupMade(Box::new(CgroupMade { origin, id, is_v2: true, uid: 0, path }))
}

#[test]
fn a_container_that_is_gone_is_still_known_by_its_events() {
    let mut owners = Owners::recorded(&Attribution::default());
    owners.push(&made(77, 1, path()));
    owners.push(&exec(5, 2, 77));
    owners.push(&KernelEvent::Exit(Exit { origin: origin(5, 3, 77), code: 0, lossy: false }));
    let removed = CgroupRemoved { origin: origin(1, 4, 1), id: 77, path: path() };
    owners.push(&KernelEvent::CgroupRemoved(Box::new(removed)));
    let key = origin(5, 0, 0).process;
    let answer = owners.owner(key, 77, None, Instant::now());
    assert_eq!(answer.pending, None);
    let owner = answer.owner;
    assert_eq!(owner.cgroup_path.as_deref(), Some(&*path()));
    assert_eq!(owner.container.as_ref().map(|c| (&*c.id, c.runtime)), Some((ID, Some("docker"))));
    assert_eq!(owner.service.name.as_deref(), Some("shop"));
    assert_eq!(owner.runtime(), Some("python"));
    assert_eq!(owner.workload.as_deref(), Some("shop"));
    // Put together once.
    let again = owners.owner(key, 77, None, Instant::now()).owner;
    assert!(Arc::ptr_eq(&owner, &again));
    // Another image is another owner.
    owners.push(&exec(5, 5, 77));
    assert!(!Arc::ptr_eq(&owner, &owners.owner(key, 77, None, Instant::now()).owner));
}

#[test]
fn ten_thousand_containers_leave_nothing_behind() {
    let runtimes = Runtimes::start(&Attribution {
        docker: vec!["/nonexistent/docker.sock".into()],
        podman: Vec::new(),
        cri: Vec::new(),
        ..Attribution::default()
    })
    .unwrap();
    let mut owners = Owners::recorded(&Attribution::default());
    owners.host = Some(Host {
        procfs: Procfs::at("/nonexistent"),
        runtimes: Some(runtimes),
        users: HashMap::new(),
        environment: true,
    });
    // Each lives for 100 ms.
    let step = SECOND / 10;
    let mut most = (0, 0, 0);
    for number in 0..10_000_u64 {
        let (id, tgid, at) = (1000 + number, number as u32 + 10, number * step);
        let path = format!("/docker/{number:064x}");
        owners.push(&made(id, at, path.clone()));
        owners.push(&exec(tgid, at + 1, id));
        let key = origin(tgid, 0, 0).process;
        let owner = owners.owner(key, id, None, Instant::now()).owner;
        assert_eq!(owner.cgroup_path.as_deref(), Some(&*path));
        owners.push(&KernelEvent::Exit(Exit {
            origin: origin(tgid, at + 2, id),
            code: 0,
            lossy: false,
        }));
        let removed = CgroupRemoved { origin: origin(1, at + 3, 1), id, path };
        owners.push(&KernelEvent::CgroupRemoved(Box::new(removed)));
        let (processes, cgroups, containers) = owners.sizes();
        most = (most.0.max(processes), most.1.max(cgroups), most.2.max(containers));
    }
    // A minute's worth of them at most, and then none.
    assert!(most.0 <= 602 && most.1 <= 602 && most.2 <= 602, "{most:?}");
    owners.push(&exec(1, 10_000 * step + 61 * SECOND, 1));
    owners.push(&made(1, 10_000 * step + 61 * SECOND, "/x".into()));
    assert_eq!(owners.sizes(), (1, 1, 0));
    assert_eq!(owners.counts(), Counts::default());
}

#[test]
fn rules_that_change_apply_at_once() {
    let mut owners = Owners::recorded(&Attribution::default());
    owners.push(&exec(5, 2, 7));
    let key = origin(5, 0, 0).process;
    assert_eq!(owners.owner(key, 7, None, Instant::now()).owner.assigned.team, None);
    let config: Attribution = toml::from_str(
        "[[rules]]\nmatch = { \"service.name\" = \"sh?p\", \"process.title\" = \"*app.py\" }\nteam = \"search\"\nprotect = true",
    )
    .unwrap();
    owners.set_rules(&config);
    let owner = owners.owner(key, 7, None, Instant::now()).owner;
    assert_eq!(owner.assigned.team.as_deref(), Some("search"));
    assert_eq!(owner.assigned.protect, Some(true));
}

/// The figure is the median of many rounds in this build.
#[test]
fn an_owner_that_is_known_costs_little() {
    let mut owners = Owners::recorded(&Attribution::default());
    for tgid in 10..10_010 {
        owners.push(&exec(tgid, 2, 7));
        owners.owner(origin(tgid, 0, 0).process, 7, None, Instant::now());
    }
    let mut rounds: Vec<f64> = (0..100)
        .map(|_| {
            let started = Instant::now();
            for tgid in 10..1010 {
                owners.owner(origin(tgid, 0, 0).process, 7, None, started);
            }
            started.elapsed().as_secs_f64() / 1000.0 * 1e6
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{:.2} µs per event (median), this build", rounds[50]);
    assert!(rounds[50] < 5.0, "{}", rounds[50]);
}
