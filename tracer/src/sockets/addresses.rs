//! Which addresses are a provider's, learnt from calls that named their host. Never from a look-up of
//! our own.
//!
//! Limits: [`MAX`] addresses. An address that answers for several hosts (a CDN's) names none.

use std::collections::HashMap;
use std::net::SocketAddr;

const MAX: usize = 4096;

#[derive(Debug, Default)]
pub struct Addresses {
    /// `None`: more than one host.
    hosts: HashMap<SocketAddr, Option<String>>,
}

impl Addresses {
    /// A call to `host` went to `at`. True: `at` was not known.
    pub fn learn(&mut self, at: SocketAddr, host: &str) -> bool {
        if let Some(known) = self.hosts.get_mut(&at) {
            if known.as_deref().is_some_and(|known| known != host) {
                *known = None;
            }
            return false;
        }
        if self.hosts.len() >= MAX {
            self.hosts.clear();
        }
        self.hosts.insert(at, Some(host.to_owned()));
        true
    }

    /// The one host that answers there.
    pub fn host(&self, at: &SocketAddr) -> Option<&str> {
        self.hosts.get(at)?.as_deref()
    }

    /// Whether calls to a provider have gone there.
    pub fn is_provider(&self, at: &SocketAddr) -> bool {
        self.hosts.contains_key(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_two_hosts_is_no_name() {
        let at = "192.0.2.1:443".parse().unwrap();
        let mut addresses = Addresses::default();
        assert!(addresses.learn(at, "api.openai.com"));
        assert!(!addresses.learn(at, "api.openai.com"));
        assert_eq!(addresses.host(&at), Some("api.openai.com"));
        addresses.learn(at, "api.anthropic.com");
        assert_eq!(addresses.host(&at), None);
        assert!(addresses.is_provider(&at));
    }

    #[test]
    fn bounded() {
        let mut addresses = Addresses::default();
        for port in 0..u16::MAX {
            addresses.learn(SocketAddr::from(([192, 0, 2, 1], port)), "h");
        }
        assert!(addresses.hosts.len() <= MAX);
    }
}
