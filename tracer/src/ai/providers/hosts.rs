//! Host names: the patterns of the table, those of the configuration, and what the kernel gets of both.
//!
//! In: lower-case host names. Out: whether and how firmly a pattern claims them.
//! Limits: [`MAX_EXTRA`] configured patterns.

use std::borrow::Cow;

use super::{PROVIDERS, Provider, by_id, regions};

/// How a row names hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// The whole name.
    Exact(&'static str),
    /// The end of a name, from a dot on.
    Suffix(&'static str),
    /// Label by label: `*` stands for (the beginning of) one label, a first label `**` for one or more.
    Labels(&'static str),
}

/// One host pattern of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    pub name: Name,
    /// Needed in the path because the host serves other things as well; `""`: any path.
    pub path: &'static str,
}

impl Host {
    pub const fn exact(name: &'static str) -> Self {
        Self { name: Name::Exact(name), path: "" }
    }
    pub const fn suffix(name: &'static str) -> Self {
        Self { name: Name::Suffix(name), path: "" }
    }
    pub const fn labels(name: &'static str) -> Self {
        Self { name: Name::Labels(name), path: "" }
    }
    /// The same, but only for paths that hold `path`.
    pub const fn under(self, path: &'static str) -> Self {
        Self { name: self.name, path }
    }

    /// How firmly this pattern claims the request (more is firmer), or `None`.
    pub(super) fn matches(&self, host: &str, path: &str) -> Option<u8> {
        let weight = match self.name {
            Name::Exact(name) if host == name => 6,
            Name::Suffix(end) if host.len() > end.len() && host.ends_with(end) => 4,
            Name::Labels(pattern) if labels_match(pattern, host) => 2,
            _ => return None,
        };
        if self.path.is_empty() {
            Some(weight)
        } else {
            path.contains(self.path).then_some(weight + 1)
        }
    }
}

fn labels_match(pattern: &str, host: &str) -> bool {
    let mut want = pattern.rsplit('.');
    let mut have = host.rsplit('.');
    loop {
        match (want.next(), have.next()) {
            (Some("**"), Some(_)) | (None, None) => return true,
            (Some(want), Some(have)) => {
                let same = match want.strip_prefix('*') {
                    Some(end) => have.len() > end.len() && have.ends_with(end),
                    None => have == want,
                };
                if !same {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// A host that needs no public name: loopback, private or literal address, single label, or a
/// cluster's own names.
pub(super) fn is_local(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<std::net::IpAddr>().is_ok()
        || !host.contains('.')
        || [".localhost", ".local", ".internal", ".lan", ".home.arpa", ".svc"]
            .iter()
            .any(|end| host.ends_with(end))
}

/// Most patterns the configuration may add.
pub const MAX_EXTRA: usize = 1024;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HostTableError {
    #[error("no provider has the id {0:?}")]
    UnknownProvider(String),
    #[error("not a host pattern: {0:?} (want name, .suffix or *.suffix, with or without :port)")]
    BadPattern(String),
    #[error("more than {MAX_EXTRA} host patterns")]
    TooMany,
}

#[derive(Clone, Debug)]
struct Extra {
    /// Lower case; a suffix begins with its dot.
    name: String,
    port: Option<u16>,
    provider: &'static Provider,
}

/// Hosts added by configuration: a pattern and the id of the provider that it stands for.
#[derive(Clone, Debug, Default)]
pub struct HostTable {
    list: Vec<Extra>,
}

impl HostTable {
    /// `pattern`: `name`, `.suffix` or `*.suffix`, each with or without `:port`.
    pub fn add(&mut self, pattern: &str, provider: &str) -> Result<(), HostTableError> {
        let row =
            by_id(provider).ok_or_else(|| HostTableError::UnknownProvider(provider.to_owned()))?;
        let bad = || HostTableError::BadPattern(pattern.to_owned());
        let (name, port) = match pattern.rsplit_once(':') {
            Some((name, port)) if !name.ends_with(':') => {
                (name, Some(port.parse().map_err(|_| bad())?))
            }
            _ => (pattern, None),
        };
        let name = name.strip_prefix('*').unwrap_or(name).to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_[]:".contains(&b);
        if name.trim_start_matches('.').is_empty() || !name.bytes().all(plain) {
            return Err(bad());
        }
        if pattern.starts_with('*') && !name.starts_with('.') {
            return Err(bad());
        }
        if self.list.len() == MAX_EXTRA {
            return Err(HostTableError::TooMany);
        }
        self.list.push(Extra { name, port, provider: row });
        Ok(())
    }

    pub(super) fn find(&self, host: &str, port: Option<u16>) -> Option<&'static Provider> {
        let claims = |extra: &&Extra| {
            let named = if extra.name.starts_with('.') {
                host.len() > extra.name.len() && host.ends_with(&extra.name)
            } else {
                host == extra.name
            };
            named && (extra.port.is_none() || extra.port == port)
        };
        self.list.iter().find(claims).map(|extra| extra.provider)
    }

    /// Ports of configured hosts: TLS or not, who knows. A host without a port may be spoken to in the
    /// clear on port 80.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.list.iter().map(|extra| extra.port.unwrap_or(80)).filter(|port| *port != 443)
    }

    /// As [`kernel_hosts`], for the configured patterns.
    pub fn kernel_hosts(&self) -> impl Iterator<Item = (&str, bool)> {
        self.list.iter().map(|extra| (&*extra.name, !extra.name.starts_with('.')))
    }
}

/// Names whose traffic is AI traffic, whatever the path, for the kernel's own verdict: the name and
/// whether it is a whole one; suffixes begin with their dot, as [`tracer_common::sni`] wants it.
///
/// Patterns with a region are written out for the regions known today: their literal end
/// (`.amazonaws.com`, `.googleapis.com`) would drag object stores in. A region we do not know, and
/// hosts that need a look at the path, stay undecided in the kernel: user space judges by the first
/// bytes.
pub fn kernel_hosts() -> impl Iterator<Item = (Cow<'static, str>, bool)> {
    PROVIDERS.iter().flat_map(|row| row.hosts).filter(|host| host.path.is_empty()).flat_map(
        |host| match host.name {
            Name::Exact(name) => vec![(Cow::Borrowed(name), true)],
            Name::Suffix(end) => vec![(Cow::Borrowed(end), false)],
            Name::Labels(pattern) => {
                let (pattern, exact) = match pattern.strip_prefix("**") {
                    Some(rest) => (rest, false),
                    None => (pattern, true),
                };
                regions::of(pattern)
                    .iter()
                    .map(|region| (Cow::Owned(pattern.replacen('*', region, 1)), exact))
                    .collect()
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn configured_hosts_win() {
        let mut table = HostTable::default();
        table.add("api.openai.com", "litellm").unwrap();
        table.add("*.llm.corp", "vllm").unwrap();
        table.add("box:9000", "openai_compatible").unwrap();
        let id = |host, port| super::super::resolve(host, port, "/", &table).map(|row| row.id);
        assert_eq!(id("api.openai.com", None), Some("litellm"));
        assert_eq!(id("a.llm.corp", Some(1)), Some("vllm"));
        assert_eq!(id("llm.corp", None), None);
        assert_eq!(id("box", Some(9000)), Some("openai_compatible"));
        assert_eq!(id("box", Some(9001)), None);
    }

    #[test]
    fn bad_patterns_are_refused() {
        let mut table = HostTable::default();
        for bad in ["", "*", ".", "a b", "host:port", "*foo"] {
            assert!(matches!(table.add(bad, "vllm"), Err(HostTableError::BadPattern(_))), "{bad}");
        }
        assert_eq!(table.add("a", "nobody"), Err(HostTableError::UnknownProvider("nobody".into())));
        for _ in 0..MAX_EXTRA {
            table.add("a", "vllm").unwrap();
        }
        assert_eq!(table.add("a", "vllm"), Err(HostTableError::TooMany));
    }

    #[test]
    fn the_kernel_gets_whole_names_and_dotted_suffixes() {
        let all: Vec<_> = kernel_hosts().collect();
        let names: HashSet<_> = all.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names.len(), all.len(), "no name twice");
        assert!(all.len() < tracer_common::limits::MAX_HOSTS as usize / 8, "{}", all.len());
        for (name, exact) in &all {
            assert!(!name.contains('*') && name.len() < tracer_common::limits::SNI_BYTES, "{name}");
            assert_eq!(name.starts_with('.'), !exact, "{name}");
            // Not a whole cloud.
            assert!(name.matches('.').count() >= 2 || *exact, "{name}");
        }
        assert!(names.contains("bedrock-runtime.eu-central-1.amazonaws.com"));
        assert!(names.contains("us-central1-aiplatform.googleapis.com"));
        assert!(names.contains(".openai.azure.com"));
        assert!(!names.contains("chatgpt.com") && !names.contains(".amazonaws.com"));
    }
}
