use super::*;
use proptest::prelude::*;

impl Fields for BTreeMap<Field, Vec<String>> {
    fn any(&self, field: &Field, visit: &mut dyn FnMut(&str) -> bool) -> bool {
        self.get(field).into_iter().flatten().any(|value| visit(value))
    }
}

fn event(of: &[(Field, &str)]) -> BTreeMap<Field, Vec<String>> {
    let mut fields = BTreeMap::<Field, Vec<String>>::new();
    for (field, value) in of {
        fields.entry(field.clone()).or_default().push((*value).to_owned());
    }
    fields
}

fn selector(toml: &str) -> Result<Selector, String> {
    toml::from_str(toml).map_err(|error| error.to_string())
}

#[test]
fn every_condition_must_hold_and_one_pattern_of_each() {
    let selector = selector(
        "\"container.name\" = [\"api-*\", \"web\"]\n\"process.owner\" = \"!root\"\n\"container.label.team\" = \"re:^(a|b)$\"",
    )
    .unwrap();
    let team = Field::ContainerLabel("team".into());
    let holds = |name: &str, owner: &str, label: &str| {
        selector.holds(&event(&[
            (Field::ContainerName, name),
            (Field::Owner, owner),
            (team.clone(), label),
        ]))
    };
    assert!(holds("api-7", "app", "a") && holds("web", "app", "b"));
    assert!(!holds("api-7", "root", "a") && !holds("api-7", "app", "c") && !holds("x", "app", "a"));
    assert!(!selector.holds(&event(&[(Field::Owner, "app")])));
}

#[test]
fn a_field_with_many_values_needs_one() {
    let selector = selector("\"process.ancestor\" = \"claude\"").unwrap();
    assert!(selector.holds(&event(&[(Field::Ancestor, "bash"), (Field::Ancestor, "claude")])));
}

#[test]
fn a_wrong_field_is_told_with_the_nearest() {
    let error = selector("\"container.nam\" = \"x\"").unwrap_err();
    assert!(error.contains("container.nam") && error.contains("\"container.name\""), "{error}");
    assert!(selector("\"container.name\" = []").is_err());
    assert!(selector("\"container.name\" = \"re:(\"").is_err());
}

#[test]
fn it_is_written_as_it_was_read() {
    let text = "\"container.name\" = \"api-*\"\n\"process.owner\" = [\"a\", \"b\"]\n";
    let read = selector(text).unwrap();
    let json = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<Selector>(&json).unwrap(), read);
}

#[test]
fn remembered_values_are_bounded() {
    let mut set = SelectorSet::new([selector("\"process.title\" = \"x*\"").unwrap()]);
    let mut matched = Vec::new();
    for number in 0..MAX_VALUES * 2 {
        set.matches(&event(&[(Field::Title, &format!("x{number}"))]), &mut matched);
        assert_eq!(matched, [0]);
    }
    assert!(set.anchors[0].1.remembered.len() <= MAX_VALUES);
    assert_eq!(set.resets, 1);
}

/// 10,000 selectors of three conditions. The figure is the median of many rounds in this build.
#[test]
fn ten_thousand_selectors_take_little_time() {
    let of = |number: usize| match number % 3 {
        0 => format!("\"aitrace.team\" = \"team-{number}\"\n\"gen_ai.provider.name\" = \"openai\""),
        1 => format!("\"container.name\" = \"svc-{number}-*\"\n\"process.owner\" = \"!root\""),
        _ => format!(
            "\"k8s.namespace.name\" = \"re:^ns-{number}$\"\n\"gen_ai.request.model\" = \"gpt-*\""
        ),
    };
    let mut set = SelectorSet::new((0..10_000).map(|number| selector(&of(number)).unwrap()));
    let event = event(&[
        (Field::Team, "team-300"),
        (Field::Provider, "openai"),
        (Field::ContainerName, "svc-301-abc"),
        (Field::Owner, "app"),
        (Field::K8sNamespace, "ns-302"),
        (Field::RequestModel, "gpt-5"),
    ]);
    let mut matched = Vec::new();
    let mut rounds: Vec<f64> = (0..200)
        .map(|_| {
            let started = std::time::Instant::now();
            for _ in 0..100 {
                set.matches(&event, &mut matched);
            }
            started.elapsed().as_secs_f64() / 100.0 * 1e6
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    assert_eq!(matched, [300, 301, 302]);
    println!("10,000 selectors: {:.2} µs per event (median), this build", rounds[100]);
    // An unoptimised build is about ten times slower than a release.
    assert!(rounds[100] < 20.0, "{}", rounds[100]);
}

proptest! {
    #[test]
    fn a_set_agrees_with_each_selector_alone(
        selectors in proptest::collection::vec(
            proptest::collection::btree_map(
                prop_oneof![Just("process.title"), Just("process.owner"), Just("container.name")],
                proptest::collection::vec("(!)?(=)?[ab*?]{1,3}", 1..3), 0..3), 0..12),
        events in proptest::collection::vec(("[ab]{0,3}", "[ab]{0,3}"), 1..6),
    ) {
        let compiled: Vec<Selector> = selectors.into_iter().map(|conditions| {
            let written: Written =
                conditions.into_iter().map(|(k, v)| (k.to_owned(), Patterns::Any(v))).collect();
            Selector::try_from(written).unwrap()
        }).collect();
        let mut set = SelectorSet::new(compiled.clone());
        let mut matched = Vec::new();
        for (title, owner) in &events {
            let event = event(&[(Field::Title, title), (Field::Owner, owner)]);
            set.matches(&event, &mut matched);
            let alone: Vec<u32> = (0..compiled.len() as u32)
                .filter(|id| compiled[*id as usize].holds(&event)).collect();
            prop_assert_eq!(&matched, &alone);
        }
    }
}
