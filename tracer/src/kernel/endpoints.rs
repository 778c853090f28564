//! What user space tells the kernel about which connections are of interest.

use std::net::{IpAddr, SocketAddr};

use crate::event::ProcessKey;
use aya::maps::{HashMap, MapData, MapError};
use tracer_common::sni;
use tracer_common::socket::{Endpoint, class};

/// The kernel's endpoint maps.
#[derive(Debug)]
pub struct Endpoints {
    endpoints: HashMap<MapData, Endpoint, u32>,
    unix_names: HashMap<MapData, u64, u32>,
    watched: HashMap<MapData, u32, u32>,
    unreadable: HashMap<MapData, u32, u32>,
}

fn key(address: Option<IpAddr>, port: u16) -> Endpoint {
    let address = match address {
        None => [0; 16],
        Some(IpAddr::V4(v4)) => v4.to_ipv6_mapped().octets(),
        Some(IpAddr::V6(v6)) => v6.octets(),
    };
    Endpoint { address, port, reserved: [0; 3] }
}

/// Hash of the last component of a Unix socket's name, as the kernel side has it: forward.
pub fn name_hash(path: &str) -> u64 {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.bytes().fold(sni::BASIS, sni::step)
}

impl Endpoints {
    pub(super) const fn new(
        endpoints: HashMap<MapData, Endpoint, u32>,
        unix_names: HashMap<MapData, u64, u32>,
        watched: HashMap<MapData, u32, u32>,
        unreadable: HashMap<MapData, u32, u32>,
    ) -> Self {
        Self { endpoints, unix_names, watched, unreadable }
    }

    /// Connections to this port, whatever the address, are of a [`class`].
    ///
    /// # Errors
    /// What the kernel says about the map; so do the others.
    pub fn port(&mut self, port: u16, class: u32) -> Result<(), MapError> {
        self.endpoints.insert(key(None, port), class, 0)
    }

    /// This very address is of a [`class`]; wins over its port.
    pub fn address(&mut self, at: SocketAddr, class: u32) -> Result<(), MapError> {
        self.endpoints.insert(key(Some(at.ip().to_canonical()), at.port()), class, 0)
    }

    /// This very address is nothing special any more.
    pub fn forget(&mut self, at: SocketAddr) {
        // Absent is as good.
        let _ = self.endpoints.remove(&key(Some(at.ip().to_canonical()), at.port()));
    }

    /// An AI server listens on a Unix socket of this name.
    pub fn unix_name(&mut self, path: &str) -> Result<(), MapError> {
        self.unix_names.insert(name_hash(path), class::UNIX, 0)
    }

    /// Nobody can read this process's TLS: what is on the wire of it is looked at.
    pub fn unreadable(&mut self, process: ProcessKey) -> Result<(), MapError> {
        self.unreadable.insert(process.tgid, process.start.0 as u32, 0)
    }

    /// This process has a connection of interest already.
    pub fn watch(&mut self, tgid: u32) -> Result<(), MapError> {
        self.watched.insert(tgid, 1, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_key() {
        let v4: IpAddr = "10.0.0.7".parse().unwrap();
        let mapped: IpAddr = "::ffff:10.0.0.7".parse().unwrap();
        assert_eq!(key(Some(v4), 1).address, key(Some(mapped), 1).address);
        assert_ne!(key(Some(v4), 1), key(None, 1));
    }

    #[test]
    fn the_same_socket_under_another_path() {
        assert_eq!(name_hash("/run/llm.sock"), name_hash("llm.sock"));
        assert_ne!(name_hash("/run/llm.sock"), name_hash("/run/other.sock"));
    }
}
