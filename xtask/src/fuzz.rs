//! `cargo xtask fuzz`: every parser under libFuzzer, for a while each.

use anyhow::{Result, bail};

use crate::command::{cargo, on_path, root, run as execute};
use crate::setup;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only this target
    target: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    setup::ensure(setup::Need::Build)?;
    if !on_path("cargo-fuzz") && !setup::cargo_bin("cargo-fuzz").exists() {
        eprintln!("xtask: installing cargo-fuzz");
        execute(cargo().args(["install", "cargo-fuzz", "--locked"]))?;
    }
    let folder = root().join("tests/fuzz");
    let mut targets: Vec<String> = std::fs::read_dir(folder.join("fuzz_targets"))?
        .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str().map(str::to_owned))
        .collect();
    targets.sort();
    if let Some(only) = &args.target {
        if !targets.contains(only) {
            bail!("no target {only}: there are {}", targets.join(", "));
        }
        targets.retain(|target| target == only);
    }
    for target in targets {
        let mut fuzz = cargo();
        fuzz.current_dir(&folder)
            // Coverage needs unstable flags; the stable compiler takes them when told so. Without a
            // sanitizer: the code under test has no unsafe.
            .env("RUSTC_BOOTSTRAP", "1")
            .args(["fuzz", "run", "--fuzz-dir", ".", "--sanitizer", "none", &target])
            // What is found is kept apart from the committed seeds.
            .arg(folder.join("corpus").join(&target))
            .arg(folder.join("seeds").join(&target))
            .args(["--", &format!("-max_total_time={}", args.seconds), "-timeout=10"])
            .args(["-rss_limit_mb=1024", "-print_final_stats=0", "-verbosity=0"]);
        std::fs::create_dir_all(folder.join("corpus").join(&target))?;
        execute(setup::with_compiler(&mut fuzz))?;
    }
    Ok(())
}
