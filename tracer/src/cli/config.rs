//! `aitrace config`: what the file says, and whether it may.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::{Config, json_schema};

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say whether a configuration is good; exit status 78 and the key when not
    Check(Source),
    /// Print the configuration in force
    Print {
        /// With every default, and the environment; secrets are masked
        #[arg(long, required = true)]
        effective: bool,
        #[command(flatten)]
        source: Source,
    },
    /// Print the JSON Schema of the configuration
    Schema,
}

#[derive(Debug, Args)]
struct Source {
    /// The configuration [default: /etc/aitrace/config.toml, where it exists]
    #[arg(long, value_name = "FILE", env = "AITRACE_CONFIG")]
    config: Option<PathBuf>,
}

impl ConfigArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            ConfigCommand::Check(source) => {
                Config::load(source.config.as_deref())?;
                super::print(&format!(
                    "{}: good\n",
                    Config::path(source.config.as_deref()).display()
                ))
            }
            ConfigCommand::Print { source, .. } => {
                let config = Config::load(source.config.as_deref())?;
                super::print(&toml::to_string(&config.masked())?)
            }
            ConfigCommand::Schema => super::print(&format!("{:#}\n", json_schema())),
        }
    }
}
