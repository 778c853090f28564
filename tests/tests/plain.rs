//! Plain HTTP to model servers, over every way of moving bytes, and connections that never stand.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use tests::clients::{self, program, run};
use tests::tracer::Tracer;

const LIMIT: Duration = Duration::from_secs(60);
/// Nobody's port by default: the server is known by its name.
const PORT: u16 = 18_437;

/// Programs of the agent that are attached to system calls now.
fn attached_to_system_calls() -> usize {
    let ours: Vec<u32> = aya::programs::loaded_programs()
        .flatten()
        .filter(|program| program.name_as_str().is_some_and(|name| name.starts_with("plain_")))
        .map(|program| program.id())
        .collect();
    assert!(!ours.is_empty(), "the agent's programs are loaded");
    aya::programs::loaded_links().flatten().filter(|link| ours.contains(&link.program_id())).count()
}

/// One test at a time: a tracer sees what the other one does.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn wait_until(what: &str, limit: Duration, done: impl Fn() -> bool) {
    let deadline = Instant::now() + limit;
    while !done() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A server of `tests/programs`, ready; ends with its standard input.
struct Server(Child);

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new("python3")
            .arg(program("vllm.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut input) = self.0.stdin.take() {
            // It may have ended already.
            let _ = input.write_all(b"x");
        }
        let _ = self.0.wait();
    }
}

#[derive(Debug, Deserialize)]
struct Made {
    name: String,
    input: u64,
    output: u64,
}

#[test]
#[ignore = "root"]
fn every_way_of_moving_bytes_is_seen_exactly() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let tracer = Tracer::start(&[]).unwrap();
    assert_eq!(attached_to_system_calls(), 0, "an idle host (does a model server run here?)");
    let (port, path) = (PORT.to_string(), folder.path().join("model.sock"));
    let uds = path.to_str().unwrap();
    let server = Server::start(&["--port", &port, "--uds", uds]);
    wait_until("attached", LIMIT, || attached_to_system_calls() >= 21);

    let mut command = Command::new("python3");
    command.arg(program("plain_client.py")).args(["--port", &port, "--uds", uds]);
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    command.args(["--other", &other.local_addr().unwrap().port().to_string()]);
    std::thread::spawn(move || no_model(&other));
    let client = run(&mut command, LIMIT).and_then(clients::Finished::succeeded).unwrap();
    let mut made: Vec<Made> =
        client.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    for (at, more) in
        [&["--unix-socket", uds][..], &["-4"], &["-6"], &["--no-keepalive"]].iter().enumerate()
    {
        for stream in [false, true] {
            let name = format!("curl-{at}-{stream}");
            let body = format!(r#"{{"model":"{name}","stream":{stream},"messages":[]}}"#);
            let mut curl = Command::new("curl");
            curl.args(["-sS", "--noproxy", "*", "-H", "x-tokens: 31,5", "-d", &body]).args(*more);
            curl.arg(format!("http://localhost:{PORT}/v1/chat/completions"));
            run(&mut curl, LIMIT).and_then(clients::Finished::succeeded).unwrap();
            made.push(Made { name, input: 31, output: 5 });
        }
    }
    let mut node = Command::new("node");
    node.arg("-e").arg(format!(
        r#"fetch("http://127.0.0.1:{PORT}/v1/chat/completions", {{method: "POST",
            headers: {{"x-tokens": "77,3"}}, body: JSON.stringify({{model: "node-fetch", messages: []}})}})
            .then(answer => answer.json()).then(answer => process.exit(answer.usage ? 0 : 1))"#
    ));
    run(&mut node, LIMIT).and_then(clients::Finished::succeeded).unwrap();
    made.push(Made { name: "node-fetch".into(), input: 77, output: 3 });

    tracer.wait_for(made.len(), Duration::from_secs(10));
    drop(server);
    // The only server has gone: nobody needs them any more.
    wait_until("detached", Duration::from_secs(20), || attached_to_system_calls() == 0);
    let finished = tracer.finish().unwrap();
    compare(&made, &finished.calls(), client.pid);
    assert_eq!(finished.books()["aitrace.books.closed"], true, "{:#}", finished.books());
}

fn compare(made: &[Made], calls: &[&Value], client: u32) {
    let mut by_model: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for call in calls {
        by_model
            .entry(call["gen_ai.response.model"].as_str().unwrap_or(""))
            .or_default()
            .push(call);
    }
    for one in made {
        let found = by_model.get_mut(&*one.name).filter(|found| !found.is_empty());
        let call = found.expect(&one.name).remove(0);
        assert_eq!(call["gen_ai.usage.input_tokens"], one.input, "{one:?}\n{call:#}");
        assert_eq!(call["gen_ai.usage.output_tokens"], one.output, "{one:?}\n{call:#}");
        assert_eq!(call["tls.library"], "none", "{call:#}");
        let capture = if one.name == "sendfile" { "gap" } else { "complete" };
        assert_eq!(call["aitrace.capture"], capture, "{call:#}");
        let unix = one.name == "unix" || one.name.starts_with("curl-0");
        let peer = match &*one.name {
            _ if unix => Value::Null,
            "ipv6" | "curl-2-true" | "curl-2-false" => "::1".into(),
            _ if one.name.starts_with("curl-3") => call["network.peer.address"].clone(),
            _ => "127.0.0.1".into(),
        };
        assert_eq!(call["network.peer.address"], peer, "{call:#}");
        if !unix {
            assert_eq!(call["server.port"], PORT, "{call:#}");
        }
        if !one.name.starts_with("curl") && one.name != "node-fetch" {
            // The connection belongs to who made it, whoever uses it.
            assert_eq!(call["process.pid"], client, "{call:#}");
        }
    }
    assert_eq!(calls.len(), made.len(), "nothing else is reported");
}

/// Answers like any web server, with nothing of interest.
fn no_model(listener: &std::net::TcpListener) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { return };
        let mut request = [0; 1024];
        // The client closes when it has its answer.
        let _ = std::io::Read::read(&mut stream, &mut request);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    }
}

#[test]
#[ignore = "root"]
fn connections_that_never_stand_are_failed_calls() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let tracer = Tracer::start(&[]).unwrap();
    let curl = |url: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "--max-time", "20", "-d", "{}", url]);
        run(&mut curl, LIMIT).unwrap()
    };
    // Nobody listens there: Ollama's port, and one that means nothing.
    let refused = curl("http://127.0.0.1:11434/v1/chat/completions");
    assert!(!refused.status.success());
    assert!(!curl("http://127.0.0.1:18438/v1/chat/completions").status.success());
    tracer.wait_for(1, Duration::from_secs(10));
    // localhost is ::1 first, where nobody listens; the next address answers: no failure.
    let server = Server::start(&["--port", "11434", "--v4"]);
    wait_until("attached", LIMIT, || attached_to_system_calls() >= 20);
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "--noproxy",
        "*",
        "-H",
        "x-tokens: 5,6",
        "-d",
        r#"{"model":"m","messages":[]}"#,
    ]);
    curl.arg("http://localhost:11434/v1/chat/completions");
    run(&mut curl, LIMIT).and_then(clients::Finished::succeeded).unwrap();
    drop(server);
    tracer.wait_for(2, Duration::from_secs(10));
    std::thread::sleep(Duration::from_secs(1));
    let finished = tracer.finish().unwrap();
    let calls = finished.calls();
    assert_eq!(calls.len(), 2, "{calls:#?}");
    let failed = calls.iter().find(|call| call["error.type"].is_string()).unwrap();
    assert_eq!(failed["error.type"], "connection_refused");
    assert_eq!(failed["aitrace.failure.class"], "network_error");
    assert_eq!(failed["gen_ai.provider.name"], "ollama");
    assert_eq!(failed["network.peer.address"], "127.0.0.1");
    assert_eq!(failed["process.pid"], refused.pid);
    assert!(calls.iter().any(|call| call["gen_ai.usage.input_tokens"] == 5));
}
