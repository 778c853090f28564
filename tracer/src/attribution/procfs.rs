//! Processes older than the agent, from /proc [edge].
//!
//! In: a [`ProcessKey`] nobody told us about. Out: its [`Process`], or nothing when /proc shows
//! another process under that number by now.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::ancestry::{Ancestry, MAX_DEPTH};
use super::environment::Environment;
use crate::attribution::{process::Process, title};
use crate::event::{BootTime, ProcessKey};

/// /proc counts start times in ticks of 1/100 s (`USER_HZ`, fixed by the ABI on every architecture we run on).
const TICK_NS: u64 = 10_000_000;
/// Most argv bytes read; only a title is made of them.
const MAX_CMDLINE: usize = 4096;
/// Most environment bytes looked through.
const MAX_ENVIRON: u64 = 256 * 1024;

#[derive(Clone, Debug)]
pub struct Procfs {
    root: PathBuf,
}

impl Default for Procfs {
    fn default() -> Self {
        Self { root: PathBuf::from("/proc") }
    }
}

impl Procfs {
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// What /proc says of `key`.
    pub fn read(&self, key: ProcessKey) -> Option<Process> {
        let dir = self.root.join(key.tgid.to_string());
        let stat = Stat::read(&dir)?;
        // The kernel gave nanoseconds, /proc has ticks of the same clock.
        if stat.start_ticks.abs_diff(key.start.0 / TICK_NS) > 1 {
            return None;
        }
        let executable = self.executable(key.tgid);
        let runtime = executable.as_deref().and_then(|p| title::runtime(p.rsplit('/').next()?));
        Some(Process {
            parent: self.key(stat.parent),
            uid: fs::metadata(&dir).ok().map(|m| m.uid()),
            title: title_of(&dir, &stat.comm),
            executable_path: executable,
            runtime,
            cgroup_path: self.cgroup(key.tgid).map(Into::into),
            ancestry: self.ancestry(stat.parent),
            ..Process::default()
        })
    }

    /// The chain of a process's parents, from `parent` upwards.
    fn ancestry(&self, parent: u32) -> Option<Arc<Ancestry>> {
        let mut links = Vec::new();
        let mut next = parent;
        while next != 0 && links.len() < usize::from(MAX_DEPTH) {
            let dir = self.root.join(next.to_string());
            let Some(stat) = Stat::read(&dir) else { break };
            let start = BootTime(stat.start_ticks * TICK_NS);
            links.push((ProcessKey { tgid: next, start }, title_of(&dir, &stat.comm)));
            next = stat.parent;
        }
        links
            .into_iter()
            .rev()
            .fold(None, |above, (key, title)| Some(Ancestry::of(key, title.into(), above.as_ref())))
    }

    /// Path of the image that a live process runs.
    pub fn executable(&self, tgid: u32) -> Option<String> {
        let path = fs::read_link(self.root.join(tgid.to_string()).join("exe")).ok()?;
        let path = path.to_string_lossy();
        Some(title::clean_path(path.strip_suffix(" (deleted)").unwrap_or(&path)))
    }

    /// What a live process's environment says of its service. The rest is read and dropped.
    pub fn environment(&self, tgid: u32) -> Option<Environment> {
        let file = fs::File::open(self.root.join(tgid.to_string()).join("environ")).ok()?;
        let mut bytes = Vec::new();
        file.take(MAX_ENVIRON).read_to_end(&mut bytes).ok()?;
        Some(Environment::read(bytes.split(|byte| *byte == 0)))
    }

    /// Whether the number still means this process.
    pub fn is(&self, key: ProcessKey) -> bool {
        Stat::read(&self.root.join(key.tgid.to_string()))
            .is_some_and(|stat| stat.start_ticks.abs_diff(key.start.0 / TICK_NS) <= 1)
    }

    /// The identity of a live process; tick precision.
    pub fn key(&self, tgid: u32) -> Option<ProcessKey> {
        let stat = Stat::read(&self.root.join(tgid.to_string()))?;
        Some(ProcessKey { tgid, start: BootTime(stat.start_ticks * TICK_NS) })
    }

    /// cgroup path of a live process: of the v2 hierarchy, or where that says `/`, of the v1
    /// controller with the longest path (a hybrid host keeps containers there).
    pub fn cgroup(&self, tgid: u32) -> Option<String> {
        let text = fs::read_to_string(self.root.join(tgid.to_string()).join("cgroup")).ok()?;
        let paths = text.lines().filter_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (id, _, path) = (fields.next()?, fields.next()?, fields.next()?);
            Some((id == "0", path))
        });
        let mut best = None;
        for (is_v2, path) in paths {
            if is_v2 && path != "/" {
                return Some(title::clean_path(path));
            }
            if best.is_none_or(|b: &str| path.len() > b.len()) {
                best = Some(path);
            }
        }
        best.map(title::clean_path)
    }
}

/// The title of the process behind a /proc folder.
fn title_of(dir: &Path, comm: &str) -> String {
    let mut cmdline = fs::read(dir.join("cmdline")).unwrap_or_default();
    cmdline.truncate(MAX_CMDLINE);
    let argv: Vec<Bytes> = cmdline.split(|b| *b == 0).map(Bytes::copy_from_slice).collect();
    title::title(&argv, comm)
}

struct Stat {
    comm: String,
    parent: u32,
    start_ticks: u64,
}

impl Stat {
    /// proc(5): `pid (comm) state ppid ... starttime(22)`; comm may hold blanks and parentheses.
    fn read(dir: &Path) -> Option<Self> {
        let text = fs::read(dir.join("stat")).ok()?;
        let text = String::from_utf8_lossy(&text);
        let (head, tail) = text.rsplit_once(')')?;
        let comm = head.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
        Some(Self {
            comm,
            parent: fields.get(1)?.parse().ok()?,
            start_ticks: fields.get(19)?.parse().ok()?,
        })
    }
}

/// User name of a uid, from the host's user database file; the number when it has none there.
pub fn user_name(passwd: &str, uid: u32) -> String {
    passwd
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(uid)).then(|| title::clean(name))
        })
        .unwrap_or_else(|| uid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_very_process_and_refuses_another_start() {
        let procfs = Procfs::default();
        let key = procfs.key(std::process::id()).unwrap();
        let process = procfs.read(key).unwrap();
        assert!(process.executable_path.unwrap().contains("tracer"));
        assert!(procfs.read(ProcessKey { start: BootTime(1), ..key }).is_none());
    }

    #[test]
    fn comm_with_parentheses_does_not_shift_the_fields() {
        let dir = tempfile::tempdir().unwrap();
        let proc = dir.path().join("7");
        fs::create_dir(&proc).unwrap();
        let rest = "S 3 ".to_owned() + &"0 ".repeat(17) + "12345 0";
        fs::write(proc.join("stat"), format!("7 (a) b (c) {rest}")).unwrap();
        fs::write(proc.join("cmdline"), b"python3\0x.py\0").unwrap();
        fs::write(proc.join("cgroup"), "9:memory:/docker/abc\n0::/\n").unwrap();
        let procfs = Procfs::at(dir.path());
        let key = procfs.key(7).unwrap();
        assert_eq!(key.start, BootTime(12345 * TICK_NS));
        let process = procfs.read(key).unwrap();
        assert_eq!(process.title, "python3 x.py");
        assert_eq!(process.cgroup_path.as_deref(), Some("/docker/abc"));
    }

    #[test]
    fn a_user_without_a_name_is_its_number() {
        let passwd = "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/:/bin/sh\n";
        assert_eq!((user_name(passwd, 33), user_name(passwd, 9)), ("web".into(), "9".into()));
    }
}
