//! Rows from a host's own history [edge].

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context as _, anyhow};
use rusqlite::{Connection, Row};

use super::rows::{CallRow, GpuFailureRow, GpuRow, Hours, Model, Owner, Owners, Single, Source};
use super::sums::Sums;
use crate::store;
use crate::store::sketch::Sketch;

const HOUR_NS: i64 = 3_600_000_000_000;

#[derive(Debug)]
pub struct Sqlite {
    db: Connection,
    models: HashMap<i64, Rc<Model>>,
}

impl Sqlite {
    /// # Errors
    /// Where there is no history, naming how to get one.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if !path.exists() {
            return Err(anyhow!(
                "no history at {}: `aitrace run` keeps one; --history names another file",
                path.display()
            ));
        }
        let db = store::for_reading(path).with_context(|| path.display().to_string())?;
        let mut models = HashMap::new();
        let mut select = db.prepare("SELECT id, provider, model, operation FROM model")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let model = Model { provider: row.get(1)?, model: row.get(2)?, operation: row.get(3)? };
            models.insert(row.get(0)?, Rc::new(model));
        }
        drop(rows);
        drop(select);
        Ok(Self { db, models })
    }

    fn model(models: &HashMap<i64, Rc<Model>>, id: i64) -> Rc<Model> {
        models.get(&id).cloned().unwrap_or_default()
    }
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

fn some(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.and_then(|value| u64::try_from(value).ok()))
}

fn sketch(row: &Row<'_>, column: usize) -> anyhow::Result<Sketch> {
    let bytes = row.get_ref(column)?.as_blob()?;
    Sketch::from_bytes(bytes)
        .ok_or_else(|| anyhow!("the history is damaged: a sketch cannot be read"))
}

fn bounds(hours: Hours) -> [i64; 2] {
    let int = |hour: u64| i64::try_from(hour).unwrap_or(i64::MAX);
    [int(hours.from), int(hours.to)]
}

impl Source for Sqlite {
    fn owners(&mut self) -> anyhow::Result<Owners> {
        let mut select = self.db.prepare(
            "SELECT id, host, team, use_case, service, workload, container, process FROM who",
        )?;
        let mut rows = select.query([])?;
        let mut owners = Owners::default();
        while let Some(row) = rows.next()? {
            let owner = Owner {
                host: row.get(1)?,
                team: row.get(2)?,
                use_case: row.get(3)?,
                service: row.get(4)?,
                workload: row.get(5)?,
                container: row.get(6)?,
                process: row.get(7)?,
            };
            owners.0.insert(row.get(0)?, owner);
        }
        Ok(owners)
    }

    fn calls(&mut self, hours: Hours, each: &mut dyn FnMut(CallRow)) -> anyhow::Result<()> {
        let mut select = self.db.prepare(
            "SELECT hour, who, model, key, class, calls, incomplete, capacity, streams, retries, \
             duplicates, input, output, cache_read, cache_write, reasoning, with_usage, cost, priced, \
             seconds, duration, ttfc FROM call_hour WHERE hour >= ? AND hour < ?",
        )?;
        let mut rows = select.query(bounds(hours))?;
        while let Some(row) = rows.next()? {
            let class: String = row.get(4)?;
            let calls = count(row, 5)?;
            let sums = Sums {
                calls,
                failed: if class.is_empty() { 0 } else { calls },
                incomplete: count(row, 6)?,
                capacity: count(row, 7)?,
                streams: count(row, 8)?,
                retries: count(row, 9)?,
                duplicates: count(row, 10)?,
                input: count(row, 11)?,
                output: count(row, 12)?,
                cache_read: count(row, 13)?,
                cache_write: count(row, 14)?,
                reasoning: count(row, 15)?,
                with_usage: count(row, 16)?,
                cost_usd: row.get(17)?,
                priced: count(row, 18)?,
                seconds: row.get(19)?,
                duration: sketch(row, 20)?,
                ttfc: sketch(row, 21)?,
            };
            let model = Self::model(&self.models, row.get(2)?);
            each(CallRow {
                hour: count(row, 0)?,
                who: row.get(1)?,
                model,
                key: row.get(3)?,
                class,
                sums,
            });
        }
        Ok(())
    }

    fn singles(&mut self, hours: Hours, each: &mut dyn FnMut(Single)) -> anyhow::Result<()> {
        let mut select = self.db.prepare(
            "SELECT ts, event_id, who, pid, model, key, stream, input, output, cache_read, \
             cache_write, cost, duration, max_tokens, class, retry_after, session, turn, retry_of, \
             attempt, honoured, duplicate_of, prefix, tools, requests_limit, requests_remaining, \
             tokens_limit, tokens_remaining FROM call \
             WHERE counted = 1 AND ts >= ? AND ts < ? ORDER BY ts",
        )?;
        let mut rows = select.query(bounds(hours).map(|hour| hour.saturating_mul(HOUR_NS)))?;
        while let Some(row) = rows.next()? {
            let tools: Option<String> = row.get(23)?;
            let tools = tools.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            each(Single {
                ts: count(row, 0)?,
                id: row.get(1)?,
                who: row.get(2)?,
                pid: row.get(3)?,
                model: Self::model(&self.models, row.get(4)?),
                key: row.get(5)?,
                stream: row.get(6)?,
                input: some(row, 7)?,
                output: some(row, 8)?,
                cache_read: some(row, 9)?,
                cache_write: some(row, 10)?,
                cost_usd: row.get(11)?,
                duration_s: row.get(12)?,
                max_tokens: some(row, 13)?,
                class: row.get(14)?,
                retry_after_s: row.get(15)?,
                session: row.get(16)?,
                turn: some(row, 17)?,
                retry_of: row.get(18)?,
                attempt: some(row, 19)?,
                honoured: row.get(20)?,
                duplicate_of: row.get(21)?,
                prefix: row.get(22)?,
                tools,
                requests_limit: some(row, 24)?,
                requests_remaining: some(row, 25)?,
                tokens_limit: some(row, 26)?,
                tokens_remaining: some(row, 27)?,
            });
        }
        Ok(())
    }

    fn gpus(&mut self, hours: Hours) -> anyhow::Result<(Vec<GpuRow>, Vec<GpuFailureRow>)> {
        let mut usage = Vec::new();
        let mut select = self.db.prepare(
            "SELECT who, gpu, max(name), sum(window_s), sum(busy_s), sum(busy_windows), \
             sum(held_idle_s), sum(idle_windows), max(memory_peak) FROM gpu_hour \
             WHERE hour >= ? AND hour < ? GROUP BY gpu, who",
        )?;
        let mut rows = select.query(bounds(hours))?;
        while let Some(row) = rows.next()? {
            let (busy, busy_windows): (f64, i64) = (row.get(4)?, row.get(5)?);
            let (idle, idle_windows): (f64, i64) = (row.get(6)?, row.get(7)?);
            usage.push(GpuRow {
                who: row.get(0)?,
                gpu: row.get(1)?,
                name: row.get(2)?,
                window_s: row.get(3)?,
                busy_s: (busy_windows > 0).then_some(busy),
                held_idle_s: (idle_windows > 0).then_some(idle),
                memory_peak: count(row, 8)?,
            });
        }
        let mut failures = Vec::new();
        let mut select = self.db.prepare(
            "SELECT who, gpu, class, sum(failures), sum(requested_bytes) FROM gpu_failure_hour \
             WHERE hour >= ? AND hour < ? GROUP BY gpu, who, class",
        )?;
        let mut rows = select.query(bounds(hours))?;
        while let Some(row) = rows.next()? {
            failures.push(GpuFailureRow {
                who: row.get(0)?,
                gpu: row.get(1)?,
                class: row.get(2)?,
                failures: count(row, 3)?,
                requested_bytes: count(row, 4)?,
            });
        }
        Ok((usage, failures))
    }
}
