//! What systemd and the operator are told, and what SIGHUP changes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use super::health::Health;
use crate::config::Config;
use crate::meters::Shared;
use crate::run::Supervisor;
use crate::sinks::worker::{SharedFanout, lock};

/// How long a sink that leaves may take to empty its queue.
const LEAVE: Duration = Duration::from_secs(5);
/// Turns between two status lines.
const STATUS_EVERY: u32 = 10;

pub(super) struct Systemd {
    file: Option<PathBuf>,
    config: Config,
    health: Arc<Health>,
    meters: Shared,
    fanout: SharedFanout,
    turns: u32,
}

fn notify(states: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell.
    let _nobody = sd_notify::notify(states);
}

impl Systemd {
    pub(super) const fn new(
        file: Option<PathBuf>,
        config: Config,
        health: Arc<Health>,
        meters: Shared,
        fanout: SharedFanout,
    ) -> Self {
        Self { file, config, health, meters, fanout, turns: 0 }
    }

    /// The sinks of the new configuration; those that stay the same are not touched.
    fn apply(&mut self, next: Config) {
        if next.agent != self.config.agent
            || next.hosts != self.config.hosts
            || next.http != self.config.http
            || next.history != self.config.history
        {
            tracing::warn!(
                "[agent], [hosts], [http] and [history] change with a restart; sinks have changed now"
            );
        }
        let (before, after) = (self.config.sinks(), next.sinks());
        let mut fanout = lock(&self.fanout);
        for sink in before.iter().filter(|sink| !after.contains(sink)) {
            fanout.remove(sink.name(), LEAVE);
        }
        for sink in after.iter().filter(|sink| !before.contains(sink)) {
            let added =
                super::build(sink, &next, &self.meters).and_then(|outlet| Ok(fanout.add(outlet)?));
            if let Err(error) = added {
                tracing::error!(sink = sink.name(), error = format!("{error:#}"), "not started");
            }
        }
        drop(fanout);
        self.config = next;
    }
}

impl Supervisor for Systemd {
    fn ready(&mut self) {
        self.health.beat();
        self.health.set_ready(true);
        notify(&[NotifyState::Ready, NotifyState::Status("tracing")]);
    }

    fn reload(&mut self) {
        let mut states = vec![NotifyState::Reloading];
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            states.push(now);
        }
        notify(&states);
        match Config::load(self.file.as_deref()) {
            Ok(next) => {
                self.apply(next);
                tracing::warn!("configuration reloaded");
                notify(&[
                    NotifyState::Ready,
                    NotifyState::Status("tracing; configuration reloaded"),
                ]);
            }
            Err(error) => {
                tracing::error!(%error, "configuration not reloaded: the old one stays");
                let status = format!("tracing with the old configuration: {error}");
                notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
            }
        }
    }

    fn turn(&mut self, alive: bool) {
        if alive {
            self.health.beat();
            notify(&[NotifyState::Watchdog]);
        }
        self.turns += 1;
        if self.turns.is_multiple_of(STATUS_EVERY) {
            let books = lock(&self.fanout).books();
            let dropped: u64 =
                books.values().map(crate::telemetry::StageBooks::dropped_total).sum();
            let events = books.values().map(|b| b.received).max().unwrap_or_default();
            let status = format!("tracing; {events} events, {dropped} dropped by sinks");
            notify(&[NotifyState::Status(&status)]);
        }
        let usable = lock(&self.fanout).has_usable_sink();
        self.health.set_sinks(usable);
    }

    fn stopping(&mut self) {
        self.health.set_ready(false);
        notify(&[NotifyState::Stopping]);
    }
}
