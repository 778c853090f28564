use std::path::Path;

use rusqlite::Connection;

use super::*;
use crate::reader::{CallEvent, Event};
use crate::sinks::clock::format_rfc3339;

/// 2026-11-01T00:00:00Z
const START: u64 = 1_793_491_200 * NS;

fn call(at: u64, workload: &str, output: u64) -> CallEvent {
    let mut call = CallEvent {
        timestamp: format_rfc3339(at),
        id: format!("{at}"),
        seq: 1 + (at - START) / NS,
        operation: "chat".into(),
        provider: "openai".into(),
        request_model: Some("gpt-4o".into()),
        input_tokens: Some(10),
        output_tokens: Some(output),
        usage_complete: true,
        cost_usd: Some(0.001),
        duration_s: 0.1 + output as f64 / 1000.0,
        role: "client".into(),
        ..CallEvent::default()
    };
    call.who.workload = Some(workload.into());
    call
}

fn push(history: &mut History, call: CallEvent) {
    if history.push(Event::Call(Box::new(call))) {
        history.write(START).unwrap();
    }
}

fn number(path: &Path, sql: &str) -> i64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn calls_are_kept_single_and_by_the_hour() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let (mut history, opened) = History::open(&path, Limits::default(), START).unwrap();
    assert_eq!(opened, Opened::default());
    for second in 0..7200 {
        push(&mut history, call(START + second * NS, "search", second % 100));
    }
    let mut server = call(START, "vllm", 5);
    server.role = "server".into();
    push(&mut history, server);
    let counts = history.close(START + 7200 * NS).unwrap();
    assert_eq!((counts.received, counts.written), (7201, 7201));
    assert_eq!(number(&path, "SELECT count(*) FROM call"), 7201);
    assert_eq!(
        number(&path, "SELECT count(*) FROM call_hour"),
        2,
        "the server's end is not counted"
    );
    assert_eq!(number(&path, "SELECT sum(calls) FROM call_hour"), 7200);
    assert_eq!(number(&path, "SELECT sum(output) FROM call_hour"), (0..100).sum::<i64>() * 72);
    let mut durations = sketch::Sketch::default();
    let db = Connection::open(&path).unwrap();
    let mut rows = db.prepare("SELECT duration FROM call_hour").unwrap();
    for bytes in rows.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap() {
        durations.merge(&sketch::Sketch::from_bytes(&bytes.unwrap()).unwrap());
    }
    assert_eq!(durations.count(), 7200);
    let median = durations.quantile(0.5).unwrap();
    assert!((median - 0.15).abs() < 0.0015, "{median}");
}

#[test]
fn a_run_that_died_is_told_and_one_that_ended_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let (mut history, _) = History::open(&path, Limits::default(), START).unwrap();
    push(&mut history, call(START + 41 * NS, "a", 1));
    history.write(START + 42 * NS).unwrap();
    push(&mut history, call(START + 43 * NS, "a", 1));
    drop(history);
    let (history, opened) = History::open(&path, Limits::default(), START + 60 * NS).unwrap();
    let unclean = opened.unclean.unwrap();
    assert_eq!((unclean.written, unclean.last_seq), (START + 42 * NS, 42));
    assert_eq!(number(&path, "SELECT count(*) FROM call"), 1);
    history.close(START + 61 * NS).unwrap();
    let (_history, opened) = History::open(&path, Limits::default(), START + 62 * NS).unwrap();
    assert_eq!(opened.unclean, None);
}

#[test]
fn a_damaged_file_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    std::fs::write(&path, vec![0x5a; 8192]).unwrap();
    let (mut history, opened) = History::open(&path, Limits::default(), START).unwrap();
    let aside = opened.set_aside.unwrap();
    assert_eq!(std::fs::read(&aside).unwrap(), vec![0x5a; 8192]);
    push(&mut history, call(START, "a", 1));
    assert_eq!(history.close(START).unwrap().written, 1);
}

#[test]
fn damage_inside_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let (mut history, _) = History::open(&path, Limits::default(), START).unwrap();
    for second in 0..500 {
        push(&mut history, call(START + second * NS, &format!("w{}", second % 7), 3));
    }
    history.close(START).unwrap();
    Connection::open(&path).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 61) {
        let mut damaged = whole.clone();
        for byte in damaged.iter_mut().skip(at).take(64) {
            *byte ^= 0xa5;
        }
        let copy = folder.path().join(format!("copy-{at}.db"));
        std::fs::write(&copy, damaged).unwrap();
        // A refusal is as good as a new file; what counts is that nothing else happens.
        if let Ok((mut history, _)) = History::open(&copy, Limits::default(), START) {
            push(&mut history, call(START + NS, "w1", 3));
            let _written = history.close(START + NS);
        }
    }
}

#[test]
fn another_programs_file_and_a_later_builds_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign)
        .unwrap()
        .execute_batch("PRAGMA application_id = 7; CREATE TABLE t (x)")
        .unwrap();
    let error = History::open(&foreign, Limits::default(), START).unwrap_err();
    assert!(error.to_string().contains("another program"), "{error}");

    let later = folder.path().join("later.db");
    History::open(&later, Limits::default(), START).unwrap();
    Connection::open(&later).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let error = History::open(&later, Limits::default(), START).unwrap_err();
    assert!(error.to_string().contains("99"), "{error}");
}

#[test]
fn old_calls_go_and_their_hours_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let (mut history, _) = History::open(&path, Limits::default(), START).unwrap();
    for hour in 0..(10 * 24) {
        push(&mut history, call(START + hour * HOUR_NS, "a", 1));
    }
    let end = START + 10 * 24 * HOUR_NS;
    history.write(end).unwrap();
    history.retain(end).unwrap();
    assert_eq!(number(&path, "SELECT count(*) FROM call"), 7 * 24);
    assert_eq!(number(&path, "SELECT sum(calls) FROM call_hour"), 10 * 24);
    assert_eq!(history.counts().expired, 3 * 24);
    history.retain(end + Limits::default().rollup_retention.as_secs() * NS).unwrap();
    assert_eq!(number(&path, "SELECT count(*) FROM call_hour"), 0);
}

#[test]
fn a_full_file_lets_the_oldest_go_and_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let limits = Limits { size: 4 << 20, ..Limits::default() };
    let (mut history, _) = History::open(&path, limits, START).unwrap();
    for second in 0..60_000 {
        push(&mut history, call(START + second * NS, "a", 1));
    }
    history.write(START).unwrap();
    history.retain(START + 60_000 * NS).unwrap();
    let evicted = history.counts().evicted;
    assert!(evicted > 0);
    let left = number(&path, "SELECT count(*) FROM call");
    assert_eq!(left as u64 + evicted, 60_000);
    assert_eq!(number(&path, "SELECT min(ts) FROM call") as u64, START + evicted * NS);
    assert_eq!(number(&path, "SELECT sum(calls) FROM call_hour"), 60_000);
    let db = Connection::open(&path).unwrap();
    assert!(retain::used_bytes(&db).unwrap() <= 4 << 20);
}

#[test]
fn a_batch_that_cannot_be_written_is_counted_and_the_next_one_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let (mut history, _) = History::open(&path, Limits::default(), START).unwrap();
    // As a full disk does: no page more.
    let db = Connection::open(&path).unwrap();
    db.execute_batch("BEGIN EXCLUSIVE").unwrap();
    push(&mut history, call(START, "a", 1));
    assert!(history.write(START).is_err());
    assert_eq!((history.counts().written, history.counts().dropped_write), (0, 1));
    db.execute_batch("ROLLBACK").unwrap();
    push(&mut history, call(START, "a", 1));
    history.write(START).unwrap();
    assert_eq!(history.counts().written, 1);
}
