//! Which files running processes map, each looked at once [edge: reads /proc].
//!
//! In: process ids. Out: [`Found`]: targets to attach, and files that must not be probed. A process
//! that dies while it is read is no error. Limits: [`MAX_FILES`] remembered, [`MAX_FILE`] bytes read.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use memchr::memmem;

use super::elf::Elf;
use super::image::Image;
use super::libraries::RESOLVERS;
use super::{Hook, Target, go, ldcache, libraries, maps};

/// Files remembered as looked at; beyond, all are looked at again.
pub const MAX_FILES: usize = 65_536;
/// Largest file read: a browser's main library has 250 MB.
pub const MAX_FILE: u64 = 512 << 20;
const LD_CACHE: &str = "/etc/ld.so.cache";
/// What any file worth parsing has somewhere.
const MARKS: [&[u8]; 5] =
    [b"SSL_write", b"_dl_debug_state", b"gnutls_record_send", b"SSL_ImportFD", b"PR_Write"];

/// A file that holds a TLS library and is not probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The process it was met in; `None`: of the linker's cache.
    pub pid: Option<u32>,
    pub path: String,
    pub reason: &'static str,
}

/// What a look at some processes found new.
#[derive(Debug, Default)]
pub struct Found {
    pub targets: Vec<Target>,
    pub refusals: Vec<Refusal>,
    /// Keeps the targets' paths valid (`/proc/self/fd/N`) until they are attached.
    held: Vec<File>,
}

impl Found {
    pub const fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.refusals.is_empty()
    }
}

#[derive(Debug)]
pub struct Scanner {
    proc: PathBuf,
    own: u32,
    /// By what /proc/PID/maps says: a file replaced on disk has another inode.
    seen: HashSet<(String, u64)>,
    /// By what stat says: overlays show one file under several devices.
    files: HashSet<(u64, u64)>,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            proc: PathBuf::from("/proc"),
            own: std::process::id(),
            seen: HashSet::new(),
            files: HashSet::new(),
        }
    }
}

impl Scanner {
    /// Libraries that processes to come will map, and those of all processes there are.
    pub fn startup(&mut self) -> Found {
        let mut found = Found::default();
        let cache = fs::read(LD_CACHE).unwrap_or_default();
        for prefix in ["libssl.so", "libgnutls.so", "libnspr4.so", "libssl3.so", "ld-linux"] {
            for path in ldcache::paths(&cache, prefix) {
                self.file(None, Path::new(path), path, &mut found);
            }
        }
        for pid in self.processes() {
            self.look(pid, &mut found);
        }
        found
    }

    /// What a process has mapped that is new.
    pub fn process(&mut self, pid: u32) -> Found {
        let mut found = Found::default();
        self.look(pid, &mut found);
        found
    }

    /// Ids of the processes there are.
    pub fn processes(&self) -> Vec<u32> {
        let Ok(entries) = fs::read_dir(&self.proc) else { return Vec::new() };
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    fn look(&mut self, pid: u32, found: &mut Found) {
        if pid == self.own {
            return;
        }
        let dir = self.proc.join(pid.to_string());
        // Kernel threads map nothing; a process that has gone has no maps.
        let Ok(text) = fs::read(dir.join("maps")) else { return };
        let text = String::from_utf8_lossy(&text);
        for mapping in maps::executables(&text) {
            if self.seen.len() >= MAX_FILES {
                self.seen.clear();
                self.files.clear();
            }
            if !self.seen.insert((mapping.device.to_owned(), mapping.inode)) {
                continue;
            }
            let by_range = dir.join("map_files").join(mapping.range);
            let in_root = dir.join("root").join(mapping.path.trim_start_matches('/'));
            // The mapping itself is the very file, deleted or replaced as it may be.
            let path = if by_range.exists() { by_range } else { in_root };
            self.file(Some(pid), &path, mapping.path, found);
        }
    }

    fn file(&mut self, pid: Option<u32>, path: &Path, shown: &str, found: &mut Found) {
        let Ok(mut file) = File::open(path) else { return };
        let Ok(meta) = file.metadata() else { return };
        if !meta.is_file() || !self.files.insert((meta.dev(), meta.ino())) {
            return;
        }
        let mut refuse =
            |reason| found.refusals.push(Refusal { pid, path: shown.to_owned(), reason });
        if meta.len() > MAX_FILE {
            return refuse("file_too_large");
        }
        let mut bytes = Vec::new();
        if file.by_ref().take(MAX_FILE).read_to_end(&mut bytes).is_err() {
            return refuse("file_unreadable");
        }
        let mut targets: Vec<(u32, Vec<Hook>)> = Vec::new();
        let mut is_go = false;
        if MARKS.iter().any(|mark| memmem::find(&bytes, mark).is_some())
            && let Ok(elf) = Elf::parse(&bytes, libraries::wants)
        {
            is_go = elf.is_go;
            match libraries::find(&elf) {
                Err(not_safe) => refuse(not_safe.reason()),
                Ok(found) => {
                    targets
                        .extend(found.into_iter().map(|(library, hooks)| (library.number, hooks)));
                }
            }
        }
        // Where a library has its names, they are the better evidence.
        let named = |number| targets.iter().any(|(library, _)| *library == number);
        let resolvers =
            RESOLVERS.iter().filter(|r| !named(r.number) && memmem::find(&bytes, r.mark).is_some());
        let resolvers: Vec<_> = resolvers.collect();
        if !resolvers.is_empty()
            && let Ok(image) = Image::parse(&bytes)
        {
            is_go |= go::is_go(&image);
            for resolver in resolvers {
                match (resolver.find)(&image) {
                    Ok(hooks) => targets.extend(hooks.map(|hooks| (resolver.number, hooks))),
                    Err(reason) => refuse(reason),
                }
            }
        }
        if targets.is_empty() {
            return;
        }
        found.targets.extend(targets.into_iter().map(|(library, hooks)| Target {
            path: PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())),
            shown: shown.to_owned(),
            device: meta.dev(),
            inode: meta.ino(),
            library,
            is_go,
            hooks,
        }));
        found.held.push(file);
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_looked_at_and_its_files_once() {
        let mut child = Command::new("python3")
            .args(["-c", "import ssl, sys; print('ready', flush=True); sys.stdin.read()"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 5];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        let mut scanner = Scanner::default();
        let found = scanner.process(child.id());
        let names: Vec<_> = found.targets.iter().map(|target| target.shown.clone()).collect();
        let ssl = found.targets.iter().find(|target| target.shown.contains("libssl"));
        assert!(ssl.is_some_and(|target| !target.hooks.is_empty()), "{names:?}");
        assert!(scanner.process(child.id()).is_empty());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(scanner.process(child.id()).is_empty(), "a process that is gone is no error");
    }

    #[test]
    fn the_systems_libraries_are_found_before_anybody_maps_them() {
        let found = Scanner::default().startup();
        assert!(found.targets.iter().any(|target| target.shown.contains("libssl.so")));
        assert!(found.targets.iter().any(|target| target.shown.contains("ld-linux")));
        for target in &found.targets {
            assert!(fs::metadata(&target.path).is_ok(), "the path opens the file: {target:?}");
        }
    }
}
