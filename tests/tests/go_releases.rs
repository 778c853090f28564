//! Stripped Go programs of older releases: each call is reported once, with the simulator's figures. The
//! installed release is in the client matrix.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use tests::clients::{self, Running};
use tests::golang::{self, RELEASES};
use tests::sandbox::Sandbox;
use tests::simulator::Config;
use tests::tracer::Tracer;

const LIMIT: Duration = Duration::from_secs(60);
const SCRIPT: &str = "in=120; out=45; cached=20; reasoning=7; events=12";

#[test]
#[ignore = "root"]
fn older_releases_are_seen_exactly() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let mut programs = Vec::new();
    for release in RELEASES {
        match golang::build("go_client", golang::of(release), sandbox.folder()) {
            Ok(program) => programs.push(program),
            Err(error) => println!("SKIPPED {release}: {error}"),
        }
    }
    let tracer = Tracer::start(&[]).unwrap();
    for stream in [false, true] {
        let mut running = Vec::new();
        for program in &programs {
            let mut command = sandbox.command(program);
            command.args(["-calls", "3", "-sim", SCRIPT]).arg(format!("-stream={stream}"));
            // A file met for the first time is read and probed while its program already runs.
            command.args(["-idle", if stream { "0s" } else { "4s" }]);
            running.push(Running::spawn(&mut command).unwrap());
        }
        for client in running {
            client.finish(LIMIT).and_then(clients::Finished::succeeded).unwrap();
        }
    }
    let told = sandbox.simulator.told();
    assert_eq!(told.len(), programs.len() * 6);
    tracer.wait_for(told.len(), Duration::from_secs(10));
    let finished = tracer.finish().unwrap();
    let calls = finished.calls();
    for truth in &told {
        let found: Vec<_> = calls
            .iter()
            .filter(|call| call["aitrace.provider.request_id"] == truth.request_id)
            .collect();
        assert_eq!(found.len(), 1, "{truth:?}: {found:#?}");
        let call = found[0];
        assert_eq!(call["gen_ai.usage.input_tokens"].as_u64(), truth.tokens.input, "{call:#}");
        assert_eq!(call["gen_ai.usage.output_tokens"].as_u64(), truth.tokens.output, "{call:#}");
        assert_eq!(call["tls.library"], "go", "{call:#}");
        assert_eq!(call["server.address"], "api.openai.com", "{call:#}");
        assert_eq!(call["aitrace.capture"], "complete", "{call:#}");
    }
    assert_eq!(calls.len(), told.len());
    assert_eq!(finished.books()["aitrace.books.closed"], true, "{:#}", finished.books());
    println!("{} Go programs, {} calls, all exact", programs.len(), told.len());
}
