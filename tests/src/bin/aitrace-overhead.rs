//! `cargo xtask bench overhead`: what being traced costs a client, in one run, as ratios.
//!
//! Rounds are interleaved (untraced, aitrace, bpftrace, untraced, ...), so that drift of the machine
//! hits all alike; the median round counts. Requests per second and CPU time per request.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tests::clients::program;
use tests::sandbox::Sandbox;
use tests::simulator::Config;
use tests::tracer::Quiet;

const ROUNDS: usize = 5;
const SECONDS: &str = "1.5";
/// What people write first.
const ONE_LINER: &str = "uprobe:LIB:SSL_write,uprobe:LIB:SSL_write_ex { @bytes[comm] = sum(arg2); } uretprobe:LIB:SSL_read,uretprobe:LIB:SSL_read_ex { @reads[comm] = count(); }";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Untraced,
    Aitrace,
    Bpftrace,
}

#[derive(Clone, Copy, Debug)]
struct Traffic {
    name: &'static str,
    host: &'static str,
    path: &'static str,
}

const TRAFFIC: [Traffic; 2] = [
    Traffic { name: "AI", host: "api.openai.com", path: "/v1/chat/completions" },
    Traffic { name: "other TLS", host: "www.example.com", path: "/" },
];

/// Makes a client's command for some traffic.
type Client = fn(&Sandbox, Traffic) -> Command;

/// Requests per second, and CPU microseconds per request.
#[derive(Clone, Copy, Debug)]
struct Figures {
    rate: f64,
    cpu: f64,
}

fn main() -> Result<()> {
    let sandbox = Sandbox::start(Config { forget: true, ..Config::default() })?;
    let clients: [(&str, Client); 3] =
        [("Python http.client", python), ("Python requests", requests), ("wrk, 2 threads", wrk)];
    for (client, command) in clients {
        for traffic in TRAFFIC {
            let mut found: [Vec<Figures>; 3] = Default::default();
            for _ in 0..ROUNDS {
                for (at, mode) in
                    [Mode::Untraced, Mode::Aitrace, Mode::Bpftrace].into_iter().enumerate()
                {
                    let tracer = Running::start(mode, &sandbox)?;
                    found[at].push(measure(&mut command(&sandbox, traffic), client)?);
                    tracer.stop()?;
                }
            }
            let [untraced, aitrace, bpftrace] = found.map(median);
            report(client, traffic, untraced, aitrace, bpftrace);
        }
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "the bench's output")]
fn report(client: &str, traffic: Traffic, untraced: Figures, aitrace: Figures, bpftrace: Figures) {
    println!(
        "{client:<18} {:<10} untraced {:>7.0}/s {:>6.1} us CPU | aitrace {:.3} (CPU {:.3}) | bpftrace {:.3} (CPU {:.3})",
        traffic.name,
        untraced.rate,
        untraced.cpu,
        aitrace.rate / untraced.rate,
        aitrace.cpu / untraced.cpu,
        bpftrace.rate / untraced.rate,
        bpftrace.cpu / untraced.cpu,
    );
}

fn python(sandbox: &Sandbox, traffic: Traffic) -> Command {
    let mut command = sandbox.command("python3");
    command.arg(program("keepalive.py")).args([traffic.host, traffic.path, SECONDS]);
    command
}

fn requests(sandbox: &Sandbox, traffic: Traffic) -> Command {
    let python = tests::clients::python().unwrap_or_else(|_| "python3".into());
    let mut command = sandbox.command(python);
    command.arg(program("keepalive_requests.py")).args([traffic.host, traffic.path, SECONDS]);
    command
}

fn wrk(sandbox: &Sandbox, traffic: Traffic) -> Command {
    let mut command = sandbox.command("wrk");
    command.args(["-t2", "-c4", "-d2s"]);
    if traffic.path.starts_with("/v1/") {
        command.arg("-s").arg(program("chat.lua"));
    }
    command.arg(format!("https://{}{}", traffic.host, traffic.path));
    command
}

/// Runs a client and reads its count; CPU time is the kernel's own account of it.
fn measure(command: &mut Command, client: &str) -> Result<Figures> {
    let before = children_cpu();
    let began = std::time::Instant::now();
    let output = command.stdin(Stdio::null()).output().with_context(|| client.to_owned())?;
    let took = began.elapsed().as_secs_f64();
    let cpu = children_cpu() - before;
    let text = String::from_utf8_lossy(&output.stdout);
    let requests = match text.lines().find(|line| line.contains(" requests in ")) {
        Some(line) => line.trim().split(' ').next().and_then(|n| n.parse::<f64>().ok()),
        None => text.trim().parse().ok(),
    };
    let Some(requests) = requests else {
        bail!("{client} said: {text}{}", String::from_utf8_lossy(&output.stderr));
    };
    Ok(Figures { rate: requests / took, cpu: cpu * 1e6 / requests })
}

/// Seconds that our ended children ran.
fn children_cpu() -> f64 {
    // SAFETY: getrusage fills the struct; zeros are a valid one.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

fn median(mut figures: Vec<Figures>) -> Figures {
    let middle = figures.len() / 2;
    figures.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let rate = figures[middle].rate;
    figures.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
    Figures { rate, cpu: figures[middle].cpu }
}

enum Running {
    Nothing,
    Aitrace(Quiet),
    Bpftrace(Child),
}

impl Running {
    fn start(mode: Mode, sandbox: &Sandbox) -> Result<Self> {
        Ok(match mode {
            Mode::Untraced => Self::Nothing,
            Mode::Aitrace => Self::Aitrace(Quiet::start(&sandbox.folder().join("events"))?),
            Mode::Bpftrace => {
                let script = ONE_LINER.replace("LIB", &libssl()?);
                let child = Command::new("bpftrace")
                    .args(["-e", &script])
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .context("bpftrace")?;
                std::thread::sleep(Duration::from_secs(2));
                Self::Bpftrace(child)
            }
        })
    }

    fn stop(self) -> Result<()> {
        match self {
            Self::Nothing => {}
            Self::Aitrace(tracer) => drop(tracer),
            Self::Bpftrace(mut child) => {
                // SAFETY: kill(2) on our own child, which has not been waited for.
                unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
                child.wait()?;
            }
        }
        Ok(())
    }
}

/// The library that Python and wrk load.
fn libssl() -> Result<String> {
    let script = "import ssl, re; print(re.search(r'/\\S*libssl\\S*', open('/proc/self/maps').read()).group())";
    let output = Command::new("python3").args(["-c", script]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
