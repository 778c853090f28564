//! The kernel side with a real client: what Python writes and reads over TLS comes up, exact.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use std::time::{Duration, Instant};

use tracer::ai::providers::kernel_hosts;
use tracer::discover::Target;
use tracer::discover::elf::Elf;
use tracer::discover::libraries::{find, wants};
use tracer::event::{Direction, KernelEvent, Verdict};
use tracer::kernel::compat::Version;
use tracer::kernel::load::{Kernel, KernelOptions};
use tracer_common::limits;

/// Ends its process when the test ends, however it ends.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn target(path: &Path) -> Target {
    let bytes = std::fs::read(path).unwrap();
    let elf = Elf::parse(&bytes, wants).unwrap();
    let (library, hooks) = find(&elf).unwrap().remove(0);
    let meta = std::fs::metadata(path).unwrap();
    Target {
        path: path.into(),
        shown: path.display().to_string(),
        device: meta.dev(),
        inode: meta.ino(),
        library: library.number,
        is_go: elf.is_go,
        hooks,
    }
}

fn libssl() -> PathBuf {
    let output = Command::new("python3")
        .args(["-c", "import ssl, re; print(re.search(r'\\S*libssl\\S*', open('/proc/self/maps').read()).group())"])
        .output()
        .unwrap();
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

const SERVER: &str = r#"
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = b"[" + body[:10] + b"%d]" % len(body)
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

const CLIENT: &str = r#"
import ssl, socket, sys
context = ssl._create_unverified_context()
raw = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
tls = context.wrap_socket(raw, server_hostname=sys.argv[2])
for n in (10, 3000, 100000):
    body = (b"%06d" % n) + b"x" * (n - 6)
    tls.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % n + body)
    got = b""
    while not got.endswith(b"]"):
        got += tls.recv(65536)
tls.close()
"#;

struct Server {
    _process: Guard,
    port: String,
    _dir: tempfile::TempDir,
}

fn serve() -> Server {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            "/CN=x",
        ])
        .args(["-days", "1", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    let mut child = Command::new("python3")
        .args(["-c", SERVER])
        .arg(&cert)
        .arg(&key)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    let stdout = child.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut port).unwrap();
    Server { _process: Guard(child), port: port.trim().to_owned(), _dir: dir }
}

fn run_client(server: &Server, host: &str) -> u32 {
    let mut child =
        Guard(Command::new("python3").args(["-c", CLIENT, &server.port, host]).spawn().unwrap());
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if let Some(status) = child.0.try_wait().unwrap() {
            assert!(status.success());
            return child.0.id();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    unreachable!("the client did not end");
}

fn load(ring_bytes: u32) -> Kernel {
    load_as(ring_bytes, None)
}

fn load_as(ring_bytes: u32, no_newer_than: Option<Version>) -> Kernel {
    let options =
        KernelOptions { ring_bytes, wakeup_bytes: limits::WAKEUP_BYTES_DEFAULT, no_newer_than };
    let mut kernel = Kernel::load(&options, kernel_hosts()).unwrap();
    kernel.programs.attach_process_events().unwrap();
    let report = kernel.programs.attach(&target(&libssl()));
    assert!(report.refused.is_empty() && report.attached >= 5, "{report:?}");
    kernel
}

fn events_of(kernel: &mut Kernel, pid: u32) -> Vec<KernelEvent> {
    let mut events = Vec::new();
    kernel.drain.drain(&mut |event: KernelEvent| {
        if event.origin().process.tgid == pid {
            events.push(event);
        }
    });
    events
}

/// Bytes by direction, in the order of their offsets; holes are an error.
fn plaintext(events: &[KernelEvent], direction: Direction) -> Vec<u8> {
    let mut chunks = BTreeMap::new();
    for event in events {
        if let KernelEvent::Data(chunk) = event
            && chunk.direction == direction
        {
            assert!(chunks.insert(chunk.offset, chunk.data.clone()).is_none(), "captured twice");
        }
    }
    let mut all = Vec::new();
    for (offset, data) in chunks {
        assert_eq!(offset, all.len() as u64, "a hole");
        all.extend_from_slice(&data);
    }
    all
}

#[test]
#[ignore = "root"]
fn a_provider_flow_comes_up_whole_with_its_process() {
    whole_flow(None);
}

#[test]
#[ignore = "root"]
fn older_kernels_differences_lose_nothing() {
    // Links with cookies for each function, then without cookies and without `bpf_loop`.
    whole_flow(Some(Version(5, 18)));
    whole_flow(Some(Version(5, 10)));
}

fn whole_flow(no_newer_than: Option<Version>) {
    let server = serve();
    let mut kernel = load_as(limits::RING_BYTES_DEFAULT, no_newer_than);
    let pid = run_client(&server, "api.openai.com");
    let events = events_of(&mut kernel, pid);

    // The last one: `python3` may be a script that finds the interpreter.
    let exec = events
        .iter()
        .rev()
        .find_map(|e| if let KernelEvent::Exec(exec) = e { Some(exec) } else { None })
        .unwrap();
    assert!(exec.path.contains("python"), "{exec:?}");
    assert_eq!((&exec.argv[1][..], exec.parent.tgid), (&b"-c"[..], std::process::id()), "{exec:?}");
    let open = events
        .iter()
        .find_map(|e| if let KernelEvent::FlowOpen(open) = e { Some(open) } else { None })
        .unwrap();
    assert_eq!(open.server_name.as_deref(), Some("api.openai.com"));
    assert_eq!((open.verdict, open.from_start), (Verdict::Capture, true));

    let mut expected = Vec::new();
    let mut answers = 0;
    for n in [10usize, 3000, 100_000] {
        write!(
            expected,
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {n}\r\n\r\n{n:06}"
        )
        .unwrap();
        expected.resize(expected.len() + n - 6, b'x');
        answers += 1;
    }
    assert!(plaintext(&events, Direction::Outbound) == expected);
    let inbound = String::from_utf8(plaintext(&events, Direction::Inbound)).unwrap();
    assert_eq!(inbound.matches("HTTP/1.1 200 OK").count(), answers);
    assert!(inbound.ends_with("[100000xxxx100000]"), "{inbound}");
    assert!(events.iter().any(|e| matches!(e, KernelEvent::Exit(_))));

    let books = kernel.counters.books();
    assert!(books.is_closed() && books.dropped_total() == 0, "{books:?}");
}

#[test]
#[ignore = "root"]
fn an_undecided_flow_sends_little_and_an_ignored_one_nothing() {
    let server = serve();
    let mut kernel = load(limits::RING_BYTES_DEFAULT);
    let pid = run_client(&server, "intranet.example");
    let events = events_of(&mut kernel, pid);
    for direction in [Direction::Outbound, Direction::Inbound] {
        let sent = plaintext(&events, direction).len() as u64;
        assert!(sent > 0 && sent <= limits::UNDECIDED_BYTES, "{sent}");
    }
}

#[test]
#[ignore = "root"]
fn a_full_ring_loses_records_by_count_never_silently() {
    let server = serve();
    let mut kernel = load(limits::RING_BYTES_MIN);
    // Nobody reads meanwhile.
    for _ in 0..4 {
        run_client(&server, "api.anthropic.com");
    }
    let counts = kernel.drain.counts();
    kernel.drain.drain(&mut |_: KernelEvent| {});
    // One more record per CPU shows the holes at the end of its sequence.
    let books = kernel.counters.books();
    assert!(books.dropped_total() > 0, "the ring was not overrun: {books:?}");
    assert!(books.is_closed(), "{books:?}");
    assert_eq!(counts.malformed.get(), 0);
    assert!(counts.received.get() <= books.emitted);
    assert!(counts.missing.get() <= books.dropped_total());
}

/// Links that this process holds.
fn links() -> usize {
    let held = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let names = held.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    names.filter(|name| name.to_string_lossy().contains("bpf_link")).count()
}

#[test]
#[ignore = "root"]
fn a_file_is_let_go_and_taken_again() {
    let server = serve();
    let mut kernel = load(limits::RING_BYTES_DEFAULT);
    let mut wanted = target(&libssl());
    // Where the kernel has multi links: one for each program, not one for each function.
    let (files, held) = kernel.programs.held();
    assert!(files == 1 && held <= 8, "{held} links");
    let before = links();
    kernel.programs.detach(wanted.file());
    let deadline = Instant::now() + Duration::from_secs(10);
    while links() > before - held && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!((links(), kernel.programs.held()), (before - held, (0, 0)));

    let pid = run_client(&server, "api.openai.com");
    let seen = events_of(&mut kernel, pid);
    assert!(!seen.iter().any(|event| matches!(event, KernelEvent::Data(_))), "still probed");

    wanted.path = libssl();
    assert!(kernel.programs.attach(&wanted).refused.is_empty());
    let pid = run_client(&server, "api.openai.com");
    assert!(!plaintext(&events_of(&mut kernel, pid), Direction::Outbound).is_empty());
}
