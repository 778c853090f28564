//! Stacks that grow inside probed calls, goroutines that change threads, a collector that never rests:
//! the program goes on, and every call is reported. The short form of `cargo xtask go-stress`.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use tests::go_stress::{Form, run};
use tests::tracer::binary;

#[test]
#[ignore = "root"]
fn a_go_program_under_stress_loses_nothing() {
    let limit = Duration::from_secs(120);
    let form = Form { connections: 500, calls: 20, rate: 2000, limit };
    let outcome = run(&binary().unwrap(), form).unwrap();
    println!("{}", outcome.said);
    assert!(outcome.is_exact(), "{outcome:#?}");
}
