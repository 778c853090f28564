//! Who did it [edge: reads /proc and the cgroup tree, and has the runtimes asked, where events did not
//! tell].
//!
//! In: process and cgroup events; the process and cgroup of something that happened. Out: its
//! [`Owner`], put together once for a process's image and then shared.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cgroups::{Cgroup, Cgroups};
use super::config::Attribution;
use super::container::Container;
use super::container::place::{Found, Place};
use super::owner::Owner;
use super::process::{Limits, Process, ProcessTable};
use super::procfs::{self, Procfs};
use super::rules::Rules;
use super::runtimes::{Known, Runtimes};
use crate::ai::call::Call;
use crate::correlate::Derived;
use crate::event::{BootTime, KernelEvent, ProcessKey};
use crate::record::AttributedCall;

const PASSWD: &str = "/etc/passwd";
/// User names remembered.
const MAX_USERS: usize = 4096;
/// The id of a hierarchy's root: where a process is that only a v1 hierarchy tells apart.
const ROOT_CGROUP: u64 = 1;
/// Nanoseconds a container is remembered after its cgroup was removed.
const LINGER_NS: u64 = 60_000_000_000;
/// An owner whose container no runtime knew is put together anew after so long.
const AGAIN: Duration = Duration::from_secs(10);
/// The same while the container's first process has not been seen yet.
const SOON: Duration = Duration::from_millis(200);

/// An owner, and whether to wait for a better one.
#[derive(Clone, Debug)]
pub struct Answer {
    pub owner: Arc<Owner>,
    /// A runtime has been asked since then and has not answered yet.
    pub pending: Option<Instant>,
}

#[derive(Debug)]
pub struct Owners {
    processes: ProcessTable,
    cgroups: Cgroups,
    rules: Rules,
    wait: Duration,
    /// What this host can be asked; nothing when the calls are of another.
    host: Option<Host>,
    /// Containers whose cgroup was removed, in that order.
    gone: VecDeque<(BootTime, Box<str>)>,
    /// Clock of the events.
    now: BootTime,
}

#[derive(Debug)]
struct Host {
    procfs: Procfs,
    runtimes: Option<Runtimes>,
    users: HashMap<u32, String>,
    environment: bool,
}

/// For the books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub processes: super::process::Counts,
    pub cgroups_evicted: u64,
}

impl Owners {
    /// For this host.
    pub fn new(config: &Attribution, runtimes: Option<Runtimes>) -> Self {
        let host = Host {
            procfs: Procfs::default(),
            runtimes,
            users: HashMap::new(),
            environment: config.environment,
        };
        Self { cgroups: Cgroups::open(), host: Some(host), ..Self::recorded(config) }
    }

    /// For recorded calls: their events alone tell.
    pub fn recorded(config: &Attribution) -> Self {
        Self {
            processes: ProcessTable::new(Limits::default()),
            cgroups: Cgroups::default(),
            rules: Rules::new(config.rules.clone()),
            wait: config.wait(),
            host: None,
            gone: VecDeque::new(),
            now: BootTime::default(),
        }
    }

    pub const fn counts(&self) -> Counts {
        Counts { processes: self.processes.counts(), cgroups_evicted: self.cgroups.evicted }
    }

    /// (processes, cgroups, containers) remembered.
    pub fn sizes(&self) -> (usize, usize, usize) {
        let containers = self.host.as_ref().and_then(|host| host.runtimes.as_ref());
        (self.processes.len(), self.cgroups.len(), containers.map_or(0, Runtimes::len))
    }

    /// Other rules from now on, for a configuration that was read again.
    pub fn set_rules(&mut self, config: &Attribution) {
        self.rules = Rules::new(config.rules.clone());
        self.wait = config.wait();
        self.processes.forget_owners();
    }

    /// Takes a process or cgroup event.
    pub fn push(&mut self, event: &KernelEvent) {
        self.now = self.now.max(event.origin().at);
        match event {
            KernelEvent::CgroupMade(made) => self.cgroups.made(made),
            KernelEvent::CgroupRemoved(removed) => {
                self.cgroups.removed(removed.id, removed.origin.at);
                if let Some(found) = Place::of(&removed.path).container
                    && found.path == removed.path
                {
                    self.gone.push_back((removed.origin.at, (*found.id).into()));
                }
            }
            KernelEvent::Exec(exec) => {
                self.know(exec.parent);
                self.processes.push(event);
                self.remember_place(exec.origin.process, exec.origin.cgroup_id);
            }
            KernelEvent::Fork(fork) => {
                self.know(fork.origin.process);
                self.processes.push(event);
            }
            _ => self.processes.push(event),
        }
        self.forget_gone();
    }

    /// Reads a process that is older than the agent, before its children are all that is left of it.
    fn know(&mut self, key: ProcessKey) {
        if key.tgid != 0 && !self.processes.knows(key) {
            let host = self.host.as_ref();
            if let Some(process) = host.and_then(|host| host.procfs.read(key)) {
                self.processes.insert(key, process);
            }
        }
    }

    /// On hosts without the v2 hierarchy: the path while the process lives.
    fn remember_place(&mut self, key: ProcessKey, cgroup_id: u64) {
        if cgroup_id > ROOT_CGROUP {
            return;
        }
        let Some(path) = self.host.as_ref().and_then(|host| host.procfs.cgroup(key.tgid)) else {
            return;
        };
        if path != "/" {
            self.processes.change(key, |process| process.cgroup_path = Some(path.into()));
        }
    }

    fn forget_gone(&mut self) {
        while let Some((at, _)) = self.gone.front() {
            if self.now.0.saturating_sub(at.0) < LINGER_NS {
                break;
            }
            if let Some((_, id)) = self.gone.pop_front()
                && let Some(runtimes) = self.host.as_ref().and_then(|h| h.runtimes.as_ref())
            {
                runtimes.forget(&id);
            }
        }
    }

    /// What a person would call a process.
    pub fn label(&mut self, key: ProcessKey) -> Option<String> {
        let process = self.process(key)?;
        Some(process.title.clone()).filter(|title| !title.is_empty())
    }

    /// The same of whoever has this id now.
    pub fn label_of(&mut self, pid: u32) -> Option<String> {
        let key = self.host.as_ref()?.procfs.key(pid)?;
        self.label(key)
    }

    /// The call with its owner, as far as it is known now.
    pub fn attribute(&mut self, call: Call) -> AttributedCall {
        let owner = self.of_call(&call).owner;
        AttributedCall { call, owner, peer: None, derived: Derived::default() }
    }

    /// The call's owner.
    pub fn of_call(&mut self, call: &Call) -> Answer {
        let runtime = (call.flow.library == tracer_common::tls::library::GO).then_some("go");
        self.owner(call.flow.process, call.cgroup_id, runtime, Instant::now())
    }

    /// The owner of what `key` did in a cgroup. `runtime`: what the event tells of the image.
    pub fn owner(
        &mut self,
        key: ProcessKey,
        cgroup_id: u64,
        runtime: Option<&'static str>,
        now: Instant,
    ) -> Answer {
        if let Some(owner) = self.processes.owner(key, cgroup_id, now) {
            return Answer { owner, pending: None };
        }
        let process = self.process(key);
        let cgroup = self.cgroup(key, cgroup_id, process.as_deref());
        let mut owner = Owner { key, runtime, ..Owner::default() };
        owner.user = process.as_ref().and_then(|process| process.uid).map(|uid| self.user(uid));
        owner.process = process;
        let mut again = None;
        let mut pending = None;
        if let Some(cgroup) = cgroup {
            let place = Place::of(&cgroup.path);
            owner.unit = place.unit.map(Into::into);
            owner.pod_uid = place.pod_uid.map(Into::into);
            if let Some(found) = place.container {
                let known = self.ask(&found);
                match &known {
                    Some(Known::Pending(since)) if now.duration_since(*since) < self.wait => {
                        pending = Some(*since);
                        again = Some(now);
                    }
                    Some(Known::Pending(_)) => again = Some(now + SOON),
                    Some(Known::Found(container)) if container.cgroup.is_none() => {
                        again = Some(now + SOON);
                    }
                    Some(Known::Unknown(_)) => again = Some(now + AGAIN),
                    Some(Known::Found(_)) | None => {}
                }
                (owner.container, owner.untrusted) = believe(&found, &cgroup, known);
            }
            owner.cgroup_path = Some(cgroup.path);
        }
        owner.settle(|owner| self.rules.assign(owner));
        let owner = Arc::new(owner);
        self.processes.remember(key, cgroup_id, Arc::clone(&owner), again);
        Answer { owner, pending }
    }

    /// What is known of the process; the first time, with what only the living tell.
    fn process(&mut self, key: ProcessKey) -> Option<Arc<Process>> {
        let host = self.host.as_ref();
        let read = |key| host.and_then(|host| host.procfs.read(key));
        let process = self.processes.lookup(key, read)?;
        if process.environment.is_some() && process.has_absolute_path() {
            return Some(process);
        }
        let host = host?;
        let alive = host.procfs.is(key);
        let environment = match host.environment && alive {
            true => host.procfs.environment(key.tgid),
            false => None,
        };
        let executable = alive.then(|| host.procfs.executable(key.tgid)).flatten();
        self.processes.change(key, |process| {
            process.environment.get_or_insert_with(|| environment.unwrap_or_default().into());
            if !process.has_absolute_path()
                && let Some(path) = executable
            {
                process.executable_path = Some(path);
            }
        })
    }

    fn cgroup(&mut self, key: ProcessKey, id: u64, process: Option<&Process>) -> Option<Cgroup> {
        let known = (id > ROOT_CGROUP).then(|| self.cgroups.get(id)).flatten();
        let known = known.filter(|cgroup| &*cgroup.path != "/");
        known.or_else(|| {
            let read = || {
                // Only while the id still means this process.
                let host = self.host.as_ref().filter(|host| host.procfs.is(key))?;
                host.procfs.cgroup(key.tgid).map(Into::into)
            };
            let path = process.and_then(|process| process.cgroup_path.clone()).or_else(read)?;
            Some(Cgroup { path, uid: 0 })
        })
    }

    fn ask(&self, found: &Found<'_>) -> Option<Known> {
        let runtimes = self.host.as_ref()?.runtimes.as_ref()?;
        runtimes.ask(&found.id, found.runtime);
        runtimes.get(&found.id)
    }

    fn user(&mut self, uid: u32) -> String {
        match &mut self.host {
            Some(host) => host.user(uid),
            None => uid.to_string(),
        }
    }
}

/// The container of this cgroup, and whether the path lies. A runtime's word is taken only for the
/// cgroup that its own process is in, or, before there is one, for one that root has made: others can
/// make directories of any name in a subtree that was handed to them.
fn believe(
    found: &Found<'_>,
    cgroup: &Cgroup,
    known: Option<Known>,
) -> (Option<Arc<Container>>, bool) {
    let by_root = cgroup.uid == 0;
    match known {
        Some(Known::Found(container)) => {
            let genuine = match &container.cgroup {
                Some(path) => **path == *found.path,
                None => by_root,
            };
            (genuine.then_some(container), !genuine)
        }
        _ => {
            let named =
                found.runtime.is_some_and(|runtime| ["lxc", "systemd-nspawn"].contains(&runtime));
            let id: Box<str> = super::container::text(&found.id).unwrap_or_default();
            let container = Container {
                name: named.then(|| id.clone()),
                id,
                runtime: found.runtime,
                ..Container::default()
            };
            (Some(Arc::new(container)), !by_root)
        }
    }
}

impl Host {
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

#[cfg(test)]
#[path = "owners_tests.rs"]
mod tests;
