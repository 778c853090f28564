//! `AITRACE_SECTION__KEY=value` over the file: what a container's environment changes [pure].

use toml::{Table, Value};

use super::ConfigError;

const PREFIX: &str = "AITRACE_";
/// Between section and key; a single underscore is part of a name.
const SEPARATOR: &str = "__";

/// The table with the variables laid over it, and their names; `None` when there are none.
pub(super) fn overlay(
    mut table: Table,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Option<(Table, Vec<String>)>, ConfigError> {
    let mut names = Vec::new();
    for (name, text) in variables {
        let Some(path) = name.strip_prefix(PREFIX).filter(|path| path.contains(SEPARATOR)) else {
            continue;
        };
        let path = path.to_ascii_lowercase();
        let mut keys: Vec<&str> = path.split(SEPARATOR).collect();
        let last = keys.pop().unwrap_or_default();
        let mut inner = &mut table;
        for key in keys {
            let entry = inner.entry(key).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(next) = entry else {
                let message = format!("`{key}` is no section");
                return Err(ConfigError::in_environment(&[name], &message));
            };
            inner = next;
        }
        inner.insert(last.to_owned(), value(&text));
        names.push(name);
    }
    Ok((!names.is_empty()).then_some((table, names)))
}

/// A TOML value where it reads as one (`3`, `true`, `["a"]`), else the text as it is.
fn value(text: &str) -> Value {
    toml::from_str::<Table>(&format!("v = {text}"))
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_typed_and_names_are_paths() {
        assert_eq!(value("3"), Value::Integer(3));
        assert_eq!(value("latest"), Value::String("latest".into()));
        let set = |name: &str| vec![(name.to_owned(), "3".to_owned())];
        let (table, names) =
            overlay(Table::new(), set("AITRACE_AGENT__RING_MIB")).unwrap().unwrap();
        assert_eq!(table["agent"]["ring_mib"], Value::Integer(3));
        assert_eq!(names.len(), 1);
        assert!(overlay(Table::new(), set("AITRACE_LOG")).unwrap().is_none());
    }
}
