//! One test process at a time drives the kernel: a tracer sees every client of the host, so two runs
//! side by side would count each other's calls.

use std::fs::{File, OpenOptions};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};

static LOCK: Mutex<Option<File>> = Mutex::new(None);

/// Waits until no other test process of this host traces; holds the place until this process ends.
pub fn wait() -> Result<()> {
    let mut held = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    if held.is_some() {
        return Ok(());
    }
    let path = std::env::temp_dir().join("aitrace-tests.lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| path.display().to_string())?;
    file.lock().context("waiting for the other test runs of this host")?;
    *held = Some(file);
    Ok(())
}
