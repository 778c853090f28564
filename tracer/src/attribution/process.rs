//! The process table [pure].
//!
//! In: process events in kernel order. Out: what is known of a (tgid, start time), also after its
//! end. Limits: [`Limits`]; an entry of a process that ended is kept for a while because its last
//! call may still be in the pipeline.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::ancestry::Ancestry;
use super::environment::Environment;
use super::owner::Owner;
use crate::attribution::title;
use crate::event::{BootTime, Exec, KernelEvent, ProcessKey};

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Processes remembered, alive or not.
    pub processes: usize,
    /// Nanoseconds an ended process is remembered.
    pub linger_ns: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { processes: 65_536, linger_ns: 60_000_000_000 }
    }
}

/// What events say about a process. Absent is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    pub parent: Option<ProcessKey>,
    pub uid: Option<u32>,
    pub executable_path: Option<String>,
    pub title: String,
    pub runtime: Option<&'static str>,
    pub cgroup_id: u64,
    /// Filled by the edge when only /proc tells.
    pub cgroup_path: Option<Arc<str>>,
    pub ancestry: Option<Arc<Ancestry>>,
    /// Titles of the images that exec replaced in this process, the latest first.
    pub replaced: Vec<Box<str>>,
    /// The image is the parent's: it has not called exec.
    pub forked: bool,
    /// `None`: not looked at yet.
    pub environment: Option<Arc<Environment>>,
}

/// Most replaced images remembered.
const MAX_REPLACED: usize = 4;

impl Process {
    /// `process.executable.name`
    pub fn executable_name(&self) -> Option<&str> {
        self.executable_path.as_deref().and_then(|p| p.rsplit('/').next()).filter(|n| !n.is_empty())
    }

    pub fn has_absolute_path(&self) -> bool {
        self.executable_path.as_deref().is_some_and(|path| path.starts_with('/'))
    }

    fn from_exec(exec: &Exec) -> Self {
        let argument = |index: usize| {
            exec.argv.get(index).map(|a| String::from_utf8_lossy(a)).unwrap_or_default()
        };
        // Of a script the kernel tells the script; its interpreter is the first argument.
        let interpreter = argument(0);
        let is_script = argument(1) == *exec.path && interpreter.starts_with('/');
        let path = if is_script { &*interpreter } else { &exec.path };
        let name = path.rsplit('/').next().unwrap_or_default();
        Self {
            parent: Some(exec.parent).filter(|p| p.tgid != 0),
            uid: Some(exec.uid),
            executable_path: Some(title::clean_path(path)).filter(|p| !p.is_empty()),
            title: title::title(&exec.argv, &exec.comm),
            runtime: title::runtime(name),
            cgroup_id: exec.origin.cgroup_id,
            environment: exec.environment.as_ref().map(|variables| {
                Arc::new(Environment::read(variables.iter().map(|variable| &**variable)))
            }),
            ..Self::default()
        }
    }

    /// As an ancestor of others.
    fn as_ancestor(&self, key: ProcessKey) -> Arc<Ancestry> {
        Ancestry::of(key, self.title.as_str().into(), self.ancestry.as_ref())
    }
}

/// Discards, for the books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Forgotten because the table was full.
    pub evicted: u64,
    /// Calls of a process nobody knew.
    pub unknown: u64,
}

#[derive(Debug)]
struct Entry {
    process: Arc<Process>,
    owner: Option<Remembered>,
}

/// An owner put together for what the process did in this cgroup.
#[derive(Debug)]
struct Remembered {
    cgroup_id: u64,
    owner: Arc<Owner>,
    /// When more may be known.
    again: Option<Instant>,
}

#[derive(Debug, Default)]
pub struct ProcessTable {
    limits: Limits,
    known: HashMap<ProcessKey, Entry>,
    /// In order of arrival, for eviction.
    order: VecDeque<ProcessKey>,
    /// Ended, in order of their end.
    ended: VecDeque<(BootTime, ProcessKey)>,
    counts: Counts,
}

impl ProcessTable {
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub const fn counts(&self) -> Counts {
        self.counts
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Takes a process event; others are not its business.
    pub fn push(&mut self, event: &KernelEvent) {
        match event {
            KernelEvent::Exec(exec) => self.exec(exec),
            KernelEvent::Fork(fork) => {
                // A child is its parent's image until it execs.
                let of = fork.origin.process;
                if let Some(parent) = self.known.get(&of).map(|entry| &entry.process) {
                    let child = Process {
                        parent: Some(of),
                        ancestry: Some(parent.as_ancestor(of)),
                        replaced: Vec::new(),
                        forked: true,
                        ..(**parent).clone()
                    };
                    self.insert(fork.child, child);
                }
            }
            KernelEvent::Exit(exit) => {
                if self.known.contains_key(&exit.origin.process) {
                    self.ended.push_back((exit.origin.at, exit.origin.process));
                }
            }
            _ => return,
        }
        self.forget_ended(event.origin().at);
    }

    fn exec(&mut self, exec: &Exec) {
        let key = exec.origin.process;
        let mut process = Process::from_exec(exec);
        let before = self.known.get(&key).map(|entry| &entry.process);
        process.ancestry = match before.and_then(|before| before.ancestry.clone()) {
            Some(ancestry) => Some(ancestry),
            None => self.known.get(&exec.parent).map(|e| e.process.as_ancestor(exec.parent)),
        };
        if let Some(before) = before.filter(|before| !before.forked) {
            let latest = std::iter::once(before.title.as_str().into());
            process.replaced =
                latest.chain(before.replaced.iter().cloned()).take(MAX_REPLACED).collect();
        }
        self.insert(key, process);
    }

    pub fn knows(&self, key: ProcessKey) -> bool {
        self.known.contains_key(&key)
    }

    /// What is known of `key`; `read` looks at /proc when nothing is, once.
    pub fn lookup(
        &mut self,
        key: ProcessKey,
        read: impl FnOnce(ProcessKey) -> Option<Process>,
    ) -> Option<Arc<Process>> {
        if let Some(entry) = self.known.get(&key) {
            return Some(Arc::clone(&entry.process));
        }
        match read(key) {
            Some(process) => Some(self.insert(key, process)),
            None => {
                self.counts.unknown += 1;
                None
            }
        }
    }

    /// Changes what is known of a process, for edges that learned more.
    pub fn change(
        &mut self,
        key: ProcessKey,
        change: impl FnOnce(&mut Process),
    ) -> Option<Arc<Process>> {
        let entry = self.known.get_mut(&key)?;
        change(Arc::make_mut(&mut entry.process));
        entry.owner = None;
        Some(Arc::clone(&entry.process))
    }

    /// The owner remembered for this process in this cgroup, unless more may be known by now.
    pub fn owner(&self, key: ProcessKey, cgroup_id: u64, now: Instant) -> Option<Arc<Owner>> {
        let remembered = self.known.get(&key)?.owner.as_ref()?;
        let valid =
            remembered.cgroup_id == cgroup_id && remembered.again.is_none_or(|again| now < again);
        valid.then(|| Arc::clone(&remembered.owner))
    }

    /// Remembers an owner until the process's image changes, or `again`.
    pub fn remember(
        &mut self,
        key: ProcessKey,
        cgroup_id: u64,
        owner: Arc<Owner>,
        again: Option<Instant>,
    ) {
        if let Some(entry) = self.known.get_mut(&key) {
            entry.owner = Some(Remembered { cgroup_id, owner, again });
        }
    }

    /// Every owner is to be put together anew.
    pub fn forget_owners(&mut self) {
        for entry in self.known.values_mut() {
            entry.owner = None;
        }
    }

    /// Enters or replaces a process.
    pub fn insert(&mut self, key: ProcessKey, process: Process) -> Arc<Process> {
        let process = Arc::new(process);
        let entry = Entry { process: Arc::clone(&process), owner: None };
        if self.known.insert(key, entry).is_none() {
            self.order.push_back(key);
        }
        while self.known.len() > self.limits.processes {
            // Those that ended first: a server must not be forgotten for a storm of short-lived ones.
            let ended = self.ended.pop_front().map(|(_, key)| key);
            let Some(oldest) = ended.or_else(|| self.order.pop_front()) else { break };
            if self.known.remove(&oldest).is_some() {
                self.counts.evicted += 1;
            }
        }
        // Keys of processes already forgotten pile up in `order`: sweep before they outnumber the living.
        if self.order.len() > 2 * self.known.len() + 1024 {
            self.order.retain(|key| self.known.contains_key(key));
        }
        process
    }

    fn forget_ended(&mut self, now: BootTime) {
        while let Some((at, key)) = self.ended.front().copied() {
            if now.0.saturating_sub(at.0) < self.limits.linger_ns {
                break;
            }
            self.ended.pop_front();
            self.known.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Exit, Fork, Origin};
    use bytes::Bytes;

    const SECOND: u64 = 1_000_000_000;

    fn key(tgid: u32, start: u64) -> ProcessKey {
        ProcessKey { tgid, start: BootTime(start) }
    }

    fn exec(process: ProcessKey, at: u64, path: &str) -> KernelEvent {
        KernelEvent::Exec(Box::new(Exec {
            origin: Origin { at: BootTime(at), process, cgroup_id: 7, ..Origin::default() },
            parent: key(1, 0),
            uid: 1000,
            gid: 1000,
            comm: "c".into(),
            path: path.into(),
            argv: vec![Bytes::from_static(b"python3"), Bytes::from_static(b"app.py")],
            argv_cut: false,
            environment: None,
        }))
    }

    #[test]
    fn a_process_is_known_after_its_end_and_forgotten_later() {
        let mut table = ProcessTable::new(Limits { processes: 8, linger_ns: 10 * SECOND });
        let curl = key(100, 5);
        table.push(&exec(curl, 5, "/usr/bin/python3"));
        table.push(&KernelEvent::Exit(Exit {
            origin: Origin { at: BootTime(SECOND), process: curl, ..Origin::default() },
            code: 0,
            lossy: false,
        }));
        let known = table.lookup(curl, |_| None).map(|p| (p.title.clone(), p.uid));
        assert_eq!(known, Some(("python3 app.py".into(), Some(1000))));
        table.push(&exec(key(101, 6), 12 * SECOND, "/bin/x"));
        assert_eq!(table.lookup(curl, |_| None), None);
    }

    #[test]
    fn a_reused_pid_is_another_process() {
        let mut table = ProcessTable::new(Limits::default());
        table.push(&exec(key(100, 5), 5, "/a"));
        table.push(&exec(key(100, 9), 9, "/b"));
        let path =
            |t: &mut ProcessTable, k| t.lookup(k, |_| None).and_then(|p| p.executable_path.clone());
        assert_eq!(path(&mut table, key(100, 5)).as_deref(), Some("/a"));
        assert_eq!(path(&mut table, key(100, 9)).as_deref(), Some("/b"));
    }

    #[test]
    fn a_forked_child_has_its_parents_image() {
        let mut table = ProcessTable::new(Limits::default());
        let (parent, child) = (key(100, 5), key(101, 6));
        table.push(&exec(parent, 5, "/usr/bin/gunicorn"));
        table.push(&KernelEvent::Fork(Fork {
            origin: Origin { at: BootTime(6), process: parent, ..Origin::default() },
            child,
        }));
        let process = table.lookup(child, |_| None);
        assert_eq!(process.as_ref().and_then(|p| p.parent), Some(parent));
        assert_eq!(
            process.and_then(|p| p.executable_path.clone()).as_deref(),
            Some("/usr/bin/gunicorn")
        );
    }

    #[test]
    fn the_chain_of_parents_outlives_them_and_exec_keeps_what_it_replaced() {
        let mut table = ProcessTable::new(Limits { processes: 64, linger_ns: SECOND });
        let (shell, agent, tool) = (key(10, 1), key(11, 2), key(12, 3));
        table.push(&exec(shell, 1, "/bin/bash"));
        for (parent, child, at) in [(shell, agent, 2), (agent, tool, 3)] {
            table.push(&KernelEvent::Fork(Fork {
                origin: Origin { at: BootTime(at), process: parent, ..Origin::default() },
                child,
            }));
        }
        table.push(&exec(tool, 4, "/bin/sh"));
        table.push(&exec(tool, 5, "/usr/bin/curl"));
        table.push(&KernelEvent::Exit(Exit {
            origin: Origin { at: BootTime(6), process: agent, ..Origin::default() },
            code: 0,
            lossy: false,
        }));
        table.push(&exec(key(99, 9), 60 * SECOND, "/bin/x"));
        assert!(!table.knows(agent));
        let process = table.lookup(tool, |_| None).unwrap();
        let above: Vec<u32> =
            process.ancestry.as_ref().unwrap().iter().map(|link| link.key.tgid).collect();
        assert_eq!(above, [11, 10]);
        assert_eq!(process.replaced.len(), 1);
    }

    #[test]
    fn a_long_lived_process_outlives_a_storm_of_short_ones() {
        let mut table = ProcessTable::new(Limits { processes: 100, linger_ns: 60 * SECOND });
        let server = key(1, 1);
        table.push(&exec(server, 1, "/usr/bin/server"));
        for tgid in 10..10_000 {
            table.push(&exec(key(tgid, 2), 2, "/bin/true"));
            table.push(&KernelEvent::Exit(Exit {
                origin: Origin { at: BootTime(2), process: key(tgid, 2), ..Origin::default() },
                code: 0,
                lossy: false,
            }));
        }
        assert!(table.knows(server) && table.len() <= 100);
    }

    #[test]
    fn the_table_is_bounded_and_says_what_it_forgot() {
        let mut table = ProcessTable::new(Limits { processes: 4, linger_ns: SECOND });
        for tgid in 0..100 {
            table.push(&exec(key(tgid, 1), 1, "/a"));
        }
        assert_eq!((table.len(), table.counts().evicted), (4, 96));
    }
}
