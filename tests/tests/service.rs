//! The agent as a service: one run feeds the file, the live view, the history and the report, and
//! all of them say the same.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::clients::{program, python, run};
use tests::sandbox::Sandbox;
use tests::simulator::Config;
use tests::tracer::binary;

const LIMIT: Duration = Duration::from_secs(60);

struct Service {
    child: Child,
    folder: tempfile::TempDir,
}

impl Service {
    fn start(folder: tempfile::TempDir) -> Self {
        let config = folder.path().join("config.toml");
        let text = format!(
            "[agent]\nruntime_dir = \"{0}/run\"\nstate_dir = \"{0}/state\"\nheartbeat_s = 1\n\
             [http]\nlisten = \"\"\n[[sink]]\ntype = \"file\"\npath = \"{0}/events.jsonl\"\n",
            folder.path().display()
        );
        std::fs::create_dir_all(folder.path().join("state")).unwrap();
        std::fs::write(&config, text).unwrap();
        let child = Command::new(binary().unwrap())
            .args(["run", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut service = Self { child, folder };
        service.until("it is attached", |service| {
            service.events().iter().any(|event| event["event.name"] == "heartbeat")
        });
        service
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Whole lines of the file sink.
    fn events(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("events.jsonl")).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn calls(&self) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event.name"] == "ai.call").collect()
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !done(self) {
            assert!(Instant::now() < deadline, "waited in vain: {what}");
            assert!(self.child.try_wait().unwrap().is_none(), "the service ended");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: kill(2) on a child that has not been waited for.
        unsafe { libc::kill(self.child.id() as libc::pid_t, signal) };
    }

    fn end(mut self, signal: libc::c_int) -> tempfile::TempDir {
        self.signal(signal);
        self.child.wait().unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(libc::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

fn burst(sandbox: &Sandbox) {
    let mut client = sandbox.command(python().unwrap());
    client.arg(program("burst.py")).args(["--parallel", "2", "--repeat", "25"]);
    let finished = run(&mut client, LIMIT).unwrap();
    assert!(finished.status.success(), "{}", finished.stderr);
}

fn aitrace(arguments: &[&str], file: (&str, &Path)) -> String {
    let output =
        Command::new(binary().unwrap()).args(arguments).arg(file.0).arg(file.1).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn report(folder: &Path) -> Value {
    let history = folder.join("state/history.db");
    let arguments = ["report", "--json", "--since", "2h", "--by", "provider"];
    serde_json::from_str(&aitrace(&arguments, ("--history", &history))).unwrap()
}

/// Calls, failures, tokens in, tokens out.
fn sums(calls: &[Value]) -> [u64; 4] {
    let sum = |key: &str| calls.iter().filter_map(|call| call[key].as_u64()).sum();
    let failed = calls.iter().filter(|call| call["aitrace.failure.class"].is_string()).count();
    let (input, output) = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens");
    [calls.len() as u64, failed as u64, sum(input), sum(output)]
}

fn reported(report: &Value) -> [u64; 4] {
    ["calls", "failed", "input_tokens", "output_tokens"]
        .map(|key| report["totals"][key].as_u64().unwrap_or(0))
}

#[test]
#[ignore = "root"]
fn file_view_history_and_report_agree_and_a_killed_run_is_told() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let mut service = Service::start(tempfile::tempdir().unwrap());
    burst(&sandbox);
    let told = sandbox.simulator.told().len();
    assert!(told > 0);
    service.until("every call is in the file", |service| service.calls().len() >= told);

    // Live: a client of the socket sees what comes from now on.
    let socket = service.path("run/events.sock");
    let view = Command::new(binary().unwrap())
        .args(["top", "--once", "--wait", "8", "--size", "160x30", "--socket"])
        .arg(&socket)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let before = service.calls().len();
    burst(&sandbox);
    let told = sandbox.simulator.told().len();
    service.until("every call is in the file", |service| service.calls().len() >= told);
    let seen = &service.calls()[before..];
    let frame = String::from_utf8(view.wait_with_output().unwrap().stdout).unwrap();
    let rate = format!("{:.1} calls/s", seen.len() as f64 / 60.0);
    assert!(frame.contains(&rate) && frame.contains("nothing lost"), "{rate}\n{frame}");

    // A second, and the history has them; then the run is killed.
    std::thread::sleep(Duration::from_millis(2500));
    let calls = service.calls();
    assert_eq!(reported(&report(service.folder.path())), sums(&calls));
    let folder = service.end(libc::SIGKILL);

    // The next run goes on in the same history, and ends by itself.
    std::fs::rename(folder.path().join("events.jsonl"), folder.path().join("first.jsonl")).unwrap();
    let mut service = Service::start(folder);
    burst(&sandbox);
    let told = sandbox.simulator.told().len() - told;
    service.until("every call is in the file", |service| service.calls().len() >= told);
    let later = service.calls();
    let folder = service.end(libc::SIGTERM);
    let both: Vec<Value> = calls.into_iter().chain(later).collect();
    assert_eq!(reported(&report(folder.path())), sums(&both));
    println!("{} calls: file, view, history and report agree", both.len());
}
