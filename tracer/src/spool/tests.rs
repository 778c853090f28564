//! A model of the disk that crashes at any system call, and a spool that must not mind.
//!
//! A crash keeps what was done before it; a power cut also loses a part of what was not yet synced.
//! Names (made, renamed, removed) survive in the order in which they were changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::*;

#[derive(Clone, Default)]
struct Contents {
    bytes: Vec<u8>,
    synced: usize,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Contents>,
    /// System calls until the crash.
    left: Option<u32>,
    /// Every append fails after so many bytes.
    room: Option<usize>,
    random: u64,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<State>>);

fn step(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

impl State {
    /// Counts a system call; `Err` when the machine is down.
    fn call(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::other("crashed")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn dies_now(&self) -> bool {
        self.left == Some(0)
    }
}

impl Disk for Fake {
    fn list(&mut self) -> io::Result<Vec<String>> {
        let mut state = self.0.lock().unwrap();
        state.call()?;
        Ok(state.files.keys().cloned().collect())
    }
    fn read(&mut self, name: &str, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut state = self.0.lock().unwrap();
        state.call()?;
        let file = state.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        let start = (offset as usize).min(file.bytes.len());
        Ok(file.bytes[start..(start.saturating_add(most)).min(file.bytes.len())].to_vec())
    }
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.call()?;
        let mut fits = bytes.len();
        if state.dies_now() {
            fits = step(&mut state.random) as usize % (bytes.len() + 1);
        }
        if let Some(room) = state.room {
            fits = fits.min(room);
            state.room = Some(room - fits);
        }
        let file = state.files.entry(name.to_owned()).or_default();
        file.bytes.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.call()?;
        let file = state.files.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        file.bytes.truncate(len as usize);
        file.synced = file.synced.min(file.bytes.len());
        Ok(())
    }
    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.call()?;
        let file = state.files.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        file.synced = file.bytes.len();
        Ok(())
    }
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.call()?;
        let file = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), file);
        Ok(())
    }
    fn remove(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.call()?;
        state.files.remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Fake {
    /// The machine comes back; a power cut has taken a part of what was not synced.
    fn restart(&self, power_cut: bool) {
        let mut state = self.0.lock().unwrap();
        state.left = None;
        state.room = None;
        let mut random = state.random;
        for file in state.files.values_mut().filter(|_| power_cut) {
            let loose = file.bytes.len() - file.synced;
            let kept = file.synced + step(&mut random) as usize % (loose + 1);
            file.bytes.truncate(kept);
        }
        state.random = random;
    }
}

fn small(when_full: WhenFull, fsync: Fsync) -> Options {
    Options { max_bytes: 2000, segment_bytes: 300, when_full, fsync }
}

fn drain(spool: &mut Spool<Fake>) -> Vec<u64> {
    spool.rewind();
    let mut seen = Vec::new();
    loop {
        let batch = spool.next_batch(7, 200).unwrap();
        if batch.payloads.is_empty() {
            return seen;
        }
        seen.extend(batch.payloads.iter().map(|p| number(p)));
        spool.acknowledge(&batch, batch.payloads.len() as u64).unwrap();
    }
}

fn number(payload: &[u8]) -> u64 {
    let text = std::str::from_utf8(payload).unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

fn closes(spool: &Spool<Fake>) {
    let counts = spool.counts();
    let gone = counts.acknowledged + counts.dropped + counts.damaged;
    let held = spool.waiting() + spool.pending_records;
    assert_eq!(counts.restored + counts.appended, gone + held, "{counts:?} {held}");
}

/// One random life, a crash somewhere in it, and the life after.
fn crash_once(seed: u64) {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    step(&mut random);
    let fsync = [Fsync::Always, Fsync::Segment, Fsync::Never][step(&mut random) as usize % 3];
    let when_full = [WhenFull::Block, WhenFull::DropNewest, WhenFull::DropOldest]
        [step(&mut random) as usize % 3];
    let options = small(when_full, fsync);
    let disk = Fake::default();
    {
        let mut state = disk.0.lock().unwrap();
        state.random = random;
        state.left = Some((step(&mut random) % 120) as u32);
    }
    // Only with Always is a power cut survived.
    let power_cut = fsync == Fsync::Always && step(&mut random).is_multiple_of(2);
    let (mut safe, mut arrived) = (BTreeSet::new(), BTreeSet::new());
    let mut last = 0;
    let mut lost = 0;
    let life =
        |safe: &mut BTreeSet<u64>, arrived: &mut BTreeSet<u64>, last: &mut u64, lost: &mut u64| {
            let mut spool = Spool::open(disk.clone(), options)?;
            let mut random = random;
            let mut uncommitted = Vec::new();
            for _ in 0..40 {
                match step(&mut random) % 8 {
                    0..=3 => {
                        *last += 1;
                        let filler = "x".repeat(step(&mut random) as usize % 90);
                        if spool.append(format!("{last} {filler}").as_bytes())? {
                            uncommitted.push(*last);
                        }
                    }
                    4 | 5 => {
                        if step(&mut random).is_multiple_of(4) {
                            disk.0.lock().unwrap().room = Some(step(&mut random) as usize % 200);
                        }
                        let result = spool.commit();
                        disk.0.lock().unwrap().room = None;
                        if result.is_ok() {
                            safe.extend(uncommitted.drain(..));
                        } else if disk.0.lock().unwrap().dies_now() {
                            result?;
                        }
                    }
                    6 => {
                        let batch = spool.next_batch(5, 150)?;
                        let count = batch.payloads.len() as u64;
                        arrived.extend(batch.payloads.iter().map(|p| number(p)));
                        spool.acknowledge(&batch, count)?;
                    }
                    _ => {
                        spool.next_batch(3, 100)?;
                        spool.rewind();
                    }
                }
                assert_eq!(spool.counts().damaged, 0);
                *lost = spool.counts().dropped;
                closes(&spool);
            }
            io::Result::Ok(())
        };
    let _crashed = life(&mut safe, &mut arrived, &mut last, &mut lost);
    disk.restart(power_cut);
    let mut spool = Spool::open(disk, options).unwrap();
    let seen = drain(&mut spool);
    closes(&spool);
    assert_eq!(spool.waiting(), 0);
    assert!(seen.iter().all(|n| (1..=last).contains(n)), "never written: {seen:?} {last}");
    assert!(seen.is_sorted(), "{seen:?}");
    arrived.extend(seen);
    let missing = safe.difference(&arrived).count() as u64;
    // A crash amid dropping the oldest drops at most the one segment that was being counted.
    let most = if when_full == WhenFull::DropOldest { lost + 20 } else { lost };
    assert!(missing <= most, "seed {seed}: {missing} of {} gone, {lost} counted", safe.len());
    // And it goes on.
    assert!(spool.append(b"99999 after").unwrap());
    spool.commit().unwrap();
    assert_eq!(drain(&mut spool), [99999]);
}

#[test]
fn a_crash_at_any_system_call_loses_nothing_that_was_safe() {
    // Everywhere some, all of them where time is not a person's.
    let seeds = if std::env::var_os("CI").is_some() { 100_000 } else { 10_000 };
    for seed in 0..seeds {
        crash_once(seed);
    }
}

#[test]
fn a_flipped_byte_costs_one_record_and_is_counted() {
    let disk = Fake::default();
    let options = small(WhenFull::Block, Fsync::Never);
    let mut spool = Spool::open(disk.clone(), options).unwrap();
    for n in 1..=20 {
        assert!(spool.append(format!("{n} {}", "y".repeat(n % 7)).as_bytes()).unwrap());
        spool.commit().unwrap();
    }
    drop(spool);
    let names: Vec<String> = disk.0.lock().unwrap().files.keys().cloned().collect();
    for name in names {
        let len = disk.0.lock().unwrap().files[&name].bytes.len();
        for at in 0..len {
            let damaged = Fake::default();
            let files = disk.0.lock().unwrap().files.clone();
            damaged.0.lock().unwrap().files = files;
            damaged.0.lock().unwrap().files.get_mut(&name).unwrap().bytes[at] ^= 0x41;
            let mut spool = Spool::open(damaged, options).unwrap();
            let seen = drain(&mut spool);
            closes(&spool);
            assert!(seen.len() >= 19, "{name} byte {at}: {seen:?}");
        }
    }
}

#[test]
fn the_cap_holds_and_each_policy_counts() {
    for when_full in [WhenFull::Block, WhenFull::DropNewest, WhenFull::DropOldest] {
        let mut spool = Spool::open(Fake::default(), small(when_full, Fsync::Never)).unwrap();
        let mut refused = 0;
        for n in 1..=200_u64 {
            if !spool.append(format!("{n} {}", "z".repeat(40)).as_bytes()).unwrap() {
                refused += 1;
            }
            spool.commit().unwrap();
            assert!(spool.bytes() <= 2000);
        }
        closes(&spool);
        let counts = spool.counts();
        let seen = drain(&mut spool);
        assert_eq!(seen.len() as u64, counts.appended - counts.dropped);
        assert_eq!(refused > 0, when_full == WhenFull::Block);
        assert_eq!(seen.last() == Some(&200), when_full == WhenFull::DropOldest);
        assert_eq!(spool.counts().damaged, 0);
    }
}

#[test]
fn a_real_directory_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let disk = Directory::open(folder.path().join("spool")).unwrap();
        Spool::open(disk, small(WhenFull::Block, Fsync::Always)).unwrap()
    };
    let mut spool = open();
    for n in 1..=12 {
        assert!(spool.append(format!("{n} a").as_bytes()).unwrap());
    }
    spool.commit().unwrap();
    let batch = spool.next_batch(5, 1000).unwrap();
    assert_eq!(batch.payloads.len(), 5);
    spool.acknowledge(&batch, 5).unwrap();
    drop(spool);
    let mut spool = open();
    assert_eq!((spool.waiting(), spool.counts().restored), (7, 7));
    let batch = spool.next_batch(100, 1000).unwrap();
    assert_eq!(batch.payloads[0], b"6 a");
}
