//! What calls are told apart by [pure].

use crate::reader::CallEvent;

/// Everything that a table may be grouped or filtered by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Dimensions {
    values: [Option<String>; COUNT],
}

const COUNT: usize = 15;

/// An attribute to group by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum By {
    Workload,
    Team,
    UseCase,
    Service,
    Namespace,
    Pod,
    Container,
    Process,
    Owner,
    Host,
    Key,
    Model,
    Provider,
    Operation,
    Failure,
}

impl By {
    pub(super) const ALL: [Self; COUNT] = [
        Self::Workload,
        Self::Team,
        Self::UseCase,
        Self::Service,
        Self::Namespace,
        Self::Pod,
        Self::Container,
        Self::Process,
        Self::Owner,
        Self::Host,
        Self::Key,
        Self::Model,
        Self::Provider,
        Self::Operation,
        Self::Failure,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Workload => "workload",
            Self::Team => "team",
            Self::UseCase => "use_case",
            Self::Service => "service",
            Self::Namespace => "namespace",
            Self::Pod => "pod",
            Self::Container => "container",
            Self::Process => "process",
            Self::Owner => "owner",
            Self::Host => "host",
            Self::Key => "key",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Operation => "operation",
            Self::Failure => "failure",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == word)
    }

    /// The next one that people group owners by; models, providers and failures have their own panes.
    pub(super) fn next(self) -> Self {
        let own = &Self::ALL[..11];
        let at = own.iter().position(|by| *by == self).map_or(0, |at| at + 1);
        own[at % own.len()]
    }
}

impl Dimensions {
    pub(super) fn of(call: &CallEvent) -> Self {
        let who = &call.who;
        let process = match (&who.title, who.pid) {
            (Some(title), Some(pid)) => Some(format!("{title} [{pid}]")),
            (None, Some(pid)) => Some(format!("[{pid}]")),
            (title, None) => title.clone(),
        };
        let values = [
            who.workload.clone().or_else(|| who.title.clone()),
            who.team.clone(),
            who.use_case.clone(),
            who.service.clone(),
            who.k8s_namespace.clone(),
            who.pod.clone(),
            who.container.clone(),
            process,
            who.owner.clone(),
            who.host.clone(),
            call.key.clone(),
            call.model().map(str::to_owned),
            Some(call.provider.clone()),
            Some(call.operation.clone()),
            call.failure_class.clone(),
        ];
        Self { values }
    }

    /// What stands for everything that found no room.
    pub(super) fn other() -> Self {
        Self { values: std::array::from_fn(|_| Some("(other)".to_owned())) }
    }

    pub(super) fn get(&self, by: By) -> Option<&str> {
        self.values[by as usize].as_deref()
    }
}

/// What is shown: words that must all occur, `attribute=text` where one attribute is meant.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Filter {
    pub typed: String,
    words: Vec<(Option<By>, String)>,
}

impl Filter {
    pub(super) fn parse(typed: &str) -> Self {
        let words = typed.split_whitespace().map(|word| {
            let named =
                word.split_once('=').and_then(|(name, text)| Some((By::parse(name)?, text)));
            match named {
                Some((by, text)) => (Some(by), text.to_lowercase()),
                None => (None, word.to_lowercase()),
            }
        });
        Self { typed: typed.to_owned(), words: words.collect() }
    }

    pub(super) fn matches(&self, dimensions: &Dimensions) -> bool {
        let has = |value: Option<&str>, text: &str| {
            value.is_some_and(|value| value.to_lowercase().contains(text))
        };
        self.words.iter().all(|(by, text)| match by {
            Some(by) => has(dimensions.get(*by), text),
            None => By::ALL.into_iter().any(|by| has(dimensions.get(by), text)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_is_in_its_place() {
        for (index, by) in By::ALL.into_iter().enumerate() {
            assert_eq!(by as usize, index);
            assert_eq!(By::parse(by.as_str()), Some(by));
        }
        assert_eq!(By::Key.next(), By::Workload);
    }

    #[test]
    fn filters_name_attributes_or_take_any() {
        let mut call = CallEvent { provider: "openai".into(), ..CallEvent::default() };
        call.who.workload = Some("Search-API".into());
        let dimensions = Dimensions::of(&call);
        for (typed, matches) in [
            ("", true),
            ("search", true),
            ("workload=search provider=openai", true),
            ("provider=search", false),
            ("search mistral", false),
            ("nonsense=openai", false),
        ] {
            assert_eq!(Filter::parse(typed).matches(&dimensions), matches, "{typed}");
        }
    }
}
