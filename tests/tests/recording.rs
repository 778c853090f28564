//! A recording of real traffic gives the same calls again, without the kernel.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tests::clients::{program, python, run};
use tests::sandbox::Sandbox;
use tests::simulator::Config;
use tests::tracer::binary;

const KEY: &str = "sk-planted-51c0ffee";

/// Records while a client makes two calls; returns what a replay prints.
fn record_and_replay(arguments: &[&str]) -> (Vec<u8>, Vec<Value>) {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let file = sandbox.folder().join("recording");
    let mut child = Command::new(binary().unwrap())
        .arg("record")
        .arg(&file)
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let mut client = sandbox.command(python().unwrap());
    client.arg(program("client_http_client.py"));
    client.args(["--repeat", "2", "--stream", "--usage", "--key", KEY, "--sim", "in=120; out=45"]);
    run(&mut client, Duration::from_secs(30)).unwrap().succeeded().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    // SAFETY: kill(2) on our own child.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
    assert!(child.wait().unwrap().success());
    // The replay may be anybody's: nobody's rights will do.
    let bytes = std::fs::read(&file).unwrap();
    let output = Command::new(binary().unwrap()).arg("replay").arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains(KEY));
    let events = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (bytes, events)
}

fn right(events: &[Value]) {
    let calls: Vec<_> = events.iter().filter(|e| e["event.name"] == "ai.call").collect();
    assert_eq!(calls.len(), 2, "{events:#?}");
    for call in calls {
        assert_eq!(call["gen_ai.usage.input_tokens"], 120);
        assert_eq!(call["gen_ai.usage.output_tokens"], 45);
        assert_eq!(call["process.title"], "python client_http_client.py");
        assert_eq!(call["aitrace.capture"], "complete");
    }
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
#[ignore = "root"]
fn content_is_decoded_anew() {
    let (bytes, events) = record_and_replay(&["--with-content"]);
    assert!(has(&bytes, KEY), "content is what was asked for");
    right(&events);
}

#[test]
#[ignore = "root"]
fn without_content_nothing_secret_is_in_the_file() {
    let (bytes, events) = record_and_replay(&[]);
    assert!(!has(&bytes, KEY) && !has(&bytes, "Say something short"));
    right(&events);
}
