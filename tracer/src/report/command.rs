//! `aitrace report` [edge]: what is typed, where the history is, what is printed.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow};

use super::rows::Hours;
use super::sqlite::Sqlite;
use super::{By, Question, csv, html, make, text};
use crate::reader::parse_rfc3339;

const NS: u64 = 1_000_000_000;
const HOUR: u64 = 3600;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Begin: a time ago (90m, 24h, 7d) or a date (2026-11-01, 2026-11-01T08:00:00Z); whole hours
    #[arg(long, value_name = "WHEN", default_value = "7d", value_parser = when)]
    since: When,
    /// End, not included; the running hour counts
    #[arg(long, value_name = "WHEN", default_value = "0m", value_parser = when)]
    until: When,
    /// Break the spend down by
    #[arg(long, value_enum, default_value = "workload")]
    by: By,
    /// Say whom to protect if so many percent of the capacity were cut
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    protect: Option<f64>,
    /// Machine-readable, everything
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// The breakdown, for a spreadsheet
    #[arg(long)]
    csv: bool,
    /// Write one self-contained page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// The history that `aitrace run` keeps
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/var/lib/aitrace/history.db",
        env = "AITRACE_HISTORY"
    )]
    history: PathBuf,
}

/// An instant as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Seconds before now.
    Ago(u64),
    /// Seconds since 1970.
    At(u64),
}

fn when(typed: &str) -> Result<When, String> {
    let wrong =
        || format!("{typed:?} is no time: write 90m, 24h, 7d, 2026-11-01 or 2026-11-01T08:00:00Z");
    for (unit, seconds) in [("m", 60), ("h", HOUR), ("d", 24 * HOUR)] {
        if let Some(number) = typed.strip_suffix(unit) {
            let number: u64 = number.parse().map_err(|_| wrong())?;
            return number.checked_mul(seconds).map(When::Ago).ok_or_else(wrong);
        }
    }
    let whole = if typed.contains('T') { typed.to_owned() } else { format!("{typed}T00:00:00Z") };
    parse_rfc3339(&whole).map(|ns| When::At(ns / NS)).ok_or_else(wrong)
}

fn percent(typed: &str) -> Result<f64, String> {
    match typed.trim_end_matches('%').parse::<f64>() {
        Ok(value) if (0.0..=100.0).contains(&value) => Ok(value),
        _ => Err("a percentage from 0 to 100".to_owned()),
    }
}

impl When {
    const fn seconds(self, now: u64) -> u64 {
        match self {
            Self::Ago(seconds) => now.saturating_sub(seconds),
            Self::At(at) => at,
        }
    }
}

impl Args {
    /// The hours asked for: the first holds the beginning, the last the end.
    fn hours(&self, now: u64) -> anyhow::Result<Hours> {
        let from = self.since.seconds(now) / HOUR;
        let to = self.until.seconds(now).div_ceil(HOUR);
        anyhow::ensure!(from < to, "--since is not before --until: nothing lies between them");
        Ok(Hours { from, to })
    }

    /// Prints the report.
    ///
    /// # Errors
    /// Without a history, with a bad period, when the output cannot be written.
    pub fn run(&self) -> anyhow::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let question = Question { hours: self.hours(now)?, by: self.by, protect: self.protect };
        let report = make(&mut Sqlite::open(&self.history)?, &question, &|_| 1.0)?;
        if let Some(path) = &self.html {
            std::fs::write(path, html(&report)?).with_context(|| path.display().to_string())?;
            if !self.json && !self.csv {
                return Ok(());
            }
        }
        let out = if self.json {
            serde_json::to_string_pretty(&report)? + "\n"
        } else if self.csv {
            csv(&report)
        } else {
            text(&report)
        };
        match std::io::stdout().write_all(out.as_bytes()) {
            // The reader went away: nothing is wrong.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(|error| anyhow!(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(when("90m"), Ok(When::Ago(5400)));
        assert_eq!(when("7d"), Ok(When::Ago(7 * 86_400)));
        assert_eq!(when("1970-01-02"), Ok(When::At(86_400)));
        assert_eq!(when("1970-01-01T01:00:00Z"), Ok(When::At(3600)));
        for wrong in ["", "d", "7", "yesterday", "2026-13-01", "99999999999999999999d"] {
            assert!(when(wrong).is_err(), "{wrong}");
        }
        assert_eq!(percent("20%"), Ok(20.0));
        assert!(percent("120").is_err() && percent("NaN").is_err());
    }
}
