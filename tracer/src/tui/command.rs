//! `aitrace top`: what is typed.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::feed::{Feed, socket};
use super::view::Palette;
use super::{Clock, once, run};
use crate::ai::providers::HostTable;
use crate::run::{Options, stream};
use crate::sinks::jsonl::Jsonl;
use crate::sinks::worker::Outlet;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Play a file of events instead
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// How many times faster than it happened; 0: at once
    #[arg(long, value_name = "TIMES", default_value = "1", requires = "from", value_parser = speed)]
    speed: f64,
    /// The running agent's event socket [default: /run/aitrace/events.sock]
    #[arg(long, value_name = "FILE", conflicts_with = "from", env = "AITRACE_SOCKET")]
    socket: Option<PathBuf>,
    /// Print one frame as text and end
    #[arg(long)]
    once: bool,
    /// With --once: seconds to listen first
    #[arg(long, value_name = "SECONDS", default_value = "2", requires = "once")]
    wait: u64,
    /// With --once: columns and rows of the frame
    #[arg(long, value_name = "COLUMNSxROWS", default_value = "120x40", requires = "once", value_parser = size)]
    size: (u16, u16),
}

fn speed(typed: &str) -> Result<f64, String> {
    match typed.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("a number from 0".to_owned()),
    }
}

fn size(typed: &str) -> Result<(u16, u16), String> {
    let parsed = typed
        .split_once('x')
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    parsed
        .filter(|(width, height)| (40..=1000).contains(width) && (10..=500).contains(height))
        .ok_or_else(|| "write it as 120x40, from 40x10 to 1000x500".to_owned())
}

impl Args {
    /// Shows the view.
    ///
    /// # Errors
    /// Without a source of events, or a terminal.
    pub fn run(&self) -> anyhow::Result<()> {
        if !self.once && !std::io::stdout().is_terminal() {
            bail!("standard output is no terminal: add --once for a frame as text");
        }
        let (feed, clock, failure) = self.feed()?;
        if self.once {
            if let Some(failure) = failure
                && let Ok(error) = failure.recv_timeout(Duration::from_millis(500))
            {
                return Err(error);
            }
            return once(&feed, clock, Duration::from_secs(self.wait), self.size);
        }
        let palette = Palette { colour: std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) };
        run(&feed, clock, palette, failure.as_ref())
    }

    /// A file if one is named, a running agent if there is one, else a capture where root may.
    #[allow(clippy::type_complexity, reason = "three things that are taken apart at once")]
    fn feed(
        &self,
    ) -> anyhow::Result<(Feed, Clock, Option<std::sync::mpsc::Receiver<anyhow::Error>>)> {
        if let Some(path) = &self.from {
            let speed = if self.once { 0.0 } else { self.speed };
            return Ok((Feed::file(path, speed)?, Clock::Events, None));
        }
        let path = socket(self.socket.as_ref());
        let agent = Feed::agent(&path);
        match agent {
            Ok(feed) => Ok((feed, Clock::Wall, None)),
            Err(error) if self.socket.is_some() => Err(error),
            // SAFETY: geteuid(2) has no arguments and cannot fail.
            Err(error) if unsafe { libc::geteuid() } != 0 => Err(error).context(
                "no agent to attach to (is `aitrace run` running, and are you in the group aitrace?), \
                 and a capture of its own needs root",
            ),
            Err(_) => {
                let (feed, failure) = Feed::capture(|writer| {
                    let outlet = Outlet::lossless(Jsonl::new("top", writer));
                    stream(&Options::default(), Arc::new(HostTable::default()), vec![outlet], None)
                })?;
                Ok((feed, Clock::Wall, Some(failure)))
            }
        }
    }
}
