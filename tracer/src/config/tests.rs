//! What a file may say, and what is said of one that is wrong.

use super::*;

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    Config::parse(text, Path::new("c.toml"), variables).map_err(|e| e.to_string())
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(parse("", &[]), Ok(Config::default()));
}

#[test]
fn the_environment_is_over_the_file() {
    let text = "[agent]\nworkers = 2\nheartbeat_s = 5\n";
    let config = parse(text, &[("AITRACE_AGENT__WORKERS", "3"), ("AITRACE_LOG", "debug")]).unwrap();
    assert_eq!((config.agent.workers, config.agent.heartbeat_s), (Some(3), 5));
    let error = parse(text, &[("AITRACE_AGENT__WROKERS", "3")]).unwrap_err();
    assert_eq!(
        error,
        "environment AITRACE_AGENT__WROKERS: unknown key `wrokers`; did you mean `workers`?"
    );
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let error = parse("[agent]\nworkers = 2\nheartbeet_s = 5\n", &[]).unwrap_err();
    assert_eq!(
        error,
        "c.toml:3: in [agent]: unknown key `heartbeet_s`; did you mean `heartbeat_s`?"
    );
    let error = parse("[agnet]\n", &[]).unwrap_err();
    assert!(error.contains("unknown key `agnet`; did you mean `agent`?"), "{error}");
    let error = parse("[agent]\nring_mib = 3\n", &[]).unwrap_err();
    assert_eq!(error, "c.toml: agent.ring_mib: a power of two from 1 to 1024");
    let error = parse("[agent]\nworkers = \"x\"\n", &[]).unwrap_err();
    assert!(error.starts_with("c.toml:2:"), "{error}");
    let error = parse("[http]\n[[sink]]\ntype = \"file\"\npth = \"/x\"\n", &[]).unwrap_err();
    assert_eq!(error, "c.toml:2: in [sink]: unknown key `pth`; did you mean `path`?");
    let error = parse("[hosts]\n\"ai.example\" = \"opnai\"\n", &[]).unwrap_err();
    assert!(error.starts_with("c.toml: hosts.ai.example:"), "{error}");
}

#[test]
fn what_is_printed_is_read_again() {
    let mut config = Config::default();
    config.hosts.insert("ai.example".into(), "openai".into());
    let text = toml::to_string(&config).unwrap();
    assert_eq!(parse(&text, &[]), Ok(config));
}
