//! `aitrace run`: the agent as a service [edge].
//!
//! In: the configuration file, signals (SIGTERM drains and ends, SIGHUP reloads, SIGUSR1 reopens
//! files). Out: events to every configured sink, to the event socket, to `/metrics`; readiness, status
//! and watchdog to systemd.

mod endpoints;
mod health;
mod instance;
mod supervisor;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;

use self::endpoints::Endpoints;
use self::health::Health;
use self::instance::Instance;
use self::supervisor::Systemd;
use crate::config::{Config, SinkConfig};
use crate::meters::{MeterSink, Shared};
use crate::run;
use crate::sinks::history::HistorySink;
use crate::sinks::queue::Limits;
use crate::sinks::socket::EventSocket;
use crate::sinks::worker::{Fanout, Outlet};

/// Who may read the event socket.
const GROUP: &str = "aitrace";

/// Runs until SIGTERM.
///
/// # Errors
/// [`crate::config::ConfigError`] or [`crate::kernel::load::LoadError`] inside; another instance.
pub fn run(file: Option<PathBuf>, duration: Option<Duration>) -> anyhow::Result<()> {
    let config = Config::load(file.as_deref())?;
    let agent = &config.agent;
    // Held until the end.
    let _instance = Instance::take(&agent.runtime_dir)?;
    let health = Arc::new(Health::default());
    let meters = Shared::new(config.http.max_series);
    let mut outlets = vec![Outlet::new(MeterSink(meters.clone()), Limits::default())];
    let socket = agent.runtime_dir.join("events.sock");
    match EventSocket::bind(&socket, instance::group(GROUP)) {
        Ok(socket) => outlets.push(Outlet::new(socket, Limits::default())),
        // The agent is of use without it.
        Err(error) => {
            tracing::warn!(path = %socket.display(), %error, "no event socket: `aitrace top` cannot attach");
        }
    }
    if config.history.enabled {
        let path = config.history.file(&agent.state_dir);
        match HistorySink::open(&path, config.history.limits()) {
            Ok((sink, _)) => outlets.push(Outlet::new(sink, Limits::default())),
            // The agent is of use without it, and what is there is not ours to break.
            Err(error) => {
                tracing::error!(%error, "no history: `aitrace report` will not see this run");
            }
        }
    }
    for sink in &config.sinks() {
        outlets.push(build(sink, &config, &meters)?);
    }
    let _endpoints = match &config.http.listen {
        Some(address) => Some(
            Endpoints::start(*address, Arc::clone(&health), meters.clone())
                .with_context(|| format!("listening on {address}"))?,
        ),
        None => None,
    };
    let options = run::Options {
        attribution: config.attribution.clone(),
        ring_bytes: agent.ring_mib << 20,
        workers: agent.workers,
        semconv: agent.semconv.into(),
        prices: agent.prices.clone(),
        state_dir: Some(agent.state_dir.clone()),
        heartbeat: Duration::from_secs(agent.heartbeat_s),
        duration,
        drain: Duration::from_secs(agent.drain_s),
    };
    let hosts = config.host_table().map_err(|(host, why)| anyhow::anyhow!("{host}: {why}"))?;
    let fanout = Arc::new(Mutex::new(Fanout::start(outlets).context("starting the sinks")?));
    let mut systemd = Systemd::new(file, config, health, meters, Arc::clone(&fanout));
    run::serve(&options, Arc::new(hosts), fanout, None, &mut systemd)
}

fn build(sink: &SinkConfig, config: &Config, meters: &Shared) -> anyhow::Result<Outlet> {
    sink.build(&config.agent.state_dir, meters).with_context(|| format!("sink {}", sink.name()))
}
