//! The process table [pure].
//!
//! In: process events in kernel order. Out: what is known of a (tgid, start time), also after its
//! end. Limits: [`Limits`]; an entry of a process that ended is kept for a while because its last
//! call may still be in the pipeline.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

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
    /// Filled by the edge when it could still be read.
    pub cgroup_path: Option<String>,
}

impl Process {
    /// `process.executable.name`
    pub fn executable_name(&self) -> Option<&str> {
        self.executable_path.as_deref().and_then(|p| p.rsplit('/').next()).filter(|n| !n.is_empty())
    }

    fn from_exec(exec: &Exec) -> Self {
        let name = exec.path.rsplit('/').next().unwrap_or_default();
        Self {
            parent: Some(exec.parent).filter(|p| p.tgid != 0),
            uid: Some(exec.uid),
            executable_path: Some(title::clean_path(&exec.path)).filter(|p| !p.is_empty()),
            title: title::title(&exec.argv, &exec.comm),
            runtime: title::runtime(name),
            cgroup_id: exec.origin.cgroup_id,
            cgroup_path: None,
        }
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

#[derive(Debug, Default)]
pub struct ProcessTable {
    limits: Limits,
    known: HashMap<ProcessKey, Arc<Process>>,
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
            KernelEvent::Exec(exec) => {
                self.insert(exec.origin.process, Process::from_exec(exec));
            }
            KernelEvent::Fork(fork) => {
                // A child is its parent's image until it execs.
                if let Some(parent) = self.known.get(&fork.origin.process) {
                    let child = Process { parent: Some(fork.origin.process), ..(**parent).clone() };
                    self.insert(fork.child, child);
                }
            }
            KernelEvent::Exit(exit) => self.ended.push_back((exit.origin.at, exit.origin.process)),
            _ => return,
        }
        self.forget_ended(event.origin().at);
    }

    /// What is known of `key`; `read` looks at /proc when nothing is, once.
    pub fn lookup(
        &mut self,
        key: ProcessKey,
        read: impl FnOnce(ProcessKey) -> Option<Process>,
    ) -> Option<Arc<Process>> {
        if let Some(process) = self.known.get(&key) {
            return Some(Arc::clone(process));
        }
        match read(key) {
            Some(process) => Some(self.insert(key, process)),
            None => {
                self.counts.unknown += 1;
                None
            }
        }
    }

    /// Replaces what is known, for edges that learned more (the cgroup's path).
    pub fn insert(&mut self, key: ProcessKey, process: Process) -> Arc<Process> {
        let process = Arc::new(process);
        if self.known.insert(key, Arc::clone(&process)).is_none() {
            self.order.push_back(key);
        }
        while self.known.len() > self.limits.processes {
            let Some(oldest) = self.order.pop_front() else { break };
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
    fn the_table_is_bounded_and_says_what_it_forgot() {
        let mut table = ProcessTable::new(Limits { processes: 4, linger_ns: SECOND });
        for tgid in 0..100 {
            table.push(&exec(key(tgid, 1), 1, "/a"));
        }
        assert_eq!((table.len(), table.counts().evicted), (4, 96));
    }
}
