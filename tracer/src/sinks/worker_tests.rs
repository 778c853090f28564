//! Every event is written, or counted: whatever a sink does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::event::BootTime;
use crate::record::{Heartbeat, Record};
use crate::telemetry::Books;

fn event(seq: u64) -> Arc<Event> {
    let heartbeat = Heartbeat { at: BootTime(seq), uptime_s: 0.0, books: Books::default() };
    Arc::new(Event {
        record: Record::Heartbeat(Box::new(heartbeat)),
        name: "heartbeat",
        id: seq.to_string(),
        seq,
        unix_ns: seq,
        line: format!("{seq}\n").into(),
    })
}

/// Remembers what it was given; its switches make it refuse.
#[derive(Clone, Default)]
struct Probe {
    seen: Arc<Mutex<Vec<u64>>>,
    refuse: Arc<AtomicBool>,
    closed: bool,
}

impl Sink for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }
    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        if self.closed {
            return Err(SinkError::Closed);
        }
        if self.refuse.load(Ordering::Relaxed) {
            return Err(io::Error::other("not now").into());
        }
        self.seen.lock().unwrap().push(event.seq);
        Ok(())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

fn outlet(probe: &Probe, events: usize, when_full: WhenFull) -> Outlet {
    Outlet::new(probe.clone(), Limits { events, when_full, ..Limits::default() })
}

fn run(probe: &Probe, events: usize, when_full: WhenFull, count: u64) -> StageBooks {
    let mut fanout = Fanout::start(vec![outlet(probe, events, when_full)]).unwrap();
    for seq in 1..=count {
        fanout.send(&event(seq)).unwrap();
    }
    probe.refuse.store(false, Ordering::Relaxed);
    let queue = Arc::clone(&fanout.ports[0].queue);
    fanout.finish(Duration::from_secs(10)).unwrap();
    let books = queue.counters.books();
    assert!(books.is_closed() && books.in_flight == 0, "{books:?}");
    assert_eq!(books.received, count);
    assert_eq!(books.emitted, probe.seen.lock().unwrap().len() as u64);
    books
}

#[test]
fn a_sink_that_blocks_gets_everything_in_order() {
    let probe = Probe::default();
    let books = run(&probe, 2, WhenFull::Block, 1000);
    assert_eq!(books.emitted, 1000);
    assert_eq!(*probe.seen.lock().unwrap(), (1..=1000).collect::<Vec<_>>());
}

#[test]
fn the_newest_are_dropped_or_the_oldest_and_counted() {
    for (when_full, last_survives) in [(WhenFull::DropNewest, false), (WhenFull::DropOldest, true)]
    {
        let probe = Probe { refuse: Arc::new(AtomicBool::new(true)), ..Probe::default() };
        let books = run(&probe, 4, when_full, BATCH as u64 * 3);
        let seen = probe.seen.lock().unwrap();
        assert!(books.dropped["queue_full"] >= 100, "{books:?}");
        assert_eq!(seen.contains(&(BATCH as u64 * 3)), last_survives);
        assert!(seen.is_sorted());
    }
}

#[test]
fn what_a_sink_never_takes_is_unsent() {
    let probe = Probe { refuse: Arc::new(AtomicBool::new(true)), ..Probe::default() };
    let mut fanout = Fanout::start(vec![outlet(&probe, 100, WhenFull::Block)]).unwrap();
    for seq in 1..=10 {
        fanout.send(&event(seq)).unwrap();
    }
    let queue = Arc::clone(&fanout.ports[0].queue);
    fanout.finish(Duration::from_secs(10)).unwrap();
    let books = queue.counters.books();
    assert_eq!((books.emitted, books.dropped["unsent"], books.in_flight), (0, 10, 0));
    assert!(queue.counters.errors.get() >= 1);
}

#[test]
fn only_a_vital_sink_ends_the_run() {
    for vital in [false, true] {
        let probe = Probe { closed: true, ..Probe::default() };
        let mut fanout =
            Fanout::start(vec![Outlet { vital, ..outlet(&probe, 1, WhenFull::Block) }]).unwrap();
        let ended = (1..=10_000).any(|seq| fanout.send(&event(seq)).is_err());
        assert_eq!(ended, vital);
        let queue = Arc::clone(&fanout.ports[0].queue);
        fanout.finish(Duration::from_secs(10)).unwrap();
        assert!(queue.counters.books().is_closed());
    }
}

#[test]
fn one_sink_that_hangs_holds_up_no_other() {
    struct Hangs;
    impl Sink for Hangs {
        fn name(&self) -> &'static str {
            "hangs"
        }
        fn write(&mut self, _: &Event) -> Result<(), SinkError> {
            thread::sleep(Duration::from_millis(300));
            Ok(())
        }
        fn flush(&mut self) -> Result<(), SinkError> {
            Ok(())
        }
    }
    let probe = Probe::default();
    let limits = Limits { events: 2, ..Limits::default() };
    let outlets = vec![Outlet::new(Hangs, limits), outlet(&probe, 5000, WhenFull::DropNewest)];
    let mut fanout = Fanout::start(outlets).unwrap();
    for seq in 1..=1000 {
        fanout.send(&event(seq)).unwrap();
    }
    assert!(fanout.books()["hangs"].dropped["queue_full"] > 900);
    fanout.finish(Duration::from_millis(1)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while probe.seen.lock().unwrap().len() < 1000 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(probe.seen.lock().unwrap().len(), 1000);
}
