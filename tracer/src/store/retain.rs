//! What is let go: single calls by age and by the file's size, roll-ups by age.

use rusqlite::Connection;

use super::rollup::{hour, int};
use super::{Limits, NS};

/// Rows deleted in one transaction: the writer is not held up for long.
const CHUNK: i64 = 20_000;
/// Pages given back to the file system in one go.
const PAGES: i64 = 2_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Retained {
    /// Single calls that went because they were old, and because the file was full.
    pub expired: u64,
    pub evicted: u64,
    /// There is more to do: call again soon.
    pub more: bool,
}

/// Lets one chunk of what is past its time go.
pub(super) fn retain(db: &Connection, limits: &Limits, now_ns: u64) -> rusqlite::Result<Retained> {
    let mut done = Retained::default();
    let oldest = now_ns.saturating_sub(nanos(limits.retention));
    let expired = db
        .prepare_cached(
            "DELETE FROM call WHERE rowid IN (SELECT rowid FROM call WHERE ts < ? ORDER BY ts LIMIT ?)",
        )?
        .execute([int(oldest), CHUNK])?;
    done.expired = expired as u64;
    let first_hour = hour(now_ns.saturating_sub(nanos(limits.rollup_retention)));
    for table in ["call_hour", "gpu_hour", "gpu_failure_hour"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE hour < ?"))?
            .execute([int(first_hour)])?;
    }
    if used_bytes(db)? > limits.size {
        done.evicted = db
            .prepare_cached(
                "DELETE FROM call WHERE rowid IN (SELECT rowid FROM call ORDER BY ts LIMIT ?)",
            )?
            .execute([CHUNK])? as u64;
    }
    if done.expired + done.evicted > 0 {
        db.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    }
    done.more = done.expired == CHUNK as u64 || done.evicted > 0 && used_bytes(db)? > limits.size;
    Ok(done)
}

/// Bytes of the file that hold something.
pub(super) fn used_bytes(db: &Connection) -> rusqlite::Result<u64> {
    let figure = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let used = figure("page_count")? - figure("freelist_count")?;
    Ok((used.max(0) * figure("page_size")?).unsigned_abs())
}

fn nanos(duration: std::time::Duration) -> u64 {
    duration.as_secs().saturating_mul(NS)
}
