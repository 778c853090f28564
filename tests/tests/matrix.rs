//! Every client of the matrix is run, and seen as its row promises.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use tests::matrix::{Coverage, ROWS};
use tests::sandbox::Sandbox;
use tests::simulator::Config;
use tests::tracer::Tracer;

/// `AITRACE_MATRIX=word` runs the rows whose name holds the word.
#[test]
#[ignore = "root"]
fn every_client_is_seen_as_promised() {
    let sandbox = Sandbox::start(Config { http2: true, ..Config::default() }).unwrap();
    let only = std::env::var("AITRACE_MATRIX").unwrap_or_default();
    let rows = ROWS.iter().copied().flatten().filter(|row| row.name.contains(&only));
    let mut ready = Vec::new();
    let mut failures = Vec::new();
    for row in rows {
        match (row.prepare)(&sandbox) {
            Ok(program) => ready.push((row, program)),
            Err(error) if std::env::var_os("CI").is_none() => {
                println!("SKIPPED {}: {error:#}", row.name);
            }
            Err(error) => failures.push(format!("{}: {error:#}", row.name)),
        }
    }
    // A file met for the first time is read while its program already runs: meet them all first.
    let tracer = Tracer::start(&[]).unwrap();
    for (row, program) in &ready {
        if let Err(error) = row.play(&sandbox, program) {
            failures.push(format!("{}: {error:#}", row.name));
        }
    }
    std::thread::sleep(Duration::from_secs(1));
    let before = tracer.calls();
    let mut shown = Vec::new();
    let mut wanted = before;
    for (row, program) in &ready {
        match row.play(&sandbox, program) {
            Ok(played) => {
                let silent = matches!(row.coverage, Coverage::Uncovered(_));
                wanted += if silent { 0 } else { played.told.len() };
                shown.push((row, played));
            }
            Err(error) => failures.push(format!("{}: {error:#}", row.name)),
        }
    }
    tracer.wait_for(wanted, Duration::from_secs(5));
    let finished = tracer.finish().unwrap();
    let calls = finished.calls();
    for (row, played) in &shown {
        match row.check(played, &calls) {
            Ok(()) => println!("{}: as promised, {} calls", row.name, played.told.len()),
            Err(error) => failures.push(format!("{}: {error:#}", row.name)),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(finished.books()["aitrace.books.closed"], true, "{:#}", finished.books());
}
