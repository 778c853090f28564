//! `[attribution]` of the configuration.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules::Rule;

/// Who is asked about containers, and what the operator knows of workloads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Attribution {
    /// Sockets of Docker's API.
    pub docker: Vec<PathBuf>,
    /// Sockets of Podman's API (the same language).
    pub podman: Vec<PathBuf>,
    /// Sockets of the Kubernetes runtime interface: containerd, CRI-O.
    pub cri: Vec<PathBuf>,
    /// How long an event waits for the name of its container, milliseconds.
    pub wait_ms: u64,
    /// Read the service's name from OTEL_* and DD_* variables of a process.
    pub environment: bool,
    /// Containers remembered.
    pub max_containers: usize,
    /// First match wins for each of team, use case, cost centre, protect and weight.
    pub rules: Vec<Rule>,
}

impl Default for Attribution {
    fn default() -> Self {
        let paths = |of: &[&str]| of.iter().map(PathBuf::from).collect();
        Self {
            docker: paths(&["/run/docker.sock"]),
            podman: paths(&["/run/podman/podman.sock"]),
            cri: paths(&[
                "/run/containerd/containerd.sock",
                "/run/crio/crio.sock",
                "/run/k3s/containerd/containerd.sock",
                "/run/k0s/containerd.sock",
            ]),
            wait_ms: 250,
            environment: true,
            max_containers: 16_384,
            rules: Vec::new(),
        }
    }
}

/// Longest wait that makes sense: an event later than this is of no use to anybody.
const MAX_WAIT_MS: u64 = 5000;

impl Attribution {
    pub fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms)
    }

    /// What types cannot say.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.wait_ms > MAX_WAIT_MS {
            return Err(("wait_ms", format!("more than {MAX_WAIT_MS}")));
        }
        if self.max_containers == 0 {
            return Err(("max_containers", "0 would remember none".to_owned()));
        }
        if let Some(rule) = self.rules.iter().find(|rule| rule.says_nothing()) {
            return Err(("rules", format!("a rule that says nothing: match = {:?}", rule.of)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_read_and_unknown_keys_are_errors() {
        let text = r#"
            wait_ms = 100
            docker = ["/tmp/d.sock"]
            [[rules]]
            match = { "container.label.team" = "search", "k8s.namespace.name" = ["prod-*", "live"] }
            team = "search"
            use_case = "support bot"
            cost_center = "4711"
            protect = true
            weight = 5.0
        "#;
        let section: Attribution = toml::from_str(text).unwrap();
        assert_eq!(section.check(), Ok(()));
        assert_eq!(section.rules[0].team.as_deref(), Some("search"));
        assert_eq!(section.cri, Attribution::default().cri);
        assert!(toml::from_str::<Attribution>("wait = 1").is_err());
        assert!(
            toml::from_str::<Attribution>(
                "[[rules]]\nmatch = { \"container.nmae\" = \"x\" }\nteam = \"a\""
            )
            .is_err()
        );
        let silent: Attribution = toml::from_str("[[rules]]\nmatch = {}").unwrap();
        assert_eq!(silent.check().unwrap_err().0, "rules");
        assert_eq!(Attribution { wait_ms: 60_000, ..section }.check().unwrap_err().0, "wait_ms");
    }
}
