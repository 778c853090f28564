//! The running agent: threads, queues between them, and the order in which they stop [edge].
//!
//! ```text
//! ring → drain ─┬─ flow events, by connection → queue → worker (pipeline) ─┐
//!               ├─ process events ──────────────────────────── queue ────┐ ├→ channel → output
//!               └─ exec, map → discovery (attaches what is new)          └─┘
//! ```
//! Every queue is bounded; what does not fit is counted in the books. To stop, the drain ends first,
//! then the workers, then the output, each after it has emptied its queue.

mod books;
mod discovery;
mod output;
mod queue;
mod readable;
mod route;
mod waiting;
mod watch;
mod worker;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use crate::ai::providers::{HostTable, kernel_hosts};
use crate::attribution::config::Attribution;
use crate::attribution::owners::Owners;
use crate::attribution::runtimes::Runtimes;
use crate::correlate::Stage;
use crate::cost;
use crate::discover::scan::Scanner;
use crate::kernel::OBJECT;
use crate::kernel::drain::Tap;
use crate::kernel::load::{Kernel, KernelOptions};
use crate::keyed::install;
use crate::sinks::clock::WallClock;
use crate::sinks::encoder::{Encoder, RunInfo};
use crate::sinks::file;
use crate::sinks::names::Semconv;
use crate::sinks::worker::{Fanout, Outlet, SharedFanout};

use self::books::Ledger;
use self::discovery::Discovery;
use self::output::{Knowing, Output};
use self::readable::Readable;
use self::route::Router;
use self::watch::Watcher;

/// Events a worker's queue holds.
const QUEUE_EVENTS: usize = 65_536;
/// Process events that wait for the output.
const LANE_EVENTS: usize = 65_536;
/// Calls between the workers and the output.
const CALLS: usize = 16_384;
/// Processes waiting for a look at their files.
const DISCOVERIES: usize = 4096;

/// What the watch is told and has not taken in yet.
const WATCHED: usize = 4096;

/// What a run needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    pub ring_bytes: u32,
    /// `None`: all cores but one.
    pub workers: Option<usize>,
    pub semconv: Semconv,
    /// Over the built-in ones.
    pub prices: Option<PathBuf>,
    /// Where the key of fingerprints is kept, unless the environment says.
    pub state_dir: Option<PathBuf>,
    pub heartbeat: Duration,
    /// End by itself after so long.
    pub duration: Option<Duration>,
    /// How long sinks may take to empty their queues at the end.
    pub drain: Duration,
    pub attribution: Attribution,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ring_bytes: tracer_common::limits::RING_BYTES_DEFAULT,
            workers: None,
            semconv: Semconv::Latest,
            prices: None,
            state_dir: None,
            heartbeat: Duration::from_secs(30),
            duration: None,
            drain: Duration::from_secs(10),
            attribution: Attribution::default(),
        }
    }
}

/// Who looks after a run that goes on for long.
pub trait Supervisor {
    /// Everything is attached.
    fn ready(&mut self);
    /// SIGHUP.
    fn reload(&mut self);
    /// About every second; whether events are still handed on.
    fn turn(&mut self, alive: bool);
    /// The end has begun.
    fn stopping(&mut self);
}

/// Streams events to the sinks until a signal, the end of the duration, or the end of a vital sink.
/// `tap` sees the ring's records.
///
/// # Errors
/// As [`serve`].
pub fn stream(
    options: &Options,
    hosts: Arc<HostTable>,
    outlets: Vec<Outlet>,
    tap: Option<Tap>,
) -> anyhow::Result<()> {
    let fanout = Fanout::start(outlets).context("starting the sinks")?;
    run(options, hosts, Arc::new(Mutex::new(fanout)), tap, None)
}

/// The same for a service: sinks may change meanwhile, and `supervisor` is told what happens.
///
/// # Errors
/// [`crate::kernel::load::LoadError`] inside, when the kernel side cannot run; what a vital sink says.
pub fn serve(
    options: &Options,
    hosts: Arc<HostTable>,
    fanout: SharedFanout,
    tap: Option<Tap>,
    supervisor: &mut dyn Supervisor,
) -> anyhow::Result<()> {
    run(options, hosts, fanout, tap, Some(supervisor))
}

fn run(
    options: &Options,
    hosts: Arc<HostTable>,
    fanout: SharedFanout,
    tap: Option<Tap>,
    mut supervisor: Option<&mut dyn Supervisor>,
) -> anyhow::Result<()> {
    let own = hosts.kernel_hosts().map(|(name, exact)| (Cow::Owned(name.to_owned()), exact));
    let ring = KernelOptions {
        ring_bytes: options.ring_bytes,
        wakeup_bytes: wakeup(options),
        no_newer_than: None,
    };
    let Kernel { mut programs, mut drain, verdicts, counters, endpoints, syscalls } =
        Kernel::load(&ring, kernel_hosts().chain(own))?;
    if let Some(tap) = tap {
        drain.tap(tap);
    }
    // Process events first: nothing that starts from now on is missed.
    programs.attach_process_events().context("attaching to the process tracepoints")?;

    let fingerprints =
        install::fingerprints(options.state_dir.as_deref()).context("making a key")?;
    let prices = cost::load::prices(options.prices.as_deref())?;
    let stop = Arc::new(AtomicBool::new(false));
    let ledger = Arc::new(Ledger::new(counters, drain.counts()));
    let verdicts = Arc::new(Mutex::new(verdicts));

    let readable = Readable::default();
    let mut discovery = Discovery::new(programs, Scanner::default(), readable.clone());
    discovery.startup();
    let watcher = Watcher::start(endpoints, syscalls, &hosts, &Scanner::default(), readable);
    let (to_watch, told) = mpsc::sync_channel(WATCHED);
    let watcher = thread::Builder::new().name("watch".into()).spawn(move || watcher.run(&told))?;
    let (to_discovery, processes) = mpsc::sync_channel(DISCOVERIES);
    let discovery =
        thread::Builder::new().name("discovery".into()).spawn(move || discovery.run(&processes))?;

    let workers = options.workers.unwrap_or_else(|| {
        thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1))
    });
    let (to_output, calls) = mpsc::sync_channel(CALLS);
    let mut queues = Vec::new();
    let mut worker_threads = Vec::new();
    for index in 0..workers.max(1) {
        let (producer, consumer) = queue::pair(QUEUE_EVENTS);
        let worker = worker::Worker::new(
            Arc::clone(&hosts),
            fingerprints.hash_key(),
            consumer,
            Arc::clone(&verdicts),
            to_output.clone(),
            to_watch.clone(),
            Arc::clone(&ledger),
        );
        let thread =
            thread::Builder::new().name(format!("worker-{index}")).spawn(move || worker.run())?;
        queues.push(producer.waking(thread.thread().clone()));
        worker_threads.push(thread);
    }
    drop(to_output);

    let runtimes = Runtimes::start(&options.attribution)
        .inspect_err(|error| tracing::error!(%error, "containers will have no names"))
        .ok();
    let (lane, processes) = queue::pair(LANE_EVENTS);
    let mut router =
        Router::new(queues, lane, to_discovery, to_watch, runtimes.clone(), Arc::clone(&ledger));
    let draining = Arc::clone(&stop);
    let drain = thread::Builder::new().name("drain".into()).spawn(move || {
        drain.run(&draining, |event| router.route(event));
    })?;

    let output_hosts = Arc::clone(&hosts);
    let run = RunInfo { host: host_name(), bpf_hash: object_hash(), semconv: options.semconv };
    let encoder = Encoder::new(run, WallClock::sample());
    let stage = Stage::new(fingerprints, prices);
    let owners = Owners::new(&options.attribution, runtimes);
    let output = Output::new(
        encoder,
        fanout,
        processes,
        Arc::clone(&ledger),
        options.heartbeat,
        Knowing { owners, stage, hosts: output_hosts },
    );
    let (stopping, drain_for) = (Arc::clone(&stop), options.drain);
    let output = thread::Builder::new()
        .name("output".into())
        .spawn(move || output.run(&calls, &stopping, drain_for))?;

    if let Some(supervisor) = &mut supervisor {
        supervisor.ready();
    }
    let mut last_turns = 0;
    let alive = || {
        let turns = ledger.turns.get();
        std::mem::replace(&mut last_turns, turns) != turns
    };
    wait(options.duration, &stop, || output.is_finished(), alive, supervisor)?;
    stop.store(true, Ordering::Release);
    let mut panicked = drain.join().is_err();
    for worker in worker_threads {
        panicked |= worker.join().is_err();
    }
    panicked |= discovery.join().is_err();
    panicked |= watcher.join().is_err();
    let written = output.join().map_err(|_| anyhow::anyhow!("the output thread panicked"))?;
    anyhow::ensure!(!panicked, "a thread panicked");
    written.context("writing events")
}

/// The reader is woken when a sixteenth of the ring is full; its timer does the rest.
const fn wakeup(options: &Options) -> u64 {
    options.ring_bytes as u64 / 16
}

/// Waits for SIGINT or SIGTERM, the end of the run, or the output's own end.
fn wait(
    duration: Option<Duration>,
    stop: &AtomicBool,
    output_ended: impl Fn() -> bool,
    mut alive: impl FnMut() -> bool,
    mut supervisor: Option<&mut dyn Supervisor>,
) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let end = async {
            match duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        let ended = async {
            while !stop.load(Ordering::Acquire) && !output_ended() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        // Only a service is told to reload: a terminal that hangs up ends everything else.
        let signals = supervisor.is_some();
        let mut hangup = signals.then(|| signal(SignalKind::hangup())).transpose()?;
        let mut reopen = signals.then(|| signal(SignalKind::user_defined1())).transpose()?;
        let mut second = tokio::time::interval(Duration::from_secs(1));
        tokio::pin!(end, ended);
        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                () = &mut end => break,
                () = &mut ended => break,
                _ = received(&mut hangup) => if let Some(s) = &mut supervisor { s.reload() },
                _ = received(&mut reopen) => file::reopen(),
                _ = second.tick() => if let Some(s) = &mut supervisor { s.turn(alive()) },
            }
        }
        if let Some(supervisor) = &mut supervisor {
            supervisor.stopping();
        }
        Ok(())
    })
}

/// The next signal; never, of one that is not listened to.
async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Version and kernel side, for machines and people.
pub fn version() -> String {
    format!("aitrace {} (bpf {})", env!("CARGO_PKG_VERSION"), object_hash())
}

/// What this host calls itself.
pub fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Tells builds of the kernel side apart; no secret, no signature.
fn object_hash() -> String {
    format!("{:016x}", tracer_common::sni::hash(OBJECT))
}
