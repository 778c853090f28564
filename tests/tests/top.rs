//! The live view in a real terminal: what it shows is what the agent's socket said; keys, sizes, ends.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Write as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tests::tracer::binary;
use tracer::sinks::clock::format_rfc3339;

const LIMIT: Duration = Duration::from_secs(20);
const TMUX: &str = "/usr/bin/tmux";

/// A terminal of its own, on a server of its own; ended when dropped.
struct Terminal {
    folder: tempfile::TempDir,
    listener: UnixListener,
}

impl Terminal {
    fn tmux(&self, arguments: &[&str]) -> String {
        let server = self.folder.path().join("tmux");
        let output = Command::new(TMUX).arg("-S").arg(server).args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// A shell in which the view is started; the socket is ours.
    fn start(width: u16, height: u16, before: &str) -> (Self, UnixStream) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("events.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let terminal = Self { folder, listener };
        let (width, height) = (width.to_string(), height.to_string());
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &width,
            "-y",
            &height,
            "env PS1='READY> ' sh",
        ]);
        let view =
            format!("{before}{} top --socket {}", binary().unwrap().display(), socket.display());
        terminal.keys(&[&view, "Enter"]);
        let (mut stream, _) = terminal.listener.accept().unwrap();
        writeln!(stream, "{}", json!({"aitrace.socket.version": 1})).unwrap();
        (terminal, stream)
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// The view's process id.
    fn view(&self) -> i32 {
        let pid = self.tmux(&["list-panes", "-F", "#{pane_pid}"]);
        let children = format!("/proc/{0}/task/{0}/children", pid.trim());
        std::fs::read_to_string(children).unwrap().trim().parse().unwrap()
    }

    /// Waits until all of these are on the screen.
    fn shows(&self, expected: &[&str]) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let screen = self.screen();
            let missing: Vec<_> = expected.iter().filter(|text| !screen.contains(**text)).collect();
            if missing.is_empty() {
                return screen;
            }
            assert!(Instant::now() < deadline, "{missing:?} not on\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let server = self.folder.path().join("tmux");
        let _ = Command::new(TMUX).arg("-S").arg(server).arg("kill-server").output();
    }
}

fn send(stream: &mut UnixStream, index: u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut call = json!({
        "timestamp": format_rfc3339(u64::try_from(now.as_nanos()).unwrap()), "event.name": "ai.call",
        "process.pid": 4000 + index % 2, "process.title": "python app.py",
        "aitrace.workload": format!("shop-{}", index % 2),
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 6000,
        "gen_ai.usage.output_tokens": 600, "aitrace.usage.complete": true, "aitrace.cost.usd": 0.05,
        "aitrace.duration_s": 2.5, "aitrace.role": "client", "aitrace.capture": "complete",
    });
    if index == 0 {
        call["aitrace.failure.class"] = json!("overloaded");
        call["aitrace.failure.capacity"] = json!(true);
        call["error.type"] = json!("overloaded_error");
    }
    writeln!(stream, "{call}").unwrap();
}

#[allow(clippy::print_stdout, reason = "a skip is said aloud")]
fn has_tmux() -> bool {
    if Path::new(TMUX).exists() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "no {TMUX}: run `cargo xtask setup --tests`");
    println!("SKIPPED: no {TMUX} here");
    false
}

#[test]
fn the_screen_says_what_the_events_said() {
    if !has_tmux() {
        return;
    }
    let (terminal, mut stream) = Terminal::start(80, 24, "");
    terminal.shows(&["No AI calls in this window yet.", "nothing lost"]);
    for index in 0..30 {
        send(&mut stream, index);
    }
    // 30 calls in a minute: half a call, 3,000 tokens in and 300 out a second; $1.50 a minute.
    terminal.shows(&[
        "0.5 calls/s",
        "in 3000/s",
        "out 300/s",
        "$90.00/h",
        "failed 3.3%",
        "shop-0",
        "shop-1",
    ]);
    terminal.keys(&["2"]);
    terminal.shows(&["gpt-4o", "model"]);
    terminal.keys(&["4"]);
    terminal.shows(&["overloaded"]);
    // The first call is the last line.
    terminal.keys(&["9", "End"]);
    terminal.shows(&["overloaded_", "python app"]);
    terminal.keys(&["1", "/", "shop-1", "Enter"]);
    let screen = terminal.shows(&["filter: shop-1", "$45.00/h"]);
    assert!(!screen.contains("shop-0"), "{screen}");
    terminal.keys(&["Enter"]);
    terminal.shows(&["python app.py [4001]"]);
    terminal.keys(&["Escape", "?"]);
    terminal.shows(&["keys", "this help"]);
    terminal.keys(&["?"]);

    terminal.tmux(&["resize-window", "-x", "300", "-y", "50"]);
    terminal.shows(&["8 in flight", "failures in this window", "1st chunk"]);
    terminal.tmux(&["resize-window", "-x", "80", "-y", "24"]);
    terminal.shows(&["8 open"]);

    writeln!(stream, "not an event").unwrap();
    terminal.shows(&["LOST unreadable 1"]);
    drop(stream);
    terminal.shows(&["agent (ended)"]);
    terminal.keys(&["q"]);
    terminal.shows(&["READY>"]);
}

#[test]
fn a_signal_gives_the_terminal_back_and_no_color_is_heard() {
    if !has_tmux() {
        return;
    }
    let (terminal, mut stream) = Terminal::start(80, 24, "NO_COLOR=1 ");
    send(&mut stream, 0);
    terminal.shows(&["failed 100.0%"]);
    let coloured = terminal.tmux(&["capture-pane", "-p", "-e"]);
    assert!(!coloured.contains("\u{1b}[31m") && !coloured.contains("\u{1b}[32m"), "{coloured:?}");
    // SAFETY: kill(2) of the view, a child of the shell that this test started.
    unsafe { libc::kill(terminal.view(), libc::SIGTERM) };
    terminal.shows(&["READY>"]);
    terminal.keys(&["stty -a | tr ' ;' '\\n\\n' | grep -cx -e icanon -e echo", "Enter"]);
    // Both are on again: raw mode had them off.
    terminal.shows(&["\n2\n"]);
}

#[test]
fn a_terminal_that_hangs_up_ends_the_view() {
    if !has_tmux() {
        return;
    }
    let (terminal, _stream) = Terminal::start(80, 24, "");
    terminal.shows(&["nothing lost"]);
    let view = terminal.view();
    drop(terminal);
    let deadline = Instant::now() + LIMIT;
    while Path::new(&format!("/proc/{view}/stat")).exists() {
        assert!(Instant::now() < deadline, "the view goes on without a terminal");
        std::thread::sleep(Duration::from_millis(50));
    }
}
