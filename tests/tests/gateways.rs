//! A gateway on this host, in front of the simulator: what its callers cause is counted once, and is
//! theirs.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tests::clients::{program, python, run};
use tests::sandbox::Sandbox;
use tests::simulator::Config;
use tests::tracer::Tracer;

/// Ended by its id when dropped.
struct Server(Child);

impl Server {
    /// Waits until a line of its output has `word`.
    fn start(command: &mut Command, word: &str) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(word)));
        assert!(said.is_some(), "the server ended before it said {word}");
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn count(calls: &[&&Value], key: &str) -> u64 {
    calls.iter().map(|call| call[key].as_u64().unwrap_or(0)).sum()
}

#[test]
#[ignore = "root"]
fn spend_behind_a_gateway_is_its_callers_and_counted_once() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    // Of the ports where AI servers listen.
    let port = "4000";
    let tracer = Tracer::start(&[]).unwrap();
    let mut command = sandbox.command(python().unwrap());
    let server = Server::start(command.arg(program("gateway.py")).arg(port), "listening");
    let mut command = sandbox.command(python().unwrap());
    command.arg(program("through_gateway.py")).arg(port);
    let client = run(&mut command, Duration::from_secs(60)).unwrap().succeeded().unwrap();
    // Three by the caller to the gateway, three by the gateway, one past it.
    tracer.wait_for(7, Duration::from_secs(20));
    let finished = tracer.finish().unwrap();
    let gateway = server.0.id();
    let all = finished.calls();
    let of = |pid: u32| -> Vec<&&Value> {
        all.iter().filter(|call| call["process.pid"] == pid).collect()
    };
    let (asked, behind) = (of(client.pid), of(gateway));
    assert_eq!((asked.len(), behind.len()), (4, 3), "{all:#?}");
    for call in &behind {
        assert_eq!(call["aitrace.counted"], false, "{call:#}");
        assert_eq!(call["aitrace.caller.pid"], client.pid, "{call:#}");
        assert!(call["aitrace.caller.workload"].is_string());
    }
    for call in &asked {
        assert!(call["aitrace.counted"].is_null(), "{call:#}");
        let through = call["server.port"] == 4000;
        assert_eq!(call["aitrace.peer.pid"] == gateway, through, "{call:#}");
    }
    let counted: Vec<&&Value> =
        all.iter().filter(|call| call["aitrace.counted"] != Value::Bool(false)).collect();
    assert_eq!(counted.len(), 4);
    // The stream's caller was not told its usage; the gateway was.
    assert_eq!(count(&counted, "gen_ai.usage.input_tokens"), 1000 + 2000 + 3000 + 4000);
    assert_eq!(count(&counted, "gen_ai.usage.output_tokens"), 100 + 200 + 300 + 400);
    let spent: f64 = asked.iter().filter_map(|call| call["aitrace.cost.usd"].as_f64()).sum();
    // 7,000 x 0.15 + 700 x 0.6, and of the other provider 3,000 x 3 + 300 x 15, millionths.
    assert!((spent - (1470.0 + 13_500.0) * 1e-6).abs() < 1e-12, "{spent}");
    println!("{} calls, {} counted", all.len(), counted.len());
}

/// LiteLLM's own proxy, where this machine has it: `AITRACE_LITELLM` is its `litellm` program.
#[test]
#[ignore = "root"]
fn litellm_is_a_gateway_like_any_other() {
    let Some(litellm) = std::env::var_os("AITRACE_LITELLM") else {
        println!(
            "SKIPPED: AITRACE_LITELLM names no litellm program (pip install 'litellm[proxy]')"
        );
        return;
    };
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let settings = sandbox.folder().join("litellm.yaml");
    let models = "model_list:\n  - model_name: house-model\n    litellm_params:\n      \
                  model: openai/gpt-4o-mini\n      api_key: sk-of-the-gateway\n";
    std::fs::write(&settings, models).unwrap();
    let port = "4000";
    let tracer = Tracer::start(&[]).unwrap();
    let mut command = sandbox.command(litellm);
    command.args(["--host", "127.0.0.1", "--port", port, "--config"]).arg(&settings);
    command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True").env("LITELLM_MASTER_KEY", "sk-of-a-caller");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let server = Server(command.stdin(Stdio::null()).spawn().unwrap());
    let mut command = sandbox.command(python().unwrap());
    command.arg(program("through_litellm.py")).arg(port);
    let client = run(&mut command, Duration::from_secs(150)).unwrap().succeeded().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let finished = tracer.finish().unwrap();
    let all = finished.calls();
    let of = |pid: u32| -> Vec<&&Value> {
        let answered = all.iter().filter(|call| call["http.response.status_code"] == 200);
        answered.filter(|call| call["process.pid"] == pid).collect()
    };
    let (asked, behind) = (of(client.pid), of(server.0.id()));
    assert_eq!((asked.len(), behind.len()), (2, 2), "{all:#?}");
    for (asked, behind) in asked.iter().zip(&behind) {
        assert_eq!(behind["aitrace.counted"], false, "{behind:#}");
        assert_eq!(behind["aitrace.caller.pid"], client.pid);
        assert!(asked["aitrace.counted"].is_null(), "{asked:#}");
        assert_eq!(asked["gen_ai.request.model"], "house-model");
        for key in ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "aitrace.cost.usd"] {
            assert!(asked[key].as_f64().is_some_and(|n| n > 0.0), "{key}: {asked:#}");
            assert_eq!(asked[key], behind[key], "{key}");
        }
    }
    println!("LiteLLM: {} chats seen, {} counted, the caller's", 4, asked.len());
}
