//! Programs that carry their TLS library inside: each call is reported once, with the simulator's
//! figures, or the program is named with the reason why not.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::time::Duration;

use tests::clients::{self, program, run};
use tests::runtimes::{deno, rustls_clients, stripped};
use tests::sandbox::Sandbox;
use tests::simulator::Config;
use tests::tracer::Tracer;

const LIMIT: Duration = Duration::from_secs(60);
const SCRIPT: &str = "in=120; out=45; cached=20; reasoning=7; events=12";

/// Runs a client twice, three calls each, the second time streaming; every call must be exact.
fn exact(library: &str, clients: &[(&Path, &[&str])]) {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let tracer = Tracer::start(&[]).unwrap();
    for (client, arguments) in clients {
        for stream in [false, true] {
            let mut command = sandbox.command(client);
            command.args(*arguments).args(["--calls", "3", "--sim", SCRIPT]);
            // A file met for the first time is read and probed while its program already runs.
            command.args(["--idle", if stream { "0" } else { "3" }]);
            if stream {
                command.arg("--stream");
            }
            run(&mut command, LIMIT).and_then(clients::Finished::succeeded).unwrap();
        }
    }
    let told = sandbox.simulator.told();
    assert_eq!(told.len(), clients.len() * 6);
    tracer.wait_for(told.len(), Duration::from_secs(10));
    let finished = tracer.finish().unwrap();
    let calls = finished.calls();
    for truth in &told {
        let found: Vec<_> = calls
            .iter()
            .filter(|call| call["aitrace.provider.request_id"] == truth.request_id)
            .collect();
        assert_eq!(found.len(), 1, "{truth:?}: {calls:#?} {}", finished.books());
        let call = found[0];
        assert_eq!(call["gen_ai.usage.input_tokens"].as_u64(), truth.tokens.input, "{call:#}");
        assert_eq!(call["gen_ai.usage.output_tokens"].as_u64(), truth.tokens.output, "{call:#}");
        assert_eq!(call["tls.library"], library, "{call:#}");
        assert_eq!(call["server.address"], "api.openai.com", "{call:#}");
        assert_eq!(call["aitrace.capture"], "complete", "{call:#}");
    }
    assert_eq!(calls.len(), told.len());
    assert_eq!(finished.books()["aitrace.books.closed"], true, "{:#}", finished.books());
    eprintln!("{library}: {} calls, all exact", told.len());
}

#[test]
#[ignore = "root"]
fn an_older_rustls_is_seen_exactly() {
    let old = rustls_clients().unwrap().join("rustls-0-21");
    exact("rustls", &[(&old, &["--tls", "1.3"]), (&old, &["--tls", "1.2"])]);
}

#[test]
#[ignore = "root"]
fn stripped_rustls_is_named_with_its_reason() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let reqwest = rustls_clients().unwrap().join("reqwest");
    let reqwest = stripped(&reqwest, sandbox.folder().join("reqwest")).unwrap();
    // What is not probed is said at level info; doctor says it, too.
    let tracer = Tracer::start_at("info", &[]).unwrap();
    let script = program("fetch.js");
    let mut rust = sandbox.command(&reqwest);
    let mut deno = sandbox.command(deno().unwrap());
    deno.args(["run", "--no-lock", "--allow-all"]).arg(script);
    for command in [&mut rust, &mut deno] {
        command.args(["--idle", "3", "--sim", SCRIPT]);
        run(command, LIMIT).and_then(clients::Finished::succeeded).unwrap();
    }
    assert_eq!(sandbox.simulator.told().len(), 2);
    let finished = tracer.finish().unwrap();
    assert!(finished.calls().is_empty(), "what is not read is not reported as read");
    for name in ["reqwest", "deno"] {
        let named =
            |line: &&str| line.contains(name) && line.contains("stripped_rustls_not_recognised");
        assert!(finished.text.lines().any(|line| named(&line)), "{name}: {}", finished.text);
    }
}
