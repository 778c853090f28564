//! A provider simulator: answers as the AI providers do, over TLS, under any of their names.
//!
//! In: requests, each with an optional [`script`] that says what to play. Out: answers, and a
//! [`Told`] for each: the truth that events are compared with. One thread per connection; rustls
//! on this side, so that a tracer of OpenSSL sees the clients only.

mod answer;
mod anthropic;
mod authority;
mod h2;
mod hostile;
mod openai;
mod provider;
pub mod recorded;
mod request;
pub mod script;
mod wire;

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use answer::{Answer, Body};
pub use answer::{Ended, Tokens, Told};
use authority::Authority;
use recorded::Recordings;
use request::{Inbox, Request, RequestError};
use script::Script;
use wire::{Segments, Tls};

/// The names that clients reach the simulator under; the last ones are no AI providers.
pub const HOSTS: &[&str] =
    &["api.openai.com", "api.anthropic.com", "www.example.com", "registry.example.org"];

/// A connection without a word for this long is closed.
const IDLE: Duration = Duration::from_secs(60);
const STACK: usize = 512 << 10;

#[derive(Debug, Default)]
pub struct Config {
    /// Where each [`Told`] goes as a JSON line.
    pub log: Option<PathBuf>,
    /// What `play=` finds.
    pub recordings: Option<Arc<Recordings>>,
    /// Names beside [`HOSTS`].
    pub hosts: Vec<String>,
    /// Offer HTTP/2 beside HTTP/1.1: the client chooses.
    pub http2: bool,
    /// Keep nothing: for benches.
    pub forget: bool,
}

/// Stops when dropped; open connections end with their clients.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    listener: TcpListener,
    stage: Arc<Stage>,
    acceptor: Option<JoinHandle<()>>,
}

/// What all connections share.
#[derive(Debug)]
struct Stage {
    authority: Arc<Authority>,
    tls: Arc<ServerConfig>,
    config: Config,
    number: AtomicU64,
    stopping: AtomicBool,
    truth: Mutex<Truth>,
}

#[derive(Debug, Default)]
struct Truth {
    told: Vec<Told>,
    log: Option<File>,
}

impl Simulator {
    /// Serves `listener` until dropped. The listener may be of another network namespace.
    pub fn start(listener: TcpListener, config: Config) -> Result<Self> {
        let authority = Arc::new(Authority::generate()?);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&authority) as Arc<_>);
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        if config.http2 {
            tls.alpn_protocols.insert(0, b"h2".to_vec());
        }
        let log = config.log.as_ref().map(File::create).transpose().context("truth log")?;
        let stage = Arc::new(Stage {
            authority,
            tls: Arc::new(tls),
            config,
            number: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            truth: Mutex::new(Truth { told: Vec::new(), log }),
        });
        let (accepting, shared) = (listener.try_clone()?, Arc::clone(&stage));
        let acceptor = thread::Builder::new()
            .name("sim-accept".into())
            .spawn(move || accept(&accepting, &shared))?;
        Ok(Self { address: listener.local_addr()?, listener, stage, acceptor: Some(acceptor) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients must trust, PEM.
    pub fn authority_pem(&self) -> &str {
        self.stage.authority.pem()
    }

    /// The truth so far, in the order in which exchanges ended.
    pub fn told(&self) -> Vec<Told> {
        self.stage.truth().told.clone()
    }

    /// The truth so far; the next call starts from nothing.
    pub fn take_told(&self) -> Vec<Told> {
        std::mem::take(&mut self.stage.truth().told)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stage.stopping.store(true, Ordering::Relaxed);
        // SAFETY: shutdown(2) on an open descriptor; on a listening one it wakes accept(2).
        unsafe { libc::shutdown(self.listener.as_raw_fd(), libc::SHUT_RDWR) };
        if let Some(acceptor) = self.acceptor.take() {
            // A panic in there was printed already.
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, stage: &Arc<Stage>) {
    while !stage.stopping.load(Ordering::Relaxed) {
        let Ok((tcp, _)) = listener.accept() else { continue };
        let stage = Arc::clone(stage);
        let spawned = thread::Builder::new()
            .name("sim-connection".into())
            .stack_size(STACK)
            // An error here is the client's end: its exchange is in the truth already.
            .spawn(move || drop(serve(tcp, &stage)));
        if let Err(error) = spawned {
            let _ = writeln!(io::stderr(), "simulator: no thread for a connection: {error}");
        }
    }
}

fn serve(tcp: TcpStream, stage: &Stage) -> Result<()> {
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(IDLE))?;
    let client_port = tcp.peer_addr()?.port();
    let connection = ServerConnection::new(Arc::clone(&stage.tls))?;
    let mut tls = StreamOwned::new(connection, Segments { tcp, most: None });
    tls.flush()?;
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    if tls.conn.alpn_protocol() == Some(b"h2") {
        return h2::serve(&mut tls, stage, client_port);
    }
    let mut inbox = Inbox::default();
    for turn in 1.. {
        let request = match inbox.read_head(&mut tls) {
            Ok(request) => request,
            Err(RequestError::End) => break,
            Err(error) => return refuse(&mut tls, error),
        };
        let again = exchange(&mut tls, &mut inbox, request, stage, client_port, turn)?;
        if !again {
            break;
        }
    }
    tls.conn.send_close_notify();
    tls.conn.complete_io(&mut tls.sock)?;
    Ok(())
}

/// Tells a client that it made no sense, and leaves.
fn refuse(tls: &mut Tls, error: RequestError) -> Result<()> {
    if !matches!(error, RequestError::Io(_)) {
        let body = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        wire::send(tls, body, None)?;
        tls.conn.send_close_notify();
        tls.conn.complete_io(&mut tls.sock)?;
    }
    Err(error.into())
}

/// One request and its answer. False: the connection ends here.
fn exchange(
    tls: &mut Tls,
    inbox: &mut Inbox,
    mut request: Request,
    stage: &Stage,
    client_port: u16,
    turn: u32,
) -> Result<bool> {
    let script = match Script::parse(request.header(script::HEADER).unwrap_or_default()) {
        Ok(script) => script,
        Err(error) => {
            let text = format!(
                "HTTP/1.1 400 Bad Script\r\ncontent-length: 0\r\nx-sim-error: {error}\r\nconnection: close\r\n\r\n"
            );
            wire::send(tls, text.as_bytes(), None)?;
            return Ok(false);
        }
    };
    if !script.early {
        inbox.read_body(tls, &mut request)?;
    }
    let asked = Instant::now();
    let name = tls.conn.server_name().unwrap_or("localhost").to_owned();
    let mut answer = stage.next_answer(&request, &script, &name);
    let again;
    if let Some(kind) = script.hostile {
        let Body::Whole(good) = &answer.body else { anyhow::bail!("hostile answers are whole") };
        again = hostile::play(tls, kind, &script, good).unwrap_or(false);
        answer.told.ended = Ended::Hostile;
    } else {
        let played = wire::play(tls, &answer, &script, &request.method);
        answer.told.ended = played.ended;
        answer.told.status = played.status_sent.then_some(answer.status);
        answer.told.response_body = played.body;
        answer.told.first_chunk_s = played.first_chunk_s.filter(|_| answer.told.stream);
        let close = script.close || script.framing == script::Framing::Close;
        again = played.ended == Ended::Complete && !close && !request.wants_close();
    }
    if script.early {
        inbox.read_body(tls, &mut request)?;
    }
    let told = Told {
        host: name,
        method: request.method,
        path: request.path,
        retry_after_s: script.retry_after,
        answer_s: asked.elapsed().as_secs_f64(),
        request_body: request.body.len() as u64,
        client_port,
        turn,
        ..answer.told
    };
    stage.keep(told)?;
    Ok(again)
}

/// A request's target without its query.
fn split_query(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

impl Stage {
    fn next_answer(&self, request: &Request, script: &Script, host: &str) -> Answer {
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        self.answer(request, script, host, number)
    }

    fn answer(&self, request: &Request, script: &Script, host: &str, number: u64) -> Answer {
        let recorded =
            script.play.as_deref().and_then(|id| self.config.recordings.as_ref()?.get(id));
        match recorded {
            Some(exchange) => exchange.answer(number),
            None => provider::answer(request, script, host, number),
        }
    }

    fn keep(&self, told: Told) -> Result<()> {
        if self.config.forget {
            return Ok(());
        }
        let mut truth = self.truth();
        if let Some(log) = &mut truth.log {
            writeln!(log, "{}", serde_json::to_string(&told)?)?;
        }
        truth.told.push(told);
        Ok(())
    }

    fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
