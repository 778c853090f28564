//! `aitrace doctor`: can this host be traced, and what is covered.

use std::process::ExitCode;

use crate::doctor;

#[derive(Debug, clap::Args)]
pub(super) struct DoctorArgs {
    /// Machine-readable
    #[arg(long)]
    json: bool,
    /// List every probe point, and why it was chosen
    #[arg(long)]
    probes: bool,
}

impl DoctorArgs {
    pub(super) fn run(&self) -> ExitCode {
        doctor::run(self.json, self.probes, &mut std::io::stdout())
    }
}
