//! Whose TLS can be read: processes that map a file that is probed [edge: reads /proc].
//!
//! Limits: [`MAX_FILES`] files remembered; beyond, a process counts as readable.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

const MAX_FILES: usize = 65_536;
/// Runtimes that bring a TLS of their own that has no functions to probe: JSSE.
const NEVER: &[&str] = &["java"];

/// Whether a program's TLS can never be read, by its name.
pub(super) fn is_never(path: &str) -> bool {
    NEVER.contains(&path.rsplit('/').next().unwrap_or(path))
}

/// Names of the probed files, as processes see them. Shared: discovery writes, the watch reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Readable(Arc<Mutex<HashSet<String>>>);

impl Readable {
    /// A file with TLS functions is probed.
    pub(super) fn add(&self, shown: &str) {
        // The dynamic linker is probed too, and reads no TLS.
        if !shown.contains("/ld-") {
            let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if files.len() < MAX_FILES {
                // /lib may be a link to /usr/lib: a process's maps have the file's own name.
                if let Ok(own) = std::fs::canonicalize(shown) {
                    files.insert(own.display().to_string());
                }
                files.insert(shown.to_owned());
            }
        }
    }

    /// `None`: the process has gone.
    pub(super) fn reads(&self, pid: u32) -> Option<bool> {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = |line: &str| {
            let path = line.find('/').and_then(|at| line.get(at..)).unwrap_or_default();
            files.contains(path.trim_end_matches(" (deleted)"))
        };
        Some(files.len() >= MAX_FILES || maps.lines().any(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_readable_once_a_file_of_it_is_probed() {
        let (readable, own) = (Readable::default(), std::process::id());
        assert_eq!(readable.reads(own), Some(false));
        readable.add("/lib64/ld-linux-x86-64.so.2");
        assert_eq!(readable.reads(own), Some(false));
        readable.add(&std::env::current_exe().unwrap().display().to_string());
        assert_eq!(readable.reads(own), Some(true));
        assert_eq!(readable.reads(u32::MAX), None);
        assert!(is_never("/usr/lib/jvm/java-17/bin/java") && !is_never("/bin/javac"));
    }
}
