//! One agent a host: two would report every call twice.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;

/// Held while the agent runs; the kernel lets go of it whatever ends the agent.
#[derive(Debug)]
pub(super) struct Instance(File);

impl Instance {
    pub(super) fn take(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let path = folder.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o640);
        let mut file = options.open(&path).with_context(|| path.display().to_string())?;
        if file.try_lock().is_err() {
            let mut pid = String::new();
            // Only for the message.
            let _unreadable = file.read_to_string(&mut pid);
            anyhow::bail!("another agent runs already (process {})", pid.trim());
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self(file))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Closing the file does the same.
        let _unlocked = self.0.unlock();
    }
}

/// The id of a group of this host.
pub(super) fn group(name: &str) -> Option<u32> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    let line = groups.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = Instance::take(folder.path()).unwrap();
        let error = Instance::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        drop(first);
        Instance::take(folder.path()).unwrap();
        assert_eq!(group("root"), Some(0));
    }
}
