//! What is wrong with a configuration, said so that it can be put right.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("{}: {error}", .path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{}:{line}: {message}", .path.display())]
    InFile { path: PathBuf, line: usize, message: String },
    #[error("{}: {key}: {message}", .path.display())]
    Wrong { path: PathBuf, key: String, message: String },
    #[error("environment {names}: {message}")]
    InEnvironment { names: String, message: String },
}

impl ConfigError {
    pub(super) fn in_file(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let mut message = explain(error.message());
        // The line itself may be the header.
        let end = text[before.len()..].find('\n').map_or(text.len(), |at| before.len() + at);
        if let Some(section) = section(&text[..end]) {
            message = format!("in [{section}]: {message}");
        }
        Self::InFile { path: path.to_owned(), line, message }
    }

    pub(super) fn in_environment(names: &[String], message: &str) -> Self {
        Self::InEnvironment { names: names.join(", "), message: explain(message) }
    }

    pub(super) fn wrong(path: &Path, key: &str, message: String) -> Self {
        Self::Wrong { path: path.to_owned(), key: key.to_owned(), message }
    }
}

/// The table header above the end of `before`.
fn section(before: &str) -> Option<&str> {
    let header = before.lines().rev().map(str::trim).find(|line| line.starts_with('['))?;
    let name = header.trim_start_matches('[');
    name.split(']').next().filter(|name| !name.is_empty())
}

/// The parser's message; for an unknown key, the known one that it most likely is.
fn explain(message: &str) -> String {
    // serde: unknown field `a`, expected one of `b`, `c`
    let first = message.lines().next().unwrap_or_default();
    let mut quoted = first.split('`').skip(1).step_by(2);
    let kind = if first.starts_with("unknown field") {
        "key"
    } else if first.starts_with("unknown variant") {
        "value"
    } else {
        return first.to_owned();
    };
    let Some(unknown) = quoted.next() else { return first.to_owned() };
    let known: Vec<&str> = quoted.collect();
    match nearest(unknown, &known) {
        Some(near) => format!("unknown {kind} `{unknown}`; did you mean `{near}`?"),
        None => format!("unknown {kind} `{unknown}`; known: {}", known.join(", ")),
    }
}

/// The candidate with the fewest edits, when they are few enough to be a slip.
pub(super) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let most = (word.len() / 2).max(2);
    let near = candidates.iter().map(|known| (edits(word, known), *known)).min()?;
    (near.0 <= most).then_some(near.1)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_a_stranger() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(nearest("hartbeat_s", &["ring_mib", "heartbeat_s"]), Some("heartbeat_s"));
        assert_eq!(nearest("colour", &["ring_mib", "heartbeat_s"]), None);
        let said = explain("unknown field `wrokers`, expected one of `ring_mib`, `workers`");
        assert_eq!(said, "unknown key `wrokers`; did you mean `workers`?");
    }
}
