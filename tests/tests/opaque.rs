//! A client whose TLS cannot be read: who it asks and when is told, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use serde_json::Value;
use tests::clients::{self, program, run};
use tests::sandbox::Sandbox;
use tests::simulator::Config;
use tests::tracer::Tracer;

const LIMIT: Duration = Duration::from_secs(120);

#[test]
#[ignore = "root"]
fn java_is_seen_from_outside() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let tracer = Tracer::start(&[]).unwrap();
    let mut java = sandbox.command("java");
    java.arg(program("HttpsClient.java"));
    java.args(["https://api.openai.com/v1/chat/completions"; 3]);
    java.arg("https://www.example.com/v1/anything");
    let client = run(&mut java, LIMIT).and_then(clients::Finished::succeeded).unwrap();
    assert!(client.stdout.starts_with("200\n200\n200\n"), "{}", client.stdout);
    tracer.wait_for(3, Duration::from_secs(10));
    let finished = tracer.finish().unwrap();
    let calls = finished.calls();
    assert_eq!(calls.len(), 3, "{calls:#?}");
    for call in calls {
        let is = |key: &str, value: &str| assert_eq!(call[key], value, "{call:#}");
        is("tls.library", "opaque");
        is("aitrace.capture", "opaque");
        is("server.address", "api.openai.com");
        is("gen_ai.provider.name", "openai");
        is("network.peer.address", "127.0.0.1");
        assert_eq!(call["server.port"], 443);
        assert_eq!(call["process.pid"], client.pid);
        assert!(call["aitrace.duration_s"].as_f64().unwrap() > 0.0);
        for unknown in [
            "gen_ai.operation.name",
            "gen_ai.request.model",
            "gen_ai.usage.input_tokens",
            "http.response.status_code",
            "http.request.method",
            "error.type",
        ] {
            assert_eq!(call[unknown], Value::Null, "{call:#}");
        }
    }
    assert_eq!(finished.books()["aitrace.books.closed"], true, "{:#}", finished.books());
}
