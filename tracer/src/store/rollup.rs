//! Hours [pure but for `store`]: calls and GPU windows added up before they meet the file.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::HOUR_NS;
use super::sketch::Sketch;
use crate::reader::{CallEvent, GpuFailureEvent, GpuUsageEvent};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CallKey {
    pub hour: u64,
    pub who: i64,
    pub model: i64,
    pub key: String,
    pub class: String,
}

#[derive(Clone, Debug, Default)]
pub(super) struct CallSums {
    calls: u64,
    incomplete: u64,
    capacity: u64,
    streams: u64,
    retries: u64,
    duplicates: u64,
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    reasoning: u64,
    with_usage: u64,
    cost: f64,
    priced: u64,
    seconds: f64,
    duration: Sketch,
    ttfc: Sketch,
}

impl CallSums {
    fn add(&mut self, call: &CallEvent) {
        let has_usage = call.input_tokens.is_some() || call.output_tokens.is_some();
        self.calls += 1;
        self.incomplete += u64::from(!call.usage_complete);
        self.capacity += u64::from(call.failure_capacity);
        self.streams += u64::from(call.stream);
        self.retries += u64::from(call.retry_of.is_some());
        self.duplicates += u64::from(call.duplicate_of.is_some());
        self.input = self.input.saturating_add(call.input_tokens.unwrap_or(0));
        self.output = self.output.saturating_add(call.output_tokens.unwrap_or(0));
        self.cache_read = self.cache_read.saturating_add(call.cache_read.unwrap_or(0));
        self.cache_write = self.cache_write.saturating_add(call.cache_write.unwrap_or(0));
        self.reasoning = self.reasoning.saturating_add(call.reasoning.unwrap_or(0));
        self.with_usage += u64::from(has_usage);
        self.cost += call.cost_usd.unwrap_or(0.0);
        self.priced += u64::from(call.cost_usd.is_some());
        self.seconds += call.duration_s;
        self.duration.add(call.duration_s);
        if let Some(ttfc) = call.time_to_first_chunk {
            self.ttfc.add(ttfc);
        }
    }
}

#[derive(Clone, Debug, Default)]
struct GpuSums {
    name: Option<String>,
    windows: u64,
    window_s: f64,
    busy_s: f64,
    busy_windows: u64,
    held_idle_s: f64,
    idle_windows: u64,
    memory_peak: u64,
}

/// What one batch adds to the hours.
#[derive(Debug, Default)]
pub(super) struct Rollup {
    calls: BTreeMap<CallKey, CallSums>,
    gpus: BTreeMap<(u64, i64, String), GpuSums>,
    failures: BTreeMap<(u64, i64, String, String), (u64, u64)>,
}

pub(super) const fn hour(ns: u64) -> u64 {
    ns / HOUR_NS
}

/// SQLite's integers are signed.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Rollup {
    pub(super) fn call(&mut self, key: CallKey, call: &CallEvent) {
        self.calls.entry(key).or_default().add(call);
    }

    pub(super) fn gpu(&mut self, hour: u64, who: i64, usage: &GpuUsageEvent) {
        let gpu = usage.gpu.clone().unwrap_or_default();
        let sums = self.gpus.entry((hour, who, gpu)).or_default();
        sums.name = usage.name.clone().or(sums.name.take());
        sums.windows += 1;
        sums.window_s += usage.window_s.unwrap_or(0.0);
        sums.busy_s += usage.busy_s.unwrap_or(0.0);
        sums.busy_windows += u64::from(usage.busy_s.is_some());
        sums.held_idle_s += usage.held_idle_s.unwrap_or(0.0);
        sums.idle_windows += u64::from(usage.held_idle_s.is_some());
        sums.memory_peak = sums.memory_peak.max(usage.memory_used.unwrap_or(0));
    }

    pub(super) fn gpu_failure(&mut self, hour: u64, who: i64, failure: &GpuFailureEvent) {
        let key = (hour, who, failure.gpu.clone().unwrap_or_default(), failure.class.clone());
        let sums = self.failures.entry(key).or_default();
        sums.0 += 1;
        sums.1 = sums.1.saturating_add(failure.requested_bytes.unwrap_or(0));
    }

    pub(super) fn store(&self, db: &Transaction<'_>) -> rusqlite::Result<()> {
        for (key, sums) in &self.calls {
            store_calls(db, key, sums)?;
        }
        for ((hour, who, gpu), sums) in &self.gpus {
            db.prepare_cached(
                "INSERT INTO gpu_hour VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
                 ON CONFLICT (hour, who, gpu) DO UPDATE SET name = coalesce(excluded.name, name), \
                 windows = windows + excluded.windows, window_s = window_s + excluded.window_s, \
                 busy_s = busy_s + excluded.busy_s, busy_windows = busy_windows + excluded.busy_windows, \
                 held_idle_s = held_idle_s + excluded.held_idle_s, \
                 idle_windows = idle_windows + excluded.idle_windows, \
                 memory_peak = max(memory_peak, excluded.memory_peak)",
            )?
            .execute(params![
                int(*hour),
                who,
                gpu,
                sums.name,
                int(sums.windows),
                sums.window_s,
                sums.busy_s,
                int(sums.busy_windows),
                sums.held_idle_s,
                int(sums.idle_windows),
                int(sums.memory_peak),
            ])?;
        }
        for ((hour, who, gpu, class), (count, bytes)) in &self.failures {
            db.prepare_cached(
                "INSERT INTO gpu_failure_hour VALUES (?, ?, ?, ?, ?, ?) \
                 ON CONFLICT (hour, who, gpu, class) DO UPDATE SET \
                 failures = failures + excluded.failures, \
                 requested_bytes = requested_bytes + excluded.requested_bytes",
            )?
            .execute(params![
                int(*hour),
                who,
                gpu,
                class,
                int(*count),
                int(*bytes)
            ])?;
        }
        Ok(())
    }
}

fn store_calls(db: &Transaction<'_>, key: &CallKey, sums: &CallSums) -> rusqlite::Result<()> {
    let place = params![int(key.hour), key.who, key.model, key.key, key.class];
    let stored: Option<(Vec<u8>, Vec<u8>)> = db
        .prepare_cached(
            "SELECT duration, ttfc FROM call_hour \
             WHERE hour = ? AND who = ? AND model = ? AND key = ? AND class = ?",
        )?
        .query_row(place, |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (mut duration, mut ttfc) = (sums.duration.clone(), sums.ttfc.clone());
    if let Some((stored_duration, stored_ttfc)) = stored {
        for (sketch, bytes) in [(&mut duration, stored_duration), (&mut ttfc, stored_ttfc)] {
            // Bytes that are no sketch: the file is damaged in a way SQLite cannot see.
            sketch.merge(&Sketch::from_bytes(&bytes).ok_or(rusqlite::Error::InvalidQuery)?);
        }
    }
    db.prepare_cached(
        "INSERT INTO call_hour VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (hour, who, model, key, class) DO UPDATE SET \
         calls = calls + excluded.calls, incomplete = incomplete + excluded.incomplete, \
         capacity = capacity + excluded.capacity, streams = streams + excluded.streams, \
         retries = retries + excluded.retries, duplicates = duplicates + excluded.duplicates, \
         input = input + excluded.input, output = output + excluded.output, \
         cache_read = cache_read + excluded.cache_read, \
         cache_write = cache_write + excluded.cache_write, \
         reasoning = reasoning + excluded.reasoning, with_usage = with_usage + excluded.with_usage, \
         cost = cost + excluded.cost, priced = priced + excluded.priced, \
         seconds = seconds + excluded.seconds, duration = excluded.duration, ttfc = excluded.ttfc",
    )?
    .execute(params![
        int(key.hour),
        key.who,
        key.model,
        key.key,
        key.class,
        int(sums.calls),
        int(sums.incomplete),
        int(sums.capacity),
        int(sums.streams),
        int(sums.retries),
        int(sums.duplicates),
        int(sums.input),
        int(sums.output),
        int(sums.cache_read),
        int(sums.cache_write),
        int(sums.reasoning),
        int(sums.with_usage),
        sums.cost,
        int(sums.priced),
        sums.seconds,
        duration.to_bytes(),
        ttfc.to_bytes(),
    ])?;
    Ok(())
}
