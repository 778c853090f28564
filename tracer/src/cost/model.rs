//! The names under which one model's price may stand, the most exact one first.
//!
//! In: a model as a request or an answer names it. Out: names without what makes no difference to the
//! price: paths, regions, dates, versions, vendors.

/// Letter case and marks that differ between providers do not tell models apart.
pub(super) fn canonical(name: &str) -> String {
    name.to_ascii_lowercase().replace(['.', '_', ' '], "-")
}

/// Bedrock's inference profiles; all but `global` cost more for newer models.
const REGIONS: &[&str] = &["us-gov", "us", "eu", "apac", "jp", "au", "ca", "global"];
const VENDORS: &[&str] = &[
    "anthropic",
    "amazon",
    "ai21",
    "cohere",
    "deepseek",
    "meta",
    "mistral",
    "moonshotai",
    "openai",
    "qwen",
    "writer",
    "xai",
];

/// What a name says besides the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    /// Canonical, most exact first.
    pub(super) candidates: Vec<String>,
    /// Served in one region for that region's price.
    pub(super) regional: bool,
    /// Offered for nothing.
    pub(super) free: bool,
}

pub(super) fn name(model: &str) -> Name {
    let lower = model.trim().to_ascii_lowercase();
    // Paths, resource names, vendors in front of a stroke.
    let mut rest = lower.rsplit('/').next().unwrap_or_default();
    let mut found = Name { free: lower.ends_with(":free"), ..Name::default() };
    let tuned = rest.strip_prefix("ft:");
    if let Some((base, _)) = tuned.unwrap_or(rest).split_once(':') {
        rest = base;
    } else if let Some(base) = tuned {
        rest = base;
    }
    let rest = rest.split('@').next().unwrap_or_default();
    let mut bases = vec![rest.to_owned()];
    if let Some((region, model)) = rest.split_once('.')
        && REGIONS.contains(&region)
    {
        found.regional = region != "global";
        bases.push(model.to_owned());
    }
    if let Some((vendor, model)) = bases.last().and_then(|name| name.split_once('.'))
        && VENDORS.contains(&vendor)
    {
        let model = model.to_owned();
        bases.push(model);
    }
    for base in bases {
        let mut name = canonical(&base);
        loop {
            found.put(&name, tuned.is_some());
            match without_ending(&name) {
                Some(shorter) => name = shorter.to_owned(),
                None => break,
            }
        }
        // Some have it in the middle: `-preview-tts`.
        if name.contains("-preview") {
            found.put(&name.replace("-preview", ""), tuned.is_some());
        }
    }
    found
}

impl Name {
    fn put(&mut self, name: &str, tuned: bool) {
        for name in [Some(name.to_owned()), turned(name)].into_iter().flatten() {
            let name = if tuned { format!("ft:{name}") } else { name };
            if !name.is_empty() && !self.candidates.contains(&name) {
                self.candidates.push(name);
            }
        }
    }
}

/// Without its last part, if that is a date, a version or a channel.
fn without_ending(name: &str) -> Option<&str> {
    for channel in ["-latest", "-preview", "-exp", "-experimental", "-beta", "-default"] {
        if let Some(rest) = name.strip_suffix(channel) {
            return Some(rest);
        }
    }
    let (rest, last) = name.rsplit_once('-')?;
    let digits =
        |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    // 2025-08-07, 08-2024, 05-20
    if let Some((before, middle)) = rest.rsplit_once('-')
        && digits(middle, 2)
        && (digits(last, 2) || digits(last, 4))
    {
        if let Some((first, year)) = before.rsplit_once('-')
            && digits(year, 4)
            && digits(last, 2)
        {
            return Some(first);
        }
        return Some(before);
    }
    let version = last.strip_prefix('v').is_some_and(|number| {
        !number.is_empty() && number.len() <= 2 && number.bytes().all(|b| b.is_ascii_digit())
    });
    // 20250929, 2411, 001, v1
    (digits(last, 8) || digits(last, 4) || digits(last, 3) || version).then_some(rest)
}

/// `claude-4-5-haiku` as well as `claude-haiku-4-5`, and Azure's `gpt-35-turbo`.
fn turned(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("gpt-35-") {
        return Some(format!("gpt-3-5-{rest}"));
    }
    let rest = name.strip_prefix("claude-")?;
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        let (version, kind) = rest.rsplit_once('-')?;
        return (is_number(version) && !is_number(kind))
            .then(|| format!("claude-{kind}-{version}"));
    }
    let (kind, version) = rest.split_once('-')?;
    (is_number(version) && !is_number(kind)).then(|| format!("claude-{version}-{kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_makes_no_difference() {
        for (model, expected) in [
            ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
            ("openai/gpt-4.1-mini", "gpt-4-1-mini"),
            ("gpt-5.2-chat-latest", "gpt-5-2-chat"),
            ("gpt-35-turbo", "gpt-3-5-turbo"),
            ("gpt-3.5-turbo-instruct:20230824-v2", "gpt-3-5-turbo-instruct"),
            ("ft:gpt-4o-mini-2024-07-18:acme::abc", "ft:gpt-4o-mini"),
            ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
            (
                "arn:aws:bedrock:us-east-1:0123:inference-profile/us.anthropic.claude-3-7-sonnet-20250219-v1:0",
                "claude-3-7-sonnet",
            ),
            ("anthropic/claude-4.5-haiku-20251001", "claude-haiku-4-5"),
            ("claude-3-5-haiku@20241022", "claude-3-5-haiku"),
            ("models/gemini-2.5-flash-preview-05-20", "gemini-2-5-flash"),
            ("gemini-2.5-flash-preview-tts", "gemini-2-5-flash-tts"),
            ("gemini-2.0-flash-001", "gemini-2-0-flash"),
            ("command-r-08-2024", "command-r"),
            ("accounts/fireworks/models/llama-v3p1-8b-instruct", "llama-v3p1-8b-instruct"),
            ("cohere.command-text-v14", "cohere-command-text"),
        ] {
            let found = name(model);
            assert!(found.candidates.iter().any(|c| c == expected), "{model}: {found:?}");
        }
    }

    #[test]
    fn versions_that_are_models_stay() {
        let found = name("claude-opus-4-7");
        assert_eq!(found.candidates, ["claude-opus-4-7", "claude-4-7-opus"]);
        assert_eq!(name("mistral-large-2411").candidates[0], "mistral-large-2411");
        assert!(name("deepseek/deepseek-r1:free").free);
        assert!(name("eu.anthropic.claude-sonnet-4-6").regional);
        assert!(!name("global.anthropic.claude-sonnet-4-6").regional);
    }
}
