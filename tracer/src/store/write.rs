//! The writer: events in, one transaction a batch.

use std::path::Path;

use rusqlite::{Connection, Transaction, params};

use super::Limits;
use super::identity::Identities;
use super::open::{self, OpenError, Opened};
use super::retain::{Retained, retain};
use super::rollup::{CallKey, Rollup, hour, int};
use crate::reader::{CallEvent, Event, parse_rfc3339};

/// Batches between two looks at what is past its time.
const RETAIN_EVERY: u64 = 60;

/// The books of the history: `received = written + dropped + waiting`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub received: u64,
    pub written: u64,
    /// The batch could not be written (disk full, file damaged): its events are in the other sinks only.
    pub dropped_write: u64,
    /// Their time could not be read.
    pub dropped_time: u64,
    /// Single calls let go by age, and by the size of the file.
    pub expired: u64,
    pub evicted: u64,
}

#[derive(Debug)]
pub struct History {
    db: Connection,
    limits: Limits,
    identities: Identities,
    waiting: Vec<(u64, Event)>,
    run: i64,
    last_seq: u64,
    batches: u64,
    counts: Counts,
}

impl History {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// [`OpenError`], which names the file and the way out.
    pub fn open(path: &Path, limits: Limits, now_ns: u64) -> Result<(Self, Opened), OpenError> {
        let (db, opened) = open::for_writing(path, now_ns)?;
        let failed = |source: rusqlite::Error| OpenError::Schema {
            path: path.to_owned(),
            source: source.into(),
        };
        db.execute(
            "INSERT INTO run (started, written, last_seq, clean) VALUES (?1, ?1, 0, 0)",
            [int(now_ns)],
        )
        .map_err(failed)?;
        let run = db.last_insert_rowid();
        let history = Self {
            db,
            limits,
            identities: Identities::default(),
            waiting: Vec::new(),
            run,
            last_seq: 0,
            batches: 0,
            counts: Counts::default(),
        };
        Ok((history, opened))
    }

    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes an event; kinds without history are passed over. True: the batch is full, write it.
    pub fn push(&mut self, event: Event) -> bool {
        let timestamp = match &event {
            Event::Call(call) => &call.timestamp,
            Event::GpuUsage(usage) => &usage.timestamp,
            Event::GpuFailure(failure) => &failure.timestamp,
            Event::Heartbeat(_) | Event::Progress(_) | Event::Other(_) => return false,
        };
        self.counts.received += 1;
        match parse_rfc3339(timestamp) {
            Some(ns) => self.waiting.push((ns, event)),
            None => self.counts.dropped_time += 1,
        }
        self.waiting.len() >= self.limits.batch
    }

    /// Writes the batch. After an error its events are counted as dropped and the next batch is tried.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn write(&mut self, now_ns: u64) -> rusqlite::Result<()> {
        if !self.waiting.is_empty() {
            let batch = std::mem::take(&mut self.waiting);
            let written = self.write_batch(&batch, now_ns);
            match written {
                Ok(()) => self.counts.written += batch.len() as u64,
                Err(error) => {
                    self.counts.dropped_write += batch.len() as u64;
                    self.identities.forget();
                    return Err(error);
                }
            }
            self.waiting = batch;
            self.waiting.clear();
        }
        self.batches += 1;
        if self.batches % RETAIN_EVERY == 1 {
            self.retain(now_ns)?;
        }
        Ok(())
    }

    /// Lets go what is past its time.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn retain(&mut self, now_ns: u64) -> rusqlite::Result<()> {
        loop {
            let Retained { expired, evicted, more } = retain(&self.db, &self.limits, now_ns)?;
            self.counts.expired += expired;
            self.counts.evicted += evicted;
            if !more {
                return Ok(());
            }
        }
    }

    /// The last batch, and the mark that this run ended by itself.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn close(mut self, now_ns: u64) -> rusqlite::Result<Counts> {
        self.write(now_ns)?;
        self.db.execute("UPDATE run SET clean = 1 WHERE id = ?", [self.run])?;
        Ok(self.counts)
    }

    fn write_batch(&mut self, batch: &[(u64, Event)], now_ns: u64) -> rusqlite::Result<()> {
        let transaction = self.db.transaction()?;
        let mut rollup = Rollup::default();
        for (ns, event) in batch {
            match event {
                Event::Call(call) => {
                    let who = self.identities.owner(&transaction, &call.who)?;
                    let model = self.identities.model(&transaction, call)?;
                    store_call(&transaction, *ns, who, model, call)?;
                    self.last_seq = self.last_seq.max(call.seq);
                    if call.is_counted() {
                        let key = call.key.clone().unwrap_or_default();
                        let class = call.failure_class.clone().unwrap_or_default();
                        rollup.call(CallKey { hour: hour(*ns), who, model, key, class }, call);
                    }
                }
                Event::GpuUsage(usage) => {
                    let who = self.identities.owner(&transaction, &usage.who)?;
                    rollup.gpu(hour(*ns), who, usage);
                }
                Event::GpuFailure(failure) => {
                    let who = self.identities.owner(&transaction, &failure.who)?;
                    rollup.gpu_failure(hour(*ns), who, failure);
                }
                Event::Heartbeat(_) | Event::Progress(_) | Event::Other(_) => {}
            }
        }
        rollup.store(&transaction)?;
        transaction
            .prepare_cached("UPDATE run SET written = ?, last_seq = ? WHERE id = ?")?
            .execute(params![int(now_ns), int(self.last_seq), self.run])?;
        transaction.commit()
    }
}

fn store_call(
    db: &Transaction<'_>,
    ns: u64,
    who: i64,
    model: i64,
    call: &CallEvent,
) -> rusqlite::Result<()> {
    // Lists as JSON, so that SQLite's json_each reads them.
    let list = |list: &[String]| (!list.is_empty()).then(|| serde_json::json!(list).to_string());
    let count = |value: Option<u64>| value.map(int);
    db.prepare_cached(
        "INSERT INTO call VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
         ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        int(ns),
        call.id,
        who,
        model,
        call.who.pid,
        call.key,
        call.is_counted(),
        call.stream,
        count(call.input_tokens),
        count(call.output_tokens),
        count(call.cache_read),
        count(call.cache_write),
        count(call.reasoning),
        call.usage_complete,
        call.cost_usd,
        call.duration_s,
        call.time_to_first_chunk,
        count(call.max_tokens),
        list(&call.finish_reasons),
        call.status,
        call.failure_class,
        call.failure_capacity,
        call.error_type,
        call.retry_after_s,
        call.session,
        count(call.turn),
        call.retry_of,
        call.retry_attempt,
        call.retry_honoured,
        call.duplicate_of,
        call.prefix,
        list(&call.tools_called),
        count(call.requests_limit),
        count(call.requests_remaining),
        count(call.tokens_limit),
        count(call.tokens_remaining),
    ])?;
    Ok(())
}
