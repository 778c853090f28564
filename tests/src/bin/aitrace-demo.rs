//! `cargo xtask run --demo`: real clients, a simulated provider, real events, and an end.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tests::clients::{program, run};
use tests::sandbox::Sandbox;
use tests::simulator::Config;
use tests::tracer::binary;

const LIMIT: Duration = Duration::from_secs(30);

fn main() -> Result<()> {
    let sandbox = Sandbox::start(Config::default()).context("the demo needs root")?;
    eprintln!(
        "demo: a simulated provider answers as api.openai.com and api.anthropic.com, in a network of its own"
    );
    let mut tracer = Command::new(binary()?)
        .args(["stream", "--heartbeat", "3600"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let events = tracer.stdout.take().context("events")?;
    let (first, started) = std::sync::mpsc::channel();
    let printer = std::thread::spawn(move || {
        let mut calls = 0;
        for line in std::io::BufRead::lines(std::io::BufReader::new(events)).map_while(Result::ok) {
            calls += usize::from(line.contains("\"event.name\":\"ai.call\""));
            // The first line says that everything is attached; nobody listens for the others.
            let _ = first.send(());
            #[allow(clippy::print_stdout, reason = "the demo's output")]
            {
                println!("{line}");
            }
        }
        calls
    });
    started.recv_timeout(LIMIT).context("aitrace did not start")?;
    let began = Instant::now();
    let done = play(&sandbox);
    std::thread::sleep(Duration::from_millis(500));
    // SAFETY: kill(2) on our own child, which has not been waited for.
    unsafe { libc::kill(tracer.id() as libc::pid_t, libc::SIGTERM) };
    let status = tracer.wait()?;
    let calls = printer.join().unwrap_or(0);
    let asked = done?;
    eprintln!(
        "demo: {asked} calls by curl and Python, {calls} reported, {:.1} s",
        began.elapsed().as_secs_f64()
    );
    ensure!(status.success(), "aitrace ended with {status}");
    ensure!(calls == asked, "{calls} of {asked} calls were reported");
    Ok(())
}

/// Makes calls of every kind; how many.
fn play(sandbox: &Sandbox) -> Result<usize> {
    let mut calls = 0;
    let body = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}"#;
    eprintln!("demo: curl asks api.openai.com");
    let mut curl = sandbox.command("curl");
    curl.args(["-sS", "https://api.openai.com/v1/chat/completions", "-d", body]);
    curl.args(["-H", "content-type: application/json", "-H", "x-sim: in=12; out=34"]);
    run(&mut curl, LIMIT)?.succeeded()?;
    calls += 1;
    let plays: [(&str, &[&str]); 4] = [
        (
            "streams an answer",
            &["--stream", "--usage", "--sim", "in=120; out=45; cached=20; events=12; pace-us=5000"],
        ),
        (
            "asks api.anthropic.com, with tools",
            &[
                "--api",
                "messages",
                "--stream",
                "--tools",
                "search,add",
                "--sim",
                "in=800; out=60; tools=search",
            ],
        ),
        ("is over its rate limit", &["--sim", "fail=429; retry-after=7"]),
        ("loses its stream", &["--stream", "--sim", "events=40; cut=5"]),
    ];
    for (what, arguments) in plays {
        eprintln!("demo: Python {what}");
        let mut python = sandbox.command("python3");
        python.arg(program("client_http_client.py")).args(arguments);
        run(&mut python, LIMIT)?.succeeded()?;
        calls += 1;
    }
    Ok(calls)
}
