//! What the operator wants: one TOML file, overlaid by the environment, resolved once [edge: reads both].
//!
//! In: `/etc/aitrace/config.toml`, `AITRACE_*`. Out: a [`Config`] that has every default filled in.
//! An unknown key is an error that names the nearest known one. Flags come after, in `cli/`.
//!
//! To add a section: a file here with its struct (`deny_unknown_fields`, `default`), a field in
//! [`Config`], and the module that owns it takes the struct.

mod agent;
mod error;
mod history;
mod http;
mod overlay;
mod sinks;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ai::providers::HostTable;
use crate::attribution::config::Attribution;

pub use self::agent::{Agent, Convention};
pub use self::error::ConfigError;
pub use self::history::History;
pub use self::http::Http;
pub use self::sinks::{FileSink, SinkConfig};

pub const DEFAULT_FILE: &str = "/etc/aitrace/config.toml";

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub agent: Agent,
    pub attribution: Attribution,
    /// Hosts that are a provider's although no table knows them: `"ai.corp.example" = "openai"`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, String>,
    pub http: Http,
    pub history: History,
    /// None: the file of the default configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sink: Vec<SinkConfig>,
}

impl Config {
    /// Reads `file`, or the default file where there is one, and overlays the environment.
    ///
    /// # Errors
    /// [`ConfigError`]: what is wrong, where.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            // Only a file that was asked for has to be there.
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                String::new()
            }
            Err(error) => return Err(ConfigError::Unreadable { path: path.to_owned(), error }),
        };
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::parse(&text, path, variables)
    }

    /// The configuration of a file's `text` and the variables of an environment.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(
        text: &str,
        path: &Path,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let in_file = |error: &toml::de::Error| ConfigError::in_file(path, text, error);
        // Whole, for its line numbers; then as a table, which the environment can change.
        let mut config: Self = toml::from_str(text).map_err(|e| in_file(&e))?;
        let table: toml::Table = toml::from_str(text).map_err(|e| in_file(&e))?;
        if let Some((table, names)) = overlay::overlay(table, variables)? {
            config = Self::deserialize(table)
                .map_err(|e| ConfigError::in_environment(&names, e.message()))?;
        }
        config.check(path)?;
        Ok(config)
    }

    /// What types cannot say.
    fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let wrong = |key: &str, why: String| ConfigError::wrong(path, key, why);
        self.agent.check().map_err(|(key, why)| wrong(key, why))?;
        self.history.check().map_err(|(key, why)| wrong(key, why))?;
        self.attribution.check().map_err(|(key, why)| wrong(&format!("attribution.{key}"), why))?;
        self.host_table().map_err(|(host, why)| wrong(&format!("hosts.{host}"), why))?;
        for (index, sink) in self.sink.iter().enumerate() {
            let place = format!("sink[{index}]");
            sink.check().map_err(|(key, why)| wrong(&format!("{place}.{key}"), why))?;
            if self.sink[..index].iter().any(|other| other.name() == sink.name()) {
                let why = format!("`{}` is another sink's name", sink.name());
                return Err(wrong(&format!("{place}.name"), why));
            }
        }
        Ok(())
    }

    /// The sinks of the file; a file of events when it has none.
    pub fn sinks(&self) -> Vec<SinkConfig> {
        if self.sink.is_empty() {
            return vec![SinkConfig::File(FileSink::default())];
        }
        self.sink.clone()
    }

    /// The same with secrets unreadable, to be shown.
    #[must_use]
    pub fn masked(&self) -> Self {
        self.clone()
    }

    /// The hosts of the file, added to the known ones.
    ///
    /// # Errors
    /// The host, and why it cannot be.
    pub fn host_table(&self) -> Result<HostTable, (String, String)> {
        let mut hosts = HostTable::default();
        for (host, provider) in &self.hosts {
            hosts.add(host, provider).map_err(|e| (host.clone(), e.to_string()))?;
        }
        Ok(hosts)
    }

    /// The file to read, for messages.
    pub fn path(file: Option<&Path>) -> PathBuf {
        file.unwrap_or(Path::new(DEFAULT_FILE)).to_owned()
    }
}

/// The JSON Schema of the file.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Config).to_value()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
