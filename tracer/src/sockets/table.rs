//! The connections that processes have, and which flow runs over which.
//!
//! Limits: [`MAX`] connections and as many flows; the oldest of the ended give way first.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;

use tracer_common::tls::library;

use super::failure::{Failed, judge};
use crate::event::{
    BootTime, FlowKey, FlowOpen, FlowSocket, KernelEvent, ProcessKey, SocketChange, SocketEvent,
    SocketPair,
};

pub const MAX: usize = 65_536;
/// Connections of one process that are candidates for a flow.
const MAX_OF_PROCESS: usize = 1024;
/// A failure is told after so long, unless another address answers meanwhile: clients try several.
const SETTLE_S: f64 = 0.5;
/// Flows and processes that ended are remembered so long: their calls may still be on the way.
const MAX_ENDED: usize = 8192;

/// Where a flow goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// This very connection.
    Exact(SocketPair),
    /// One of several to the same place.
    Remote(SocketAddr),
}

impl Peer {
    pub const fn remote(&self) -> Option<SocketAddr> {
        match self {
            Self::Exact(pair) => pair.remote(),
            Self::Remote(remote) => Some(*remote),
        }
    }

    pub const fn pair(&self) -> Option<SocketPair> {
        match self {
            Self::Exact(pair) => Some(*pair),
            Self::Remote(_) => None,
        }
    }
}

/// A connection of a process, while it lives.
#[derive(Clone, Debug)]
pub struct Connection {
    pub sock: u64,
    pub opened: BootTime,
    pub established: Option<BootTime>,
    pub pair: SocketPair,
    pub class: u32,
    /// A flow is known to run over it.
    pub taken: bool,
}

#[derive(Debug, Default)]
pub struct SocketTable {
    processes: HashMap<ProcessKey, Vec<Connection>>,
    connections: usize,
    flows: HashMap<FlowKey, Peer>,
    flows_by_age: VecDeque<FlowKey>,
    gone: VecDeque<ProcessKey>,
    settling: VecDeque<Failed>,
    /// Processes whose TLS plaintext has been seen.
    read: HashSet<ProcessKey>,
}

impl SocketTable {
    /// Takes an event; others than those of sockets, flows and exits mean nothing here.
    pub fn push(&mut self, event: &KernelEvent) {
        match event {
            KernelEvent::Socket(event) => self.socket(event),
            KernelEvent::FlowSocket(bound) => self.bound(bound),
            KernelEvent::FlowOpen(open) => self.flow(open),
            KernelEvent::Exit(exit) => self.exited(exit.origin.process),
            _ => {}
        }
    }

    /// Where a flow goes, as far as is known.
    pub fn peer(&self, flow: &FlowKey) -> Option<Peer> {
        self.flows.get(flow).copied()
    }

    /// Whether a TLS library of this process has been seen at work.
    pub fn reads(&self, process: &ProcessKey) -> bool {
        self.read.contains(process)
    }

    /// Live connections of a process.
    pub fn of(&self, process: &ProcessKey) -> &[Connection] {
        self.processes.get(process).map_or(&[], Vec::as_slice)
    }

    pub const fn len(&self) -> usize {
        self.connections
    }

    pub const fn is_empty(&self) -> bool {
        self.connections == 0
    }

    /// Connections that failed for good by `now`.
    pub fn poll(&mut self, now: BootTime) -> Option<Failed> {
        let first = self.settling.front()?;
        if now.seconds_since(first.origin.at) < SETTLE_S {
            return None;
        }
        self.settling.pop_front()
    }

    fn socket(&mut self, event: &SocketEvent) {
        let process = event.origin.process;
        match event.change {
            SocketChange::Connect => {
                if self.connections >= MAX {
                    self.processes.clear();
                    self.connections = 0;
                }
                let all = self.processes.entry(process).or_default();
                if all.len() >= MAX_OF_PROCESS {
                    all.remove(0);
                    self.connections -= 1;
                }
                self.connections += 1;
                all.push(Connection {
                    sock: event.sock,
                    opened: event.opened,
                    established: None,
                    pair: event.pair,
                    class: event.class,
                    taken: false,
                });
            }
            SocketChange::Established => {
                if let Some(connection) = self.find(process, event.sock, event.opened) {
                    connection.established = event.established;
                    connection.pair = event.pair;
                }
                // Another address answered: the client has what it wanted.
                let port = event.pair.remote().map(|at| at.port());
                self.settling.retain(|failed| {
                    failed.origin.process != process
                        || failed.pair.remote().map(|at| at.port()) != port
                });
            }
            SocketChange::Closed { error, by_process, .. } => {
                self.remove(process, event.sock, event.opened);
                if event.established.is_none()
                    && let Some(word) = judge(error, by_process, event.opened, event.origin.at)
                {
                    if self.settling.len() >= MAX_ENDED {
                        self.settling.pop_front();
                    }
                    self.settling.push_back(Failed {
                        origin: event.origin,
                        sock: event.sock,
                        opened: event.opened,
                        pair: event.pair,
                        word,
                    });
                }
            }
            SocketChange::Listen => {}
        }
    }

    fn find(
        &mut self,
        process: ProcessKey,
        sock: u64,
        opened: BootTime,
    ) -> Option<&mut Connection> {
        let all = self.processes.get_mut(&process)?;
        all.iter_mut().find(|one| one.sock == sock && one.opened == opened)
    }

    fn remove(&mut self, process: ProcessKey, sock: u64, opened: BootTime) {
        let Some(all) = self.processes.get_mut(&process) else { return };
        let before = all.len();
        all.retain(|one| one.sock != sock || one.opened != opened);
        self.connections -= before - all.len();
        if all.is_empty() {
            self.processes.remove(&process);
        }
    }

    fn bound(&mut self, bound: &FlowSocket) {
        self.remember(bound.key, Peer::Exact(bound.pair));
        if let Some(all) = self.processes.get_mut(&bound.key.process)
            && let Some(one) = all.iter_mut().rev().find(|one| one.sock == bound.sock)
        {
            one.taken = true;
        }
    }

    /// A TLS flow's first byte passes: over which connection?
    fn flow(&mut self, open: &FlowOpen) {
        if matches!(open.key.library, library::PLAIN | library::OPAQUE) {
            return;
        }
        if self.read.len() >= MAX {
            self.read.clear();
        }
        self.read.insert(open.key.process);
        let Some(all) = self.processes.get_mut(&open.key.process) else { return };
        let free = |one: &&mut Connection| {
            !one.taken && one.established.is_some_and(|at| at <= open.key.opened)
        };
        let mut candidates = all.iter_mut().filter(free);
        let Some(first) = candidates.next() else { return };
        let remote = first.pair.remote();
        let mut alone = true;
        for other in candidates {
            if other.pair.remote() != remote {
                return;
            }
            alone = false;
        }
        first.taken = true;
        let peer = if alone { Some(Peer::Exact(first.pair)) } else { remote.map(Peer::Remote) };
        if let Some(peer) = peer {
            self.remember(open.key, peer);
        }
    }

    fn remember(&mut self, flow: FlowKey, peer: Peer) {
        if self.flows.len() >= MAX
            && let Some(oldest) = self.flows_by_age.pop_front()
        {
            self.flows.remove(&oldest);
        }
        if self.flows.insert(flow, peer).is_none() {
            self.flows_by_age.push_back(flow);
        }
    }

    fn exited(&mut self, process: ProcessKey) {
        if !self.processes.contains_key(&process) {
            return;
        }
        self.gone.push_back(process);
        if self.gone.len() > MAX_ENDED
            && let Some(oldest) = self.gone.pop_front()
            && let Some(all) = self.processes.remove(&oldest)
        {
            self.connections -= all.len();
        }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
