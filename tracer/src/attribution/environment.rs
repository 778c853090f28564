//! What a process's environment says of its service [pure].
//!
//! In: `NAME=value` strings. Out: service, version, team. Only the names of [`NAMES`] are looked at;
//! nothing else of an environment is kept. What it says of containers and pods is not believed:
//! whoever runs inside one can write it.

use percent_encoding::percent_decode_str;

use crate::terminal::bounded;

/// Variables that are read, sorted.
pub const NAMES: [&str; 6] = [
    "DD_SERVICE",
    "DD_TAGS",
    "DD_VERSION",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SERVICE_NAME",
    "SERVICE_NAME",
];
/// Longest value kept.
const MAX_VALUE: usize = 256;
/// Most attributes read of one variable.
const MAX_ATTRIBUTES: usize = 64;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    pub service: Option<Box<str>>,
    pub namespace: Option<Box<str>>,
    pub version: Option<Box<str>>,
    pub team: Option<Box<str>>,
    pub use_case: Option<Box<str>>,
    pub cost_center: Option<Box<str>>,
}

fn value(text: &str) -> Option<Box<str>> {
    let text = bounded(text.trim(), MAX_VALUE);
    (!text.is_empty()).then(|| text.into())
}

/// Resource attributes by OpenTelemetry's names, or by what people call the same.
fn attribute<'a>(into: &'a mut Environment, name: &str) -> Option<&'a mut Option<Box<str>>> {
    Some(match name {
        "service.name" | "service" => &mut into.service,
        "service.namespace" => &mut into.namespace,
        "service.version" | "version" => &mut into.version,
        "team" | "aitrace.team" | "owner.team" => &mut into.team,
        "use_case" | "aitrace.use_case" => &mut into.use_case,
        "cost_center" | "aitrace.cost_center" => &mut into.cost_center,
        _ => return None,
    })
}

impl Environment {
    /// Of variables, each `NAME=value`; the first of a name counts.
    pub fn read<'a>(variables: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut found: [Option<&'a [u8]>; NAMES.len()] = [None; NAMES.len()];
        for variable in variables {
            // Cheap first: few variables begin so.
            if !matches!(variable.first(), Some(b'D' | b'O' | b'S')) {
                continue;
            }
            let Some(equals) = variable.iter().position(|b| *b == b'=') else { continue };
            let (name, value) = (&variable[..equals], &variable[equals + 1..]);
            if let Some(at) = NAMES.iter().position(|known| known.as_bytes() == name) {
                found[at].get_or_insert(value);
            }
        }
        let text = |name: &str| {
            let at = NAMES.iter().position(|known| *known == name)?;
            found[at].map(String::from_utf8_lossy)
        };
        let mut environment = Self::default();
        if let Some(list) = text("OTEL_RESOURCE_ATTRIBUTES") {
            environment.attributes(&list, '=', true);
        }
        // OTel: the variable of its own wins over the attribute.
        if let Some(name) = text("OTEL_SERVICE_NAME").as_deref().and_then(value) {
            environment.service = Some(name);
        }
        if let Some(list) = text("DD_TAGS") {
            environment.attributes(&list, ':', false);
        }
        let mut fill = |slot: fn(&mut Self) -> &mut Option<Box<str>>, name: &str| {
            let slot = slot(&mut environment);
            if slot.is_none() {
                *slot = text(name).as_deref().and_then(value);
            }
        };
        fill(|e| &mut e.service, "DD_SERVICE");
        fill(|e| &mut e.service, "SERVICE_NAME");
        fill(|e| &mut e.version, "DD_VERSION");
        environment
    }

    /// `name=value,name=value`; what is already known stays.
    fn attributes(&mut self, list: &str, separator: char, percent: bool) {
        for pair in list.split([',', ' ']).take(MAX_ATTRIBUTES) {
            let Some((name, text)) = pair.split_once(separator) else { continue };
            let Some(slot) = attribute(self, name.trim()) else { continue };
            if slot.is_none() {
                let decoded = match percent {
                    true => percent_decode_str(text).decode_utf8_lossy(),
                    false => text.into(),
                };
                *slot = value(&decoded);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[&str]) -> Environment {
        Environment::read(variables.iter().map(|v| v.as_bytes()))
    }

    #[test]
    fn the_services_own_words_and_who_wins() {
        let found = read(&[
            "PATH=/bin",
            "OPENAI_API_KEY=sk-secret",
            "OTEL_RESOURCE_ATTRIBUTES=service.name=a,service.namespace=shop%20eu,team=search,container.id=fake",
            "OTEL_SERVICE_NAME=checkout",
            "DD_SERVICE=other",
            "DD_VERSION=1.2",
            "DD_TAGS=env:prod,aitrace.use_case:support",
        ]);
        assert_eq!(found.service.as_deref(), Some("checkout"));
        assert_eq!(found.namespace.as_deref(), Some("shop eu"));
        assert_eq!(
            (found.version.as_deref(), found.team.as_deref()),
            (Some("1.2"), Some("search"))
        );
        assert_eq!(found.use_case.as_deref(), Some("support"));
        assert!(!format!("{found:?}").contains("secret"));
    }

    #[test]
    fn hostile_values_are_bounded_and_printable() {
        let long = format!("OTEL_SERVICE_NAME={}", "x".repeat(100_000));
        assert_eq!(read(&[&long]).service.map(|s| s.len()), Some(MAX_VALUE));
        assert_eq!(
            read(&["DD_SERVICE=a\n\u{202e}b"]).service.as_deref(),
            Some("a\u{fffd}\u{fffd}b")
        );
        assert!(read(&["OTEL_SERVICE_NAME=", "DD_SERVICE", "=x", ""]).is_empty());
    }
}
