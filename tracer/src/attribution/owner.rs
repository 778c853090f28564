//! Who made a call [edge: reads /proc and the cgroup tree where events did not tell].
//!
//! In: process events, calls. Out: [`AttributedCall`]s.

use std::collections::HashMap;
use std::path::Path;

use super::cgroup::Cgroups;
use super::process::{Limits, Process, ProcessTable};
use super::procfs::{self, Procfs};
use crate::ai::call::Call;
use crate::event::KernelEvent;
use crate::record::AttributedCall;

const PASSWD: &str = "/etc/passwd";
/// User names remembered.
const MAX_USERS: usize = 4096;

#[derive(Debug)]
pub struct Owners {
    processes: ProcessTable,
    procfs: Procfs,
    cgroups: Cgroups,
    users: HashMap<u32, String>,
}

impl Default for Owners {
    fn default() -> Self {
        Self {
            processes: ProcessTable::new(Limits::default()),
            procfs: Procfs::default(),
            cgroups: Cgroups::open(),
            users: HashMap::new(),
        }
    }
}

impl Owners {
    /// Takes a process event.
    pub fn push(&mut self, event: &KernelEvent) {
        self.processes.push(event);
    }

    /// Finds the call's owner.
    pub fn attribute(&mut self, call: Call) -> AttributedCall {
        let key = call.flow.process;
        let procfs = &self.procfs;
        let owner = self.processes.lookup(key, |key| procfs.read(key));
        let from_owner = owner.as_deref().and_then(|owner: &Process| owner.cgroup_path.clone());
        let cgroup_path = from_owner.or_else(|| self.cgroups.path(call.cgroup_id)).or_else(|| {
            // Only while the id still means this process.
            procfs.key(key.tgid).filter(|now| now.start.0.abs_diff(key.start.0) < 20_000_000)?;
            procfs.cgroup(key.tgid)
        });
        let user = owner.as_deref().and_then(|owner| owner.uid).map(|uid| self.user(uid));
        AttributedCall { call, process: key, owner, user, cgroup_path }
    }

    fn user(&mut self, uid: u32) -> String {
        if self.users.len() >= MAX_USERS {
            self.users.clear();
        }
        let name = || {
            let passwd = std::fs::read_to_string(Path::new(PASSWD)).unwrap_or_default();
            procfs::user_name(&passwd, uid)
        };
        self.users.entry(uid).or_insert_with(name).clone()
    }
}
