//! `aitrace record`: a run to a file, as events or as the ring's own records.

use std::path::PathBuf;

use anyhow::Context as _;

use super::stream;
use crate::recording::{self, Header, Kind};
use crate::run;
use crate::sinks::clock::WallClock;
use crate::sinks::recording::Recording;
use crate::sinks::worker::Outlet;

#[derive(Debug, clap::Args)]
pub(super) struct RecordArgs {
    /// The file to make; it must not exist
    file: PathBuf,
    /// Record plaintext too, prompts and keys included, so that a replay can decode it anew
    #[arg(long)]
    with_content: bool,
    #[command(flatten)]
    stream: stream::StreamArgs,
}

impl RecordArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let kind = if self.with_content { Kind::Content } else { Kind::Reduced };
        let header = Header {
            kind,
            clock_offset_ns: WallClock::sample().offset_ns(),
            host: run::host_name().unwrap_or_default(),
        };
        let shown = self.file.display().to_string();
        let mut file = recording::create(&self.file, &header).context(shown)?;
        let (options, hosts) = (self.stream.options()?, self.stream.decoding.hosts()?);
        match kind {
            Kind::Reduced => {
                let outlet = Outlet::lossless(Recording(file));
                run::stream(&options, hosts, vec![outlet], None)
            }
            Kind::Content => {
                let mut broken = false;
                let tap = move |record: &[u8]| {
                    // Said once; the recording then ends where it broke.
                    if !broken && let Err(error) = recording::write_frame(&mut file, record) {
                        broken = true;
                        tracing::error!(%error, "the recording ends here");
                    }
                };
                run::stream(&options, hosts, Vec::new(), Some(Box::new(tap)))
            }
        }
    }
}
