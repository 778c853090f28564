//! Calls from inside containers of real runtimes, and from cgroups made by hand: attributed to who
//! they are, and never to whom they pretend to be.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tests::containers::{Cgroup, call, cgroup_root, dockerd, pack, present, rootfs, succeed};
use tests::sandbox::Sandbox;
use tests::simulator::Config;
use tests::tracer::{Finished, Tracer};

fn configuration(sandbox: &Sandbox, text: &str) -> PathBuf {
    let file = sandbox.folder().join("aitrace.toml");
    std::fs::write(&file, text).unwrap();
    file
}

fn of<'a>(finished: &'a Finished, model: &str) -> &'a Value {
    let calls = finished.calls();
    let mine: Vec<_> =
        calls.into_iter().filter(|call| call["gen_ai.request.model"] == model).collect();
    assert_eq!(mine.len(), 1, "{model}: {mine:#?}\n{}", finished.text);
    mine[0]
}

/// curl in a cgroup made by hand.
fn in_cgroup(sandbox: &Sandbox, cgroup: &Cgroup, model: &str) {
    let mut arguments = call(model);
    let at = arguments.iter().position(|a| a == "/etc/authority.pem").unwrap();
    arguments[at] = sandbox.authority().display().to_string();
    let mut command = sandbox.command("/bin/sh");
    command.args(["-c", &cgroup.enter(), "sh", "curl"]).args(arguments);
    succeed(&mut command).unwrap();
}

#[test]
#[ignore = "root"]
fn cgroups_made_by_hand_are_read_and_environment_and_rules_name_their_service() {
    if cgroup_root().is_err() {
        println!("SKIPPED: no cgroup v2 hierarchy");
        return;
    }
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let file = configuration(
        &sandbox,
        "[attribution]\ndocker = []\npodman = []\ncri = []\n[[attribution.rules]]\nmatch = { \"service.name\" = \"shop-*\" }\nteam = \"search\"\nuse_case = \"support\"\nprotect = true\n",
    );
    let tracer = Tracer::start(&["--config", file.to_str().unwrap()]).unwrap();
    let (uid, id) = ("0f3b6c1e-5a1f-4f4e-9d34-0a3a5f0e2b11", "3f".repeat(32));
    let pod = format!(
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice/cri-containerd-{id}.scope",
        uid.replace('-', "_")
    );
    {
        let cgroup = Cgroup::make(&pod).unwrap();
        in_cgroup(&sandbox, &cgroup, "m-pod");
        // Gone before its call is written.
    }
    {
        let cgroup = Cgroup::make("/system.slice/aitrace-test.service").unwrap();
        let mut arguments = call("m-unit");
        let at = arguments.iter().position(|a| a == "/etc/authority.pem").unwrap();
        arguments[at] = sandbox.authority().display().to_string();
        let mut command = sandbox.command("/bin/sh");
        command.env("OTEL_SERVICE_NAME", "shop-api").env("SECRET_KEY", "sk-never-seen-4711");
        command.env("OTEL_RESOURCE_ATTRIBUTES", "service.version=1.2,service.namespace=eu");
        command.args(["-c", &cgroup.enter(), "sh", "curl"]).args(arguments);
        succeed(&mut command).unwrap();
    }
    tracer.wait_for(2, Duration::from_secs(20));
    let finished = tracer.finish().unwrap();
    let pod_call = of(&finished, "m-pod");
    assert_eq!(pod_call["container.id"], *id, "{pod_call:#}");
    assert_eq!(pod_call["container.runtime.name"], "containerd");
    assert_eq!(pod_call["k8s.pod.uid"], uid);
    assert_eq!(pod_call["linux.cgroup.path"], *pod);
    let unit = of(&finished, "m-unit");
    assert_eq!(unit["systemd.unit"], "aitrace-test.service", "{unit:#}");
    assert_eq!(unit["service.name"], "shop-api");
    assert_eq!(unit["service.version"], "1.2");
    assert_eq!(unit["service.namespace"], "eu");
    assert_eq!(unit["aitrace.team"], "search");
    assert_eq!(unit["aitrace.use_case"], "support");
    assert_eq!(unit["aitrace.protect"], true);
    assert_eq!(unit["aitrace.workload"], "aitrace-test");
    assert_eq!(unit["process.title"], "curl");
    // The shell that became curl.
    assert_eq!(unit["aitrace.process.replaced"][0], "sh", "{unit:#}");
    assert!(!finished.text.contains("sk-never-seen-4711"));
    assert_eq!(finished.books()["aitrace.books.closed"], true);
}

fn docker(socket: &Path) -> Command {
    let mut command = Command::new("/usr/bin/docker");
    command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    command
}

#[test]
#[ignore = "root"]
fn docker_containers_are_named_and_a_forged_cgroup_is_not() {
    if !present(&["dockerd", "containerd", "runc", "busybox", "curl", "docker"]).unwrap() {
        return;
    }
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let folder = sandbox.folder().join("docker");
    std::fs::create_dir(&folder).unwrap();
    let root = folder.join("rootfs");
    rootfs(&root, sandbox.authority()).unwrap();
    let archive = folder.join("image.tar");
    pack(&root, &archive).unwrap();
    let daemon = dockerd(&sandbox, &folder).unwrap();
    succeed(docker(&daemon.socket).arg("import").arg(&archive).arg("curl:1")).unwrap();
    let file = configuration(
        &sandbox,
        &format!(
            "[attribution]\ndocker = [\"{}\"]\npodman = []\ncri = []\n",
            daemon.socket.display()
        ),
    );
    let tracer = Tracer::start(&["--config", file.to_str().unwrap()]).unwrap();
    let run = |name: &str, more: &[&str], arguments: &[String]| {
        let mut command = docker(&daemon.socket);
        command.args(["run", "--net=host", "--name", name]).args(more).arg("curl:1");
        succeed(command.args(arguments))
    };
    let curl = |model: &str| [vec!["/bin/curl".to_owned()], call(model)].concat();
    // A library that nobody has mapped before is not probed within the few milliseconds of one curl:
    // the image's first container makes it known.
    let linger = "/bin/sleep 3 | /bin/curl -s -m 2 telnet://127.0.0.1:443; true";
    let linger = ["/bin/sh", "-c", linger].map(str::to_owned);
    run("first", &["--rm"], &linger).unwrap();
    // Removed by its runtime the moment it ends.
    run("short", &["--rm", "--label", "team=search", "--label", "evil=a\nb"], &curl("m-short"))
        .unwrap();
    let sleep = ["/bin/sleep".to_owned(), "300".to_owned()];
    let victim = run("victim", &["-d"], &sleep).unwrap();
    // A process that joins later.
    let mut exec = docker(&daemon.socket);
    succeed(exec.args(["exec", "victim"]).args(curl("m-exec"))).unwrap();
    {
        let forged = Cgroup::make(&format!("/evil/docker-{victim}.scope")).unwrap();
        in_cgroup(&sandbox, &forged, "m-forged");
    }
    tracer.wait_for(3, Duration::from_secs(20));
    let finished = tracer.finish().unwrap();
    succeed(docker(&daemon.socket).args(["rm", "-f", "victim"])).unwrap();

    let short = of(&finished, "m-short");
    assert_eq!(short["container.name"], "short", "{short:#}");
    assert_eq!(short["container.image.name"], "curl:1");
    assert_eq!(short["container.runtime.name"], "docker");
    assert_eq!(short["aitrace.team"], "search");
    assert_eq!(short["aitrace.workload"], "short");
    let exec = of(&finished, "m-exec");
    assert_eq!(exec["container.name"], "victim", "{exec:#}");
    assert_eq!(exec["container.id"], *victim);
    let forged = of(&finished, "m-forged");
    assert_eq!(forged["aitrace.container.untrusted"], true, "{forged:#}");
    assert!(forged.get("container.name").is_none() && forged.get("container.id").is_none());
    assert_eq!(finished.books()["aitrace.books.closed"], true);
}
