//! `cargo xtask go-stress`: the long form of `tests/go_stress.rs`.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;
use tests::go_stress::{Form, run};
use tests::tracer::binary;

#[derive(Parser)]
struct Args {
    /// Goroutines, each with a connection
    #[arg(long, default_value_t = 10_000)]
    connections: u64,
    /// Calls on each
    #[arg(long, default_value_t = 100)]
    calls: u64,
    /// Most calls a second; 0: as fast as it goes
    #[arg(long, default_value_t = 0)]
    rate: u64,
}

fn main() -> Result<()> {
    let Args { connections, calls, rate } = Args::parse();
    let form = Form { connections, calls, rate, limit: Duration::from_secs(3600) };
    let outcome = run(&binary()?, form)?;
    eprintln!("{outcome:#?}");
    ensure!(outcome.is_exact(), "not exact");
    eprintln!("0 crashes, 0 lost of {} calls", outcome.made);
    Ok(())
}
