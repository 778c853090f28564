//! Who made a call [edge: reads /proc and the cgroup tree where events did not tell].
//!
//! In: process events, calls. Out: [`AttributedCall`]s.

use std::collections::HashMap;

use super::cgroup::Cgroups;
use super::process::{Limits, Process, ProcessTable};
use super::procfs::{self, Procfs};
use crate::ai::call::Call;
use crate::correlate::Derived;
use crate::event::{KernelEvent, ProcessKey};
use crate::record::AttributedCall;

const PASSWD: &str = "/etc/passwd";
/// User names remembered.
const MAX_USERS: usize = 4096;

#[derive(Debug)]
pub struct Owners {
    processes: ProcessTable,
    /// What this host can be asked; nothing when the calls are of another.
    host: Option<Host>,
}

#[derive(Debug)]
struct Host {
    procfs: Procfs,
    cgroups: Cgroups,
    users: HashMap<u32, String>,
}

impl Default for Owners {
    fn default() -> Self {
        let host =
            Host { procfs: Procfs::default(), cgroups: Cgroups::open(), users: HashMap::new() };
        Self { processes: ProcessTable::new(Limits::default()), host: Some(host) }
    }
}

impl Owners {
    /// Takes a process event.
    pub fn push(&mut self, event: &KernelEvent) {
        self.processes.push(event);
    }

    /// For recorded calls: their events alone tell.
    pub fn recorded() -> Self {
        Self { processes: ProcessTable::new(Limits::default()), host: None }
    }

    /// What a person would call a process.
    pub fn label(&mut self, key: ProcessKey) -> Option<String> {
        let host = &self.host;
        let found =
            self.processes.lookup(key, |key| host.as_ref().and_then(|host| host.procfs.read(key)));
        found.map(|process| process.title.clone()).filter(|title| !title.is_empty())
    }

    /// The same of whoever has this id now.
    pub fn label_of(&mut self, pid: u32) -> Option<String> {
        let key = self.host.as_ref()?.procfs.key(pid)?;
        self.label(key)
    }

    /// Finds the call's owner.
    pub fn attribute(&mut self, call: Call) -> AttributedCall {
        let key = call.flow.process;
        let host = &mut self.host;
        let owner =
            self.processes.lookup(key, |key| host.as_ref().and_then(|host| host.procfs.read(key)));
        let known: Option<&Process> = owner.as_deref();
        let cgroup_path = known
            .and_then(|owner| owner.cgroup_path.clone())
            .or_else(|| host.as_mut()?.cgroup(&call));
        let user = known.and_then(|owner| owner.uid).map(|uid| match host {
            Some(host) => host.user(uid),
            None => uid.to_string(),
        });
        let derived = Derived::default();
        AttributedCall { call, process: key, owner, user, cgroup_path, peer: None, derived }
    }
}

impl Host {
    fn cgroup(&mut self, call: &Call) -> Option<String> {
        let key = call.flow.process;
        self.cgroups.path(call.cgroup_id).or_else(|| {
            // Only while the id still means this process.
            let now = self.procfs.key(key.tgid)?;
            (now.start.0.abs_diff(key.start.0) < 20_000_000).then_some(())?;
            self.procfs.cgroup(key.tgid)
        })
    }

    fn user(&mut self, uid: u32) -> String {
        if self.users.len() >= MAX_USERS {
            self.users.clear();
        }
        let name = || {
            let passwd = std::fs::read_to_string(PASSWD).unwrap_or_default();
            procfs::user_name(&passwd, uid)
        };
        self.users.entry(uid).or_insert_with(name).clone()
    }
}
