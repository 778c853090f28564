//! When the system-call tracepoints are needed [pure].
//!
//! They are attached while somebody has, or may at any moment have, a connection to an AI server
//! without TLS: a known server listens, a listener on one of its ports is new, a connection to such a
//! port is open and not known to be something else, or a call went over one lately. An idle host has
//! none of these. A first request that is faster than the attaching is seen as met in its middle.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;

use crate::event::{BootTime, ProcessKey};

/// A listener on a shared port is expected to be called soon or not at all, seconds.
const FRESH_S: u64 = 60;
/// A connection that nothing is known of, seconds.
const UNDECIDED_S: u64 = 120;
/// After a call, the next one may come over a new connection, seconds.
const AFTER_CALL_S: u64 = 600;
/// An address stays uninteresting so long, seconds.
const FORGIVEN_S: u64 = 600;
/// Connections that were something else before an address is believed to be.
const DISAPPOINTMENTS: u32 = 3;
const MAX_CONNECTIONS: usize = 16_384;
const MAX_ADDRESSES: usize = 4096;

const SECOND: u64 = 1_000_000_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// `known`: the process is an AI server by its name, or the port is nobody else's.
    Listener {
        process: ProcessKey,
        port: u16,
        known: bool,
    },
    /// A connection whose bytes may be looked at was begun.
    Connect {
        sock: u64,
        remote: SocketAddr,
        /// Of TLS that cannot be read.
        opaque: bool,
    },
    Closed {
        sock: u64,
    },
    /// What a connection's bytes turned out to be.
    Judged {
        sock: u64,
        ai: bool,
    },
    /// A known server's process ended.
    Gone(ProcessKey),
}

/// What the kernel's endpoint map should say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// A server listens there: connections to the port are of interest.
    Port(u16),
    Ignore(SocketAddr),
    /// No longer ignored.
    Forgive(SocketAddr),
}

#[derive(Debug)]
struct Connection {
    remote: SocketAddr,
    since: BootTime,
    ai: Option<bool>,
    /// TLS: that one is of no interest says nothing of its address.
    opaque: bool,
}

#[derive(Debug, Default)]
pub struct Watch {
    servers: HashSet<(ProcessKey, u16)>,
    connections: HashMap<u64, Connection>,
    /// Addresses by how often they were something else; `u32::MAX`: ignored.
    disappointing: HashMap<SocketAddr, u32>,
    ignored: VecDeque<(BootTime, SocketAddr)>,
    /// Until when a port is expected to be called.
    holds: HashMap<u16, BootTime>,
}

impl Watch {
    /// Takes in what happened; `order` gets what the kernel should know.
    pub fn push(&mut self, seen: &Seen, now: BootTime, mut order: impl FnMut(Order)) {
        match *seen {
            Seen::Listener { process, port, known } => {
                order(Order::Port(port));
                if known {
                    self.servers.insert((process, port));
                } else {
                    self.hold(port, now, FRESH_S);
                }
            }
            Seen::Connect { sock, remote, opaque } => {
                if self.connections.len() >= MAX_CONNECTIONS {
                    self.connections.clear();
                }
                self.connections.insert(sock, Connection { remote, since: now, ai: None, opaque });
            }
            Seen::Closed { sock } => {
                self.connections.remove(&sock);
            }
            Seen::Judged { sock, ai } => self.judged(sock, ai, now, order),
            Seen::Gone(process) => {
                let holds = &mut self.holds;
                self.servers.retain(|(server, port)| {
                    if *server == process {
                        holds.remove(port);
                    }
                    *server != process
                });
            }
        }
    }

    fn judged(&mut self, sock: u64, ai: bool, now: BootTime, mut order: impl FnMut(Order)) {
        let Some(connection) = self.connections.get_mut(&sock) else { return };
        connection.ai = Some(ai);
        let (remote, opaque) = (connection.remote, connection.opaque);
        if opaque {
            return;
        }
        if ai {
            self.disappointing.remove(&remote);
            self.hold(remote.port(), now, AFTER_CALL_S);
            return;
        }
        if self.disappointing.len() >= MAX_ADDRESSES {
            self.disappointing.clear();
        }
        let count = self.disappointing.entry(remote).or_default();
        *count = count.saturating_add(1);
        if *count == DISAPPOINTMENTS {
            self.ignored.push_back((now, remote));
            order(Order::Ignore(remote));
        }
    }

    fn hold(&mut self, port: u16, now: BootTime, seconds: u64) {
        let until = BootTime(now.0 + seconds * SECOND);
        let hold = self.holds.entry(port).or_insert(until);
        *hold = until.max(*hold);
    }

    /// Lets go of what is long past.
    pub fn age(&mut self, now: BootTime, mut order: impl FnMut(Order)) {
        while let Some((since, remote)) = self.ignored.front().copied()
            && now.0 > since.0 + FORGIVEN_S * SECOND
        {
            self.ignored.pop_front();
            self.disappointing.remove(&remote);
            order(Order::Forgive(remote));
        }
        self.holds.retain(|_, until| *until > now);
    }

    /// Whether the tracepoints are needed.
    pub fn wants(&self, now: BootTime) -> bool {
        let open = |connection: &Connection| match connection.ai {
            Some(ai) => ai,
            None => now.0 < connection.since.0 + UNDECIDED_S * SECOND,
        };
        !self.servers.is_empty()
            || self.holds.values().any(|until| now < *until)
            || self.connections.values().any(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: ProcessKey = ProcessKey { tgid: 5, start: BootTime(1) };

    const fn s(seconds: u64) -> BootTime {
        BootTime(seconds * SECOND)
    }

    fn remote() -> SocketAddr {
        "127.0.0.1:8000".parse().unwrap()
    }

    fn feed(watch: &mut Watch, seen: &[Seen], now: BootTime) -> Vec<Order> {
        let mut orders = Vec::new();
        for one in seen {
            watch.push(one, now, |order| orders.push(order));
        }
        orders
    }

    #[test]
    fn idle_wants_nothing() {
        assert!(!Watch::default().wants(s(10)));
    }

    #[test]
    fn a_known_server_is_enough_until_it_goes() {
        let mut watch = Watch::default();
        let listens = Seen::Listener { process: SERVER, port: 9999, known: true };
        assert_eq!(feed(&mut watch, &[listens], s(1)), [Order::Port(9999)]);
        assert!(watch.wants(s(100_000)));
        feed(&mut watch, &[Seen::Gone(SERVER)], s(2));
        assert!(!watch.wants(s(3)));
    }

    #[test]
    fn a_new_listener_is_given_a_minute() {
        let mut watch = Watch::default();
        feed(&mut watch, &[Seen::Listener { process: SERVER, port: 8000, known: false }], s(1));
        assert!(watch.wants(s(60)) && !watch.wants(s(62)));
    }

    #[test]
    fn a_connection_is_watched_until_it_is_judged_or_ends() {
        let mut watch = Watch::default();
        let connect = Seen::Connect { sock: 1, remote: remote(), opaque: false };
        feed(&mut watch, std::slice::from_ref(&connect), s(1));
        assert!(watch.wants(s(60)) && !watch.wants(s(200)));
        feed(&mut watch, &[Seen::Judged { sock: 1, ai: true }], s(2));
        // An open connection to a model may be used again in a day.
        assert!(watch.wants(s(90_000)));
        feed(&mut watch, &[Seen::Closed { sock: 1 }], s(3));
        assert!(watch.wants(s(600)) && !watch.wants(s(700)));
        feed(&mut watch, &[connect, Seen::Judged { sock: 1, ai: false }], s(1000));
        assert!(!watch.wants(s(1001)));
    }

    #[test]
    fn an_address_that_disappoints_is_left_alone_for_a_while() {
        let mut watch = Watch::default();
        let mut orders = Vec::new();
        for sock in 0..5 {
            let seen = [
                Seen::Connect { sock, remote: remote(), opaque: false },
                Seen::Judged { sock, ai: false },
            ];
            orders.extend(feed(&mut watch, &seen, s(1)));
        }
        assert_eq!(orders, [Order::Ignore(remote())]);
        let mut aged = Vec::new();
        watch.age(s(500), |order| aged.push(order));
        assert!(aged.is_empty());
        watch.age(s(700), |order| aged.push(order));
        assert_eq!(aged, [Order::Forgive(remote())]);
    }
}
