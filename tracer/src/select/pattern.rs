//! One pattern: a text as it is, a glob, a regular expression, or the opposite of one of them.

use regex::{Regex, RegexBuilder};

use super::SelectorError;

/// Memory that one compiled expression may take.
const MAX_REGEX_BYTES: usize = 256 * 1024;
/// Longest pattern.
const MAX_PATTERN: usize = 1024;

#[derive(Clone, Debug)]
pub(super) enum Test {
    Exact(Box<str>),
    Glob(Box<str>),
    Regex(Box<Regex>),
}

#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// `!` before it: holds where no value passes the test.
    pub negated: bool,
    pub test: Test,
}

impl Pattern {
    /// `text` exactly; a glob when it has `*` or `?`; a regular expression after `re:`; `=` before a
    /// text takes it as it is; `!` before any of them turns it round.
    pub(super) fn parse(text: &str) -> Result<Self, SelectorError> {
        if text.len() > MAX_PATTERN {
            return Err(SelectorError::Long(MAX_PATTERN));
        }
        let (negated, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let test = if let Some(exact) = text.strip_prefix('=') {
            Test::Exact(exact.into())
        } else if let Some(expression) = text.strip_prefix("re:") {
            let built = RegexBuilder::new(expression)
                .size_limit(MAX_REGEX_BYTES)
                .dfa_size_limit(MAX_REGEX_BYTES)
                .build();
            Test::Regex(Box::new(built.map_err(|error| SelectorError::Regex(error.to_string()))?))
        } else if text.contains(['*', '?']) {
            Test::Glob(text.into())
        } else {
            Test::Exact(text.into())
        };
        Ok(Self { negated, test })
    }
}

impl Test {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Glob(text) => text,
            Self::Regex(regex) => regex.as_str(),
        }
    }

    pub(super) fn passes(&self, value: &str) -> bool {
        match self {
            Self::Exact(text) => **text == *value,
            Self::Glob(glob) => glob_matches(glob.as_bytes(), value.as_bytes()),
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

/// `*` any bytes, `?` one byte; the whole value. Goes back to the last star only: no more than
/// `glob * value` steps, whatever they are.
fn glob_matches(glob: &[u8], value: &[u8]) -> bool {
    let (mut g, mut v) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while v < value.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, v));
                g += 1;
            }
            Some(byte) if *byte == b'?' || *byte == value[v] => {
                g += 1;
                v += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    g = at + 1;
                    v = from + 1;
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(pattern: &str, value: &str) -> bool {
        let pattern = Pattern::parse(pattern).unwrap();
        pattern.test.passes(value) != pattern.negated
    }

    #[test]
    fn exact_glob_regex_and_their_opposites() {
        assert!(holds("api", "api") && !holds("api", "api-1"));
        assert!(holds("api-*", "api-1") && holds("*a?c*", "xxabc") && !holds("a?", "a"));
        assert!(holds("=a*", "a*") && !holds("=a*", "ab"));
        assert!(holds("re:^gpt-(4|5)", "gpt-5-mini") && !holds("re:^gpt$", "gpt-5"));
        assert!(!holds("!api", "api") && holds("!api-*", "web"));
    }

    #[test]
    fn refuses_what_would_cost_too_much() {
        assert!(matches!(Pattern::parse("re:("), Err(SelectorError::Regex(_))));
        assert!(matches!(Pattern::parse("re:(a{1000}){1000}"), Err(SelectorError::Regex(_))));
        assert!(matches!(Pattern::parse(&"x".repeat(2000)), Err(SelectorError::Long(_))));
    }

    proptest! {
        #[test]
        fn globs_agree_with_the_same_regex(glob in "[ab*?]{0,8}", value in "[ab]{0,10}") {
            let regex: String = glob.chars().map(|c| match c {
                '*' => ".*".to_owned(), '?' => ".".to_owned(), c => c.to_string(),
            }).collect();
            let regex = Regex::new(&format!("^{regex}$")).unwrap();
            prop_assert_eq!(glob_matches(glob.as_bytes(), value.as_bytes()), regex.is_match(&value));
        }
    }
}
