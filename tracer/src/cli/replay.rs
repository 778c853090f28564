//! `aitrace replay`: a recording's events.

use std::path::PathBuf;

use super::decoding::Decoding;
use crate::{cost, replay};

#[derive(Debug, clap::Args)]
pub(super) struct ReplayArgs {
    file: PathBuf,
    #[command(flatten)]
    decoding: Decoding,
}

impl ReplayArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let prices = cost::load::prices(self.decoding.prices.as_deref())?;
        let output = std::io::BufWriter::new(std::io::stdout());
        replay::run(&self.file, self.decoding.hosts()?, self.decoding.semconv(), prices, output)
    }
}
