//! The report's page in a real browser: no error, charts drawn, nothing fetched, names stay text.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::process::Command;

use tests::tracer::binary;
use tracer::reader::{CallEvent, Event};
use tracer::sinks::clock::format_rfc3339;
use tracer::store::{History, Limits};

const NS: u64 = 1_000_000_000;
/// 2026-11-01T00:00:00Z
const START: u64 = 1_793_491_200;
const BROWSER: &str = "/usr/bin/chromium";
const HOURS: u64 = 48;

fn history(path: &Path) {
    let (mut history, _) = History::open(path, Limits::default(), START * NS).unwrap();
    for index in 0..2000_u64 {
        let mut call = CallEvent {
            timestamp: format_rfc3339((START + index * HOURS * 3600 / 2000) * NS),
            id: format!("{index}"),
            operation: "chat".into(),
            provider: "openai".into(),
            request_model: Some(format!("model-{}", index % 3)),
            input_tokens: Some(500),
            output_tokens: Some(index % 400),
            usage_complete: true,
            cost_usd: Some(0.002),
            duration_s: 0.5 + (index % 10) as f64,
            duplicate_of: (index.is_multiple_of(4)).then(|| "0".into()),
            role: "client".into(),
            ..CallEvent::default()
        };
        if index.is_multiple_of(10) {
            call.failure_class = Some("rate_limit".into());
            call.failure_capacity = true;
        }
        call.who.workload = Some(match index % 20 {
            0 => "<img src=x onerror=document.body.dataset.hacked=1>".into(),
            n => format!("workload-{n}"),
        });
        history.push(Event::Call(Box::new(call)));
    }
    history.close(START * NS).unwrap();
}

fn browser(folder: &Path, page: &Path) -> (String, String) {
    let output = Command::new(BROWSER)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--v=0", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_page_draws_without_an_error() {
    if !Path::new(BROWSER).exists() {
        assert!(std::env::var_os("CI").is_none(), "no {BROWSER}: run `cargo xtask setup --tests`");
        println!("SKIPPED: no {BROWSER} here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (db, page) = (folder.path().join("history.db"), folder.path().join("report.html"));
    history(&db);
    let status = Command::new(binary().unwrap())
        .args(["report", "--protect", "20", "--since", "2026-11-01", "--until", "2026-11-03"])
        .arg("--history")
        .arg(&db)
        .arg("--html")
        .arg(&page)
        .status()
        .unwrap();
    assert!(status.success());
    let (dom, log) = browser(folder.path(), &page);
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert!(dom.contains("data-drawn=\"yes\""), "the script did not come to its end");
    // A bar an hour, and one for the one class of failure.
    assert_eq!(dom.matches("class=\"bar\"").count() as u64, HOURS + 1);
    assert!(dom.contains("show all 20"), "long tables are cut");
    assert!(!dom.contains("data-hacked") && !dom.contains("<img"), "a name became markup");
    assert!(dom.contains("is asked the very same thing again"), "findings are shown");
    let written = std::fs::read_to_string(&page).unwrap();
    assert!(
        !written.contains("http://")
            || written.matches("http://").count() == written.matches("http://www.w3.org").count()
    );
    assert!(!written.contains("https://"));
}
