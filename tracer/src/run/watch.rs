//! Attaches the system-call tracepoints while they are needed, and tells the kernel which connections
//! are of interest [edge].

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tracer_common::socket::class;

use super::readable::{self, Readable};

use crate::ai::providers::HostTable;
use crate::discover::scan::Scanner;
use crate::discover::sockets;
use crate::event::{BootTime, KernelEvent, ProcessKey, SocketChange, SocketPair};
use crate::kernel::endpoints::Endpoints;
use crate::kernel::syscalls::Syscalls;
use crate::sinks::clock;
use crate::sockets::servers;
use crate::sockets::watch::{Order, Seen, Watch};

/// Ports where TLS goes.
const TLS_PORTS: &[u16] = &[443, 8443];
/// How often an attached watch asks itself whether it still is needed.
const REVIEW: Duration = Duration::from_secs(2);

/// What the watch is told.
#[derive(Debug)]
pub(super) enum Told {
    Event(KernelEvent),
    Judged { sock: u64, ai: bool },
}

pub(super) struct Watcher {
    endpoints: Endpoints,
    syscalls: Syscalls,
    watch: Watch,
    readable: Readable,
    /// Servers that listen on a Unix socket, and those that were there before us, by process id.
    unix: HashSet<ProcessKey>,
    present: Vec<u32>,
    /// The kernel refused: said once.
    refused: bool,
    ports: Vec<u16>,
}

impl Watcher {
    /// Tells the kernel what to look out for, and looks at what is there already.
    pub(super) fn start(
        endpoints: Endpoints,
        syscalls: Syscalls,
        hosts: &Arc<HostTable>,
        scanner: &Scanner,
        readable: Readable,
    ) -> Self {
        let ports = servers::ports(hosts);
        let mut watcher = Self {
            endpoints,
            syscalls,
            watch: Watch::default(),
            readable,
            unix: HashSet::new(),
            present: Vec::new(),
            refused: false,
            ports,
        };
        for port in watcher.ports.clone() {
            watcher.put(|endpoints| endpoints.port(port, class::PLAIN));
        }
        for port in TLS_PORTS {
            watcher.put(|endpoints| endpoints.port(*port, class::TLS));
        }
        watcher.present(scanner);
        watcher.review();
        watcher
    }

    fn put(&mut self, entry: impl FnOnce(&mut Endpoints) -> Result<(), aya::maps::MapError>) {
        if let Err(error) = entry(&mut self.endpoints) {
            tracing::warn!(%error, "an endpoint is not watched");
        }
    }

    /// Servers and connections that were there before us.
    fn present(&mut self, scanner: &Scanner) {
        let proc = std::path::Path::new("/proc");
        let processes = scanner.processes();
        let found = sockets::all(proc, &processes);
        let now = clock::now();
        for pid in &processes {
            let argv = command_line(*pid);
            if !servers::is_server(arguments(&argv)) {
                continue;
            }
            // Its start is not known here: 0 stands for it.
            let process = ProcessKey { tgid: *pid, ..ProcessKey::default() };
            self.present.push(*pid);
            self.unix_of(process, &argv);
            let held = sockets::held(proc, *pid);
            for socket in found.iter().filter(|s| s.listening && held.contains(&s.inode)) {
                let port = socket.local.port();
                self.see(&Seen::Listener { process, port, known: true }, now);
            }
        }
        let ours = |port: u16| self.ports.contains(&port);
        let of_interest: Vec<_> =
            found.iter().filter(|s| !s.listening && ours(s.remote.port())).collect();
        let inodes = of_interest.iter().map(|socket| socket.inode).collect();
        let holders = sockets::holders(proc, &processes, &inodes);
        let fresh: Vec<_> = found
            .iter()
            .filter(|s| s.listening && ours(s.local.port()))
            .map(|s| Seen::Listener {
                process: ProcessKey::default(),
                port: s.local.port(),
                known: servers::is_own_port(s.local.port()),
            })
            .collect();
        for socket in of_interest {
            if let Some(pid) = holders.get(&socket.inode) {
                self.put(|endpoints| endpoints.watch(*pid));
                // Its address in the kernel is not known here; the inode stands for it.
                let seen =
                    Seen::Connect { sock: socket.inode, remote: socket.remote, opaque: false };
                self.see(&seen, now);
            }
        }
        for listener in fresh {
            self.see(&listener, now);
        }
    }

    /// Until the other end is dropped; then everything is detached.
    pub(super) fn run(mut self, told: &Receiver<Told>) {
        loop {
            let next = if self.syscalls.is_attached() {
                told.recv_timeout(REVIEW)
            } else {
                told.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match next {
                Ok(told) => self.take(told),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.review();
        }
        self.syscalls.detach();
    }

    fn take(&mut self, told: Told) {
        let now = clock::now();
        match told {
            Told::Judged { sock, ai } => self.see(&Seen::Judged { sock, ai }, now),
            Told::Event(KernelEvent::Socket(event)) => {
                let process = event.origin.process;
                if event.class == class::TLS && self.readable.reads(process.tgid) == Some(false) {
                    self.put(|endpoints| endpoints.unreadable(process));
                }
                let seen = match (event.change, event.pair) {
                    (SocketChange::Listen, SocketPair::Inet { local, .. }) => {
                        listener(process, local.port(), &self.ports)
                    }
                    (SocketChange::Connect, pair) => {
                        connect(event.sock, event.class, pair.remote())
                    }
                    (SocketChange::Closed { .. }, _) => Some(Seen::Closed { sock: event.sock }),
                    _ => None,
                };
                if let Some(seen) = seen {
                    self.see(&seen, now);
                }
            }
            Told::Event(KernelEvent::Exec(exec)) => {
                let process = exec.origin.process;
                if readable::is_never(&exec.path) {
                    self.put(|endpoints| endpoints.unreadable(process));
                }
                let argv: Vec<u8> = exec.argv.join(&0);
                self.unix_of(process, &argv);
            }
            Told::Event(KernelEvent::Exit(exit)) => {
                self.unix.remove(&exit.origin.process);
                self.see(&Seen::Gone(exit.origin.process), now);
            }
            Told::Event(_) => {}
        }
    }

    fn unix_of(&mut self, process: ProcessKey, argv: &[u8]) {
        if let Some(path) = servers::unix_socket(arguments(argv)) {
            self.put(|endpoints| endpoints.unix_name(&path));
            self.unix.insert(process);
        }
    }

    fn see(&mut self, seen: &Seen, now: BootTime) {
        let mut orders = Vec::new();
        self.watch.push(seen, now, |order| orders.push(order));
        self.obey(&orders);
    }

    fn obey(&mut self, orders: &[Order]) {
        for order in orders {
            match *order {
                Order::Port(port) => self.put(|endpoints| endpoints.port(port, class::PLAIN)),
                Order::Ignore(at) => self.put(|endpoints| endpoints.address(at, class::NONE)),
                Order::Forgive(at) => self.endpoints.forget(at),
            }
        }
    }

    /// The end of servers that were there before us is not told by their start: /proc tells it.
    fn present_gone(&mut self, now: BootTime) {
        let is_gone = |pid: &mut u32| !std::path::Path::new(&format!("/proc/{pid}")).exists();
        for tgid in self.present.extract_if(.., is_gone).collect::<Vec<_>>() {
            let process = ProcessKey { tgid, ..ProcessKey::default() };
            self.unix.remove(&process);
            self.see(&Seen::Gone(process), now);
        }
    }

    fn review(&mut self) {
        let now = clock::now();
        let mut orders = Vec::new();
        self.watch.age(now, |order| orders.push(order));
        self.obey(&orders);
        self.present_gone(now);
        let unix = !self.unix.is_empty();
        if unix || self.watch.wants(now) {
            if let Err(error) = self.syscalls.attach(unix)
                && !self.refused
            {
                self.refused = true;
                tracing::warn!(%error, "plain HTTP is not seen");
            }
        } else if self.syscalls.is_attached() {
            self.syscalls.detach();
            tracing::info!("system calls: detached");
        }
    }
}

fn connect(sock: u64, class: u32, remote: Option<SocketAddr>) -> Option<Seen> {
    let opaque = class == class::OPAQUE;
    (opaque || class == class::PLAIN).then_some(Seen::Connect { sock, remote: remote?, opaque })
}

/// A listener of interest: on one of the ports, or a server known by name on whatever port.
fn listener(process: ProcessKey, port: u16, ports: &[u16]) -> Option<Seen> {
    let known =
        servers::is_own_port(port) || servers::is_server(arguments(&command_line(process.tgid)));
    (known || ports.contains(&port)).then_some(Seen::Listener { process, port, known })
}

fn command_line(pid: u32) -> Vec<u8> {
    std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

fn arguments(argv: &[u8]) -> impl Iterator<Item = &[u8]> {
    argv.split(|b| *b == 0)
}
