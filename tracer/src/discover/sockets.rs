//! Sockets that are there already, from /proc [edge].
//!
//! In: /proc/PID/net/tcp, tcp6 of each network namespace once; /proc/PID/fd. Out: connections and
//! listeners, and who holds them. Only read at start and on demand, never in a loop.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// include/net/tcp_states.h
const ESTABLISHED: &str = "01";
const LISTEN: &str = "0A";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub listening: bool,
    /// Of sockfs; 0 for one that nobody holds any more.
    pub inode: u64,
}

/// Parses /proc/net/tcp or tcp6: established and listening sockets.
pub fn parse(text: &str) -> impl Iterator<Item = Socket> {
    text.lines().skip(1).filter_map(line)
}

fn line(line: &str) -> Option<Socket> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (local, remote, state) = (words.next()?, words.next()?, words.next()?);
    let listening = state == LISTEN;
    if !listening && state != ESTABLISHED {
        return None;
    }
    let inode = words.nth(5)?.parse().ok()?;
    Some(Socket { local: address(local)?, remote: address(remote)?, listening, inode })
}

/// `0100007F:1F90`: words of the address in the machine's byte order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let word = u32::from_str_radix(address.get(8 * at..8 * at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for at in 0..4 {
                bytes[4 * at..4 * at + 4].copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// The sockets of every network namespace that one of these processes is in.
pub fn all(proc: &Path, processes: &[u32]) -> Vec<Socket> {
    let mut namespaces = HashSet::new();
    let mut found = Vec::new();
    for pid in processes {
        let dir = proc.join(pid.to_string());
        let Ok(namespace) = fs::read_link(dir.join("ns/net")) else { continue };
        if !namespaces.insert(namespace) {
            continue;
        }
        for table in ["net/tcp", "net/tcp6"] {
            // A process that has gone, or a kernel without IPv6.
            let text = fs::read_to_string(dir.join(table)).unwrap_or_default();
            found.extend(parse(&text));
        }
    }
    found
}

/// Inodes of the sockets that a process holds.
pub fn held(proc: &Path, pid: u32) -> HashSet<u64> {
    let Ok(entries) = fs::read_dir(proc.join(pid.to_string()).join("fd")) else {
        return HashSet::new();
    };
    let inode = |entry: fs::DirEntry| {
        let target = fs::read_link(entry.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    entries.flatten().filter_map(inode).collect()
}

/// Who holds each of these sockets; the lowest process id where several do.
pub fn holders(proc: &Path, processes: &[u32], wanted: &HashSet<u64>) -> HashMap<u64, u32> {
    let mut found = HashMap::new();
    if wanted.is_empty() {
        return found;
    }
    for pid in processes {
        for inode in held(proc, *pid) {
            if wanted.contains(&inode) {
                found.entry(inode).or_insert(*pid);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn reads_what_the_kernel_prints() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1\n\
            1: 0100007F:C350 0100007F:2CAA 01 00000000:00000000 00:00000000 00000000     0        0 4243 1\n\
            2: 0100007F:C351 0100007F:2CAA 06 00000000:00000000 00:00000000 00000000     0        0 0 1\n";
        let all: Vec<_> = parse(text).collect();
        assert_eq!(all.len(), 2);
        assert!(all[0].listening && all[0].local == "127.0.0.1:11434".parse().unwrap());
        assert_eq!((all[1].remote, all[1].inode), (all[0].local, 4243));
        let six = "h\n0: 0000000000000000FFFF00000100007F:2CAA 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1\n";
        assert_eq!(parse(six).next().map(|s| s.local), Some("127.0.0.1:11434".parse().unwrap()));
        assert_eq!(parse("h\n0: nonsense\n\n").count(), 0);
    }

    #[test]
    fn finds_a_connection_and_its_holder() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let own = std::process::id();
        let proc = Path::new("/proc");
        let sockets = all(proc, &[own]);
        let ours = sockets
            .iter()
            .find(|s| !s.listening && s.local == client.local_addr().unwrap())
            .unwrap();
        assert_eq!(ours.remote, listener.local_addr().unwrap());
        let holders = holders(proc, &[own], &HashSet::from([ours.inode]));
        assert_eq!(holders.get(&ours.inode), Some(&own));
    }
}
