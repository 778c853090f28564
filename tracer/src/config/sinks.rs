//! `[[sink]]`: where events go. An entry knows how to build itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meters::Shared;
use crate::sinks::file::{File, Rotation};
use crate::sinks::journald::{self, Journald};
use crate::sinks::jsonl::Jsonl;
use crate::sinks::queue::{Limits, WhenFull};
use crate::sinks::syslog::{Address, Syslog};
use crate::sinks::worker::Outlet;

/// One destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SinkConfig {
    Stdout(StdoutSink),
    File(FileSink),
    Syslog(SyslogSink),
    Journald(JournaldSink),
}

/// What a full queue does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenFullWord {
    Block,
    #[default]
    DropNewest,
    DropOldest,
}

/// The queue in memory before a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QueueConfig {
    pub events: usize,
    pub bytes: usize,
    pub when_full: WhenFullWord,
}

impl Default for QueueConfig {
    fn default() -> Self {
        let Limits { events, bytes, .. } = Limits::default();
        Self { events, bytes, when_full: WhenFullWord::default() }
    }
}

impl QueueConfig {
    pub(super) const fn limits(self) -> Limits {
        let when_full = match self.when_full {
            WhenFullWord::Block => WhenFull::Block,
            WhenFullWord::DropNewest => WhenFull::DropNewest,
            WhenFullWord::DropOldest => WhenFull::DropOldest,
        };
        Limits { events: self.events, bytes: self.bytes, when_full }
    }
}

/// Lines to standard output.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StdoutSink {
    /// In the books and messages; `stdout` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub queue: QueueConfig,
}

/// Lines in a file that rotates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FileSink {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub path: PathBuf,
    /// Rotated when it would grow beyond; 0: never, something else rotates (and sends SIGUSR1).
    pub max_bytes: u64,
    /// Rotated when so old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_s: Option<u64>,
    /// Rotated files that stay.
    pub keep: u32,
    /// Rotated files but the newest are compressed.
    pub zstd: bool,
    pub queue: QueueConfig,
}

impl Default for FileSink {
    fn default() -> Self {
        Self {
            name: None,
            path: "/var/log/aitrace/events.jsonl".into(),
            max_bytes: 100 << 20,
            max_age_s: None,
            keep: 10,
            zstd: false,
            queue: QueueConfig::default(),
        }
    }
}

/// RFC 5424 messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SyslogSink {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `unix:/dev/log`, `udp:HOST:PORT` or `tcp:HOST:PORT`.
    pub address: String,
    pub queue: QueueConfig,
}

impl Default for SyslogSink {
    fn default() -> Self {
        Self { name: None, address: "unix:/dev/log".into(), queue: QueueConfig::default() }
    }
}

/// The journal, by its own protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JournaldSink {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub socket: PathBuf,
    pub queue: QueueConfig,
}

impl Default for JournaldSink {
    fn default() -> Self {
        Self { name: None, socket: journald::SOCKET.into(), queue: QueueConfig::default() }
    }
}

impl SinkConfig {
    pub fn name(&self) -> &str {
        match self {
            Self::Stdout(sink) => sink.name.as_deref().unwrap_or("stdout"),
            Self::File(sink) => sink.name.as_deref().unwrap_or("file"),
            Self::Syslog(sink) => sink.name.as_deref().unwrap_or("syslog"),
            Self::Journald(sink) => sink.name.as_deref().unwrap_or("journald"),
        }
    }

    /// The key that is wrong, and why.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let name = self.name();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return Err(("name", "letters a-z, digits, - and _".to_owned()));
        }
        match self {
            Self::File(sink) if !sink.path.is_absolute() => {
                Err(("path", "an absolute path".to_owned()))
            }
            Self::File(sink) if sink.max_bytes > 0 && sink.max_bytes < 64 * 1024 => {
                Err(("max_bytes", "0, or at least 65536".to_owned()))
            }
            Self::Syslog(sink) if Address::parse(&sink.address).is_none() => {
                Err(("address", "unix:/PATH, udp:HOST:PORT or tcp:HOST:PORT".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// The sink, ready to be fed; nothing is opened before the first event.
    ///
    /// # Errors
    /// What stands in its way.
    pub fn build(&self, _state: &Path, _meters: &Shared) -> anyhow::Result<Outlet> {
        let name = self.name().to_owned();
        Ok(match self {
            Self::Stdout(sink) => {
                Outlet::new(Jsonl::new(name, std::io::stdout()), sink.queue.limits())
            }
            Self::File(sink) => {
                let rotation = Rotation {
                    max_bytes: sink.max_bytes,
                    max_age: sink.max_age_s.map(Duration::from_secs),
                    keep: sink.keep,
                    zstd: sink.zstd,
                };
                Outlet::new(File::new(name, sink.path.clone(), rotation), sink.queue.limits())
            }
            Self::Syslog(sink) => {
                let address = Address::parse(&sink.address)
                    .ok_or_else(|| anyhow::anyhow!("no address: {}", sink.address))?;
                Outlet::new(Syslog::new(name, address), sink.queue.limits())
            }
            Self::Journald(sink) => {
                Outlet::new(Journald::new(name, sink.socket.clone()), sink.queue.limits())
            }
        })
    }
}
