//! The small language of the route table.
//!
//! A pattern is a list of segments that must match the *end* of a path, or all of it when it begins
//! with `/`. A segment is a literal; `*` any one; `*X` one that ends in `X`; `{model}` one that names
//! the model, with or without a literal after it (`{model}:predict`); `{model+}` one or more;
//! `{publisher}` one; a last `**` any rest, also none.

use std::ops::Range;

/// Paths with more segments match nothing: matching takes their square.
const MAX_SEGMENTS: usize = 64;

/// A path, cut into its segments; empty ones do not count.
#[derive(Debug)]
pub(super) struct Path<'p> {
    text: &'p str,
    segments: Vec<Range<usize>>,
}

impl<'p> Path<'p> {
    /// `None` beyond [`MAX_SEGMENTS`].
    pub(super) fn new(text: &'p str) -> Option<Self> {
        let mut segments = Vec::new();
        let mut start = 0;
        for part in text.split('/') {
            if !part.is_empty() {
                segments.push(start..start + part.len());
            }
            start += part.len() + 1;
        }
        (segments.len() <= MAX_SEGMENTS).then_some(Self { text, segments })
    }

    /// The text of some neighbouring segments, slashes between them included.
    fn span(&self, segments: Range<usize>) -> Option<&'p str> {
        let (first, last) =
            (self.segments.get(segments.start)?, self.segments.get(segments.end - 1)?);
        self.text.get(first.start..last.end)
    }
}

/// What the pattern's names stand for, as sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Matched<'p> {
    pub(super) model: Option<&'p str>,
    pub(super) publisher: Option<&'p str>,
}

/// Matches `pattern` at the first place of `path` that fits.
pub(super) fn find<'p>(pattern: &str, path: &Path<'p>) -> Option<Matched<'p>> {
    let (pattern, last_start) = match pattern.strip_prefix('/') {
        Some(whole) => (whole, 0),
        None => (pattern, path.segments.len()),
    };
    (0..=last_start).find_map(|start| {
        let mut matched = Matched::default();
        fits(pattern, path, start, &mut matched).then_some(matched)
    })
}

fn fits<'p>(pattern: &str, path: &Path<'p>, at: usize, matched: &mut Matched<'p>) -> bool {
    if pattern.is_empty() {
        return at == path.segments.len();
    }
    if pattern == "**" {
        return true;
    }
    let (want, rest) = pattern.split_once('/').unwrap_or((pattern, ""));
    if want == "{model+}" {
        return (at + 1..=path.segments.len()).any(|end| {
            fits(rest, path, end, matched) && {
                matched.model = path.span(at..end);
                true
            }
        });
    }
    let Some(have) = path.span(at..at + 1) else { return false };
    let same = if let Some(end) = want.strip_prefix("{model}") {
        matched.model = have.strip_suffix(end).filter(|model| !model.is_empty());
        matched.model.is_some()
    } else if want == "{publisher}" {
        matched.publisher = Some(have);
        true
    } else if let Some(end) = want.strip_prefix('*') {
        have.ends_with(end)
    } else {
        want == have
    };
    same && fits(rest, path, at + 1, matched)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model<'p>(pattern: &str, path: &'p str) -> Option<Option<&'p str>> {
        find(pattern, &Path::new(path).unwrap()).map(|matched| matched.model)
    }

    #[test]
    fn ends_and_whole_paths() {
        assert!(model("chat/completions", "/x/y//chat/completions/").is_some());
        assert!(model("chat/completions", "/chat/completions/1").is_none());
        assert!(model("/api/chat", "/api/chat").is_some());
        assert!(model("/api/chat", "/x/api/chat").is_none());
        assert!(model("a", "").is_none());
        assert!(model("files/**", "/v1/files").is_some());
        assert!(model("files/**", "/v1/files/1/content").is_some());
        assert!(model("v1/*/x", "/v1/a/x").is_some());
        assert!(model("ws/*.Live", "/ws/google.Live").is_some());
    }

    #[test]
    fn endless_paths_are_refused() {
        assert!(Path::new(&"/a".repeat(MAX_SEGMENTS)).is_some());
        assert!(Path::new(&"/a".repeat(MAX_SEGMENTS + 1)).is_none());
    }

    #[test]
    fn names_are_captured() {
        assert_eq!(model("models/{model}:predict", "/models/m:predict"), Some(Some("m")));
        assert_eq!(model("models/{model}:predict", "/models/:predict"), None);
        assert_eq!(model("model/{model+}/invoke", "/model/a:b/c/invoke"), Some(Some("a:b/c")));
        assert_eq!(model("model/{model+}/invoke", "/model/invoke"), None);
        assert_eq!(model("run/{model+}", "/run/@cf/x/y"), Some(Some("@cf/x/y")));
    }
}
