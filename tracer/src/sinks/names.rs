//! The names that OpenTelemetry's GenAI convention still moves, in one table.

/// Which names go out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Semconv {
    /// The names of `schema.rs`.
    #[default]
    Latest,
    /// Those of semantic conventions 1.41, which most consumers still read.
    V1_41,
}

impl Semconv {
    /// The configuration's word for it.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "latest" => Some(Self::Latest),
            "1.41" => Some(Self::V1_41),
            _ => None,
        }
    }

    /// The name under which `latest` goes out.
    pub fn rename(self, latest: &str) -> &str {
        if self == Self::Latest {
            return latest;
        }
        RENAMED.iter().find(|(new, _)| *new == latest).map_or(latest, |(_, old)| old)
    }
}

/// Name now, name in 1.41.
const RENAMED: &[(&str, &str)] =
    &[("gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_convention_only_renames() {
        let key = "gen_ai.usage.cache_write.input_tokens";
        assert_eq!(Semconv::Latest.rename(key), key);
        assert_eq!(Semconv::V1_41.rename(key), "gen_ai.usage.cache_creation.input_tokens");
        assert_eq!(Semconv::V1_41.rename("seq"), "seq");
    }
}
