//! Who listens at an address of this host [edge: reads /proc].
//!
//! In: a process and where it is connected to. Out: the processes that hold the listening socket in
//! that process's network namespace. Looked up once an address; what was found, or not, is believed
//! for [`BELIEVED_S`]. Limits: [`MAX`] addresses, [`MAX_PROCESSES`] processes looked at.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::event::BootTime;

const MAX: usize = 1024;
const MAX_PROCESSES: usize = 16_384;
/// Holders of one socket: a server's workers.
const MAX_HOLDERS: usize = 64;
const BELIEVED_S: f64 = 30.0;
/// `TCP_LISTEN`, include/net/tcp_states.h.
const LISTEN: &str = "0A";

/// Network namespace and address.
type Place = (PathBuf, SocketAddr);

#[derive(Debug)]
pub struct Listeners {
    root: PathBuf,
    known: HashMap<Place, (Arc<[u32]>, BootTime)>,
}

impl Default for Listeners {
    fn default() -> Self {
        Self { root: PathBuf::from("/proc"), known: HashMap::new() }
    }
}

impl Listeners {
    /// Processes that listen at `remote` as `client` sees it, lowest id first; empty: none of this
    /// host that can be found.
    pub fn at(&mut self, client: u32, remote: SocketAddr, now: BootTime) -> Arc<[u32]> {
        let Some(namespace) = self.namespace(client) else { return Arc::default() };
        let key = (namespace, remote);
        if let Some((pids, since)) = self.known.get(&key)
            && now.seconds_since(*since) < BELIEVED_S
        {
            return Arc::clone(pids);
        }
        let pids: Arc<[u32]> = match self.socket(client, remote) {
            Some(inode) => self.holders(&key.0, inode).into(),
            None => Arc::default(),
        };
        if self.known.len() >= MAX {
            self.known.clear();
        }
        self.known.insert(key, (Arc::clone(&pids), now));
        pids
    }

    fn namespace(&self, pid: u32) -> Option<PathBuf> {
        fs::read_link(self.root.join(pid.to_string()).join("ns/net")).ok()
    }

    /// Inode of the socket that listens there.
    fn socket(&self, client: u32, remote: SocketAddr) -> Option<u64> {
        let dir = self.root.join(client.to_string()).join("net");
        ["tcp", "tcp6"].iter().find_map(|file| listener(&dir.join(file), remote))
    }

    fn holders(&self, namespace: &Path, inode: u64) -> Vec<u32> {
        let wanted = format!("socket:[{inode}]");
        let Ok(entries) = fs::read_dir(&self.root) else { return Vec::new() };
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut holders: Vec<u32> = pids
            .take(MAX_PROCESSES)
            .filter(|pid| self.namespace(*pid).as_deref() == Some(namespace))
            .filter(|pid| {
                let files = fs::read_dir(self.root.join(pid.to_string()).join("fd"));
                let mut links = files
                    .into_iter()
                    .flatten()
                    .filter_map(|file| fs::read_link(file.ok()?.path()).ok());
                links.any(|link| link.as_os_str() == wanted.as_str())
            })
            .take(MAX_HOLDERS)
            .collect();
        holders.sort_unstable();
        holders
    }
}

/// Whether an address may be one of this host's: its own, or of a network that it makes.
pub const fn may_be_here(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_unspecified(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.is_loopback() || v4.is_private(),
            None => v6.is_loopback() || v6.is_unique_local(),
        },
    }
}

/// The row of proc_net_tcp(5) that listens at `remote`, by its own address or by all.
fn listener(file: &Path, remote: SocketAddr) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let local = fields.nth(1)?;
        let state = fields.nth(1)?;
        let (address, port) = local.split_once(':')?;
        if state != LISTEN || u16::from_str_radix(port, 16).ok()? != remote.port() {
            return None;
        }
        let address = parse(address)?;
        (address.is_unspecified() || address == plain(remote.ip()))
            .then(|| fields.nth(5)?.parse().ok())?
    })
}

/// Words of the address in the CPU's order, as hex.
fn parse(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(hex.get(at * 8..at * 8 + 8)?, 16).ok();
    if hex.len() == 8 {
        return Some(IpAddr::V4(Ipv4Addr::from(word(0)?.to_ne_bytes())));
    }
    let mut bytes = [0; 16];
    for (at, place) in bytes.chunks_exact_mut(4).enumerate() {
        place.copy_from_slice(&word(at)?.to_ne_bytes());
    }
    Some(plain(IpAddr::V6(Ipv6Addr::from(bytes))))
}

/// IPv4 addresses that IPv6 sockets have.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn this_very_process_is_found_at_its_listener() {
        let own = std::process::id();
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let port = listener.local_addr().unwrap().port();
            let remote = SocketAddr::from(([127, 0, 0, 1], port));
            let mut listeners = Listeners::default();
            assert!(listeners.at(own, remote, BootTime(0)).contains(&own), "{address}");
            drop(listener);
            // Believed for a while, then looked up anew.
            assert!(listeners.at(own, remote, BootTime(1)).contains(&own));
            assert!(listeners.at(own, remote, BootTime(31_000_000_000)).is_empty());
        }
    }

    #[test]
    fn addresses_of_this_host_and_of_others() {
        for (text, here) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("172.17.0.2", true),
            ("8.8.8.8", false),
            ("2606:4700::1", false),
        ] {
            assert_eq!(may_be_here(&text.parse().unwrap()), here, "{text}");
        }
        assert_eq!(parse("0100007F"), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert_eq!(parse("0000000000000000FFFF00000100007F"), parse("0100007F"));
        assert_eq!(parse("01"), None);
    }
}
