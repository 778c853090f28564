//! Events on disk until a network sink's far side has them [edge].
//!
//! In: payloads. Out: the same, in order, again and again until acknowledged; across restarts. Disk
//! use stays within [`Options::max_bytes`]; what then does not fit is counted.
//!
//! ```text
//! 0000000000000001.seg  0000000000000002.seg ...   records (record.rs), oldest first
//! cursor                                           "segment offset\n": all before it is acknowledged
//! ```
//! A record is safe once [`Spool::commit`] has returned (with [`Fsync::Always`], from a power cut
//! too). A torn tail is cut off and counted when the spool is opened; damage is skipped and counted.

mod crc32c;
mod disk;
mod record;

use std::collections::VecDeque;
use std::io;

pub use self::disk::{Directory, Disk};
use self::record::{HEAD, MAX_PAYLOAD, Read};

const CURSOR: &str = "cursor";
const CURSOR_NEW: &str = "cursor.new";
const SUFFIX: &str = ".seg";

/// What happens when the spool has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// [`Spool::append`] says no until there is room.
    Block,
    DropNewest,
    #[default]
    DropOldest,
}

/// When contents are forced to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fsync {
    /// With every commit.
    Always,
    /// When a segment is full: a power cut costs at most one segment; a crash of the agent nothing.
    #[default]
    Segment,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    pub max_bytes: u64,
    pub segment_bytes: u64,
    pub when_full: WhenFull,
    pub fsync: Fsync,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_bytes: 512 << 20,
            segment_bytes: 16 << 20,
            when_full: WhenFull::default(),
            fsync: Fsync::default(),
        }
    }
}

/// Since the spool was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Found at opening, not yet acknowledged.
    pub restored: u64,
    pub appended: u64,
    pub acknowledged: u64,
    /// No room.
    pub dropped: u64,
    /// Lost to damage: as many ids as were missing.
    pub damaged: u64,
    pub torn_bytes: u64,
}

/// A place in the spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    segment: u64,
    offset: u64,
    /// Id of the next record.
    next: u64,
}

/// Records read together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub payloads: Vec<Vec<u8>>,
    /// Id that the first record has, if nothing is damaged.
    first: u64,
    end: Position,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    number: u64,
    bytes: u64,
    /// Id of its first record.
    first: u64,
}

#[derive(Debug)]
pub struct Spool<D> {
    disk: D,
    options: Options,
    segments: VecDeque<Segment>,
    /// Encoded, not yet committed.
    pending: Vec<u8>,
    pending_records: u64,
    /// Written, not yet forced to the disk as the policy wants.
    dirty: Option<String>,
    /// The last segment may end in half a record: nothing more goes into it.
    sealed: bool,
    next_id: u64,
    acknowledged: Position,
    read: Position,
    counts: Counts,
}

fn file(number: u64) -> String {
    format!("{number:016}{SUFFIX}")
}

impl<D: Disk> Spool<D> {
    /// Opens what is there, or begins.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open(mut disk: D, options: Options) -> io::Result<Self> {
        let names = disk.list()?;
        let mut numbers: Vec<u64> =
            names.iter().filter_map(|name| name.strip_suffix(SUFFIX)?.parse().ok()).collect();
        numbers.sort_unstable();
        let cursor = if names.iter().any(|name| name == CURSOR) {
            parse_cursor(&disk.read(CURSOR, 0, 128)?)
        } else {
            None
        };
        let mut spool = Self {
            disk,
            options,
            segments: VecDeque::new(),
            pending: Vec::new(),
            pending_records: 0,
            dirty: None,
            sealed: false,
            next_id: cursor.map_or(1, |c| c.next),
            acknowledged: cursor.unwrap_or(Position { next: 1, ..Position::default() }),
            read: Position::default(),
            counts: Counts::default(),
        };
        spool.scan(&numbers)?;
        spool.read = spool.acknowledged;
        Ok(spool)
    }

    /// Learns what the segments hold; cuts torn tails, removes what is acknowledged.
    fn scan(&mut self, numbers: &[u64]) -> io::Result<()> {
        let cursor = self.acknowledged;
        self.acknowledged.segment = cursor.segment.max(numbers.first().copied().unwrap_or(1));
        if self.acknowledged.segment != cursor.segment {
            self.acknowledged.offset = 0;
        }
        for number in numbers.iter().copied() {
            if number < cursor.segment {
                self.discard(number)?;
                continue;
            }
            let (mut first, mut offset) = (None, 0);
            let most = usize::try_from(self.options.segment_bytes * 2).unwrap_or(usize::MAX);
            let bytes = self.disk.read(&file(number), 0, most.max(64 << 20))?;
            loop {
                let rest = bytes.get(offset..).unwrap_or_default();
                match record::read(rest) {
                    Read::Record { id, len, .. } => {
                        self.next_id = self.next_id.max(id + 1);
                        first.get_or_insert(id);
                        offset += len;
                    }
                    Read::Damaged(len) => offset += len,
                    Read::Partial => {
                        self.counts.torn_bytes += rest.len() as u64;
                        self.disk.truncate(&file(number), offset as u64)?;
                        break;
                    }
                    Read::End => break,
                }
            }
            let first = first.unwrap_or(self.next_id);
            self.segments.push_back(Segment { number, bytes: offset as u64, first });
        }
        if let Some(oldest) = self.segments.front() {
            self.acknowledged.next = self.acknowledged.next.max(oldest.first);
        }
        self.counts.restored = self.waiting();
        // A cursor that points behind a tail that was torn off.
        if let Some(last) = self.segments.iter().find(|s| s.number == self.acknowledged.segment) {
            self.acknowledged.offset = self.acknowledged.offset.min(last.bytes);
        }
        Ok(())
    }

    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes on disk, and waiting for it.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.bytes).sum::<u64>() + self.pending.len() as u64
    }

    /// Records committed and not yet acknowledged.
    pub fn waiting(&self) -> u64 {
        self.next_id - self.pending_records - self.acknowledged.next.min(self.next_id)
    }

    /// Takes a payload, to be committed. `false`: no room and [`WhenFull::Block`]; nothing was taken.
    ///
    /// # Errors
    /// What the disk says while room is made.
    pub fn append(&mut self, payload: &[u8]) -> io::Result<bool> {
        let payload = &payload[..payload.len().min(MAX_PAYLOAD)];
        let size = (HEAD + payload.len()) as u64;
        while self.bytes() + size > self.options.max_bytes {
            match self.options.when_full {
                WhenFull::Block => return Ok(false),
                WhenFull::DropNewest => {
                    self.counts.appended += 1;
                    self.counts.dropped += 1;
                    return Ok(true);
                }
                WhenFull::DropOldest => {
                    if !self.drop_oldest()? {
                        // Only what is not yet committed is left.
                        self.counts.appended += 1;
                        self.counts.dropped += 1;
                        return Ok(true);
                    }
                }
            }
        }
        record::encode(&mut self.pending, self.next_id, payload);
        self.pending_records += 1;
        self.next_id += 1;
        self.counts.appended += 1;
        Ok(true)
    }

    /// Removes the oldest segment. `false`: there is none.
    fn drop_oldest(&mut self) -> io::Result<bool> {
        let Some(oldest) = self.segments.front().copied() else { return Ok(false) };
        let committed = self.next_id - self.pending_records;
        let next = self.segments.get(1).map_or(committed, |s| s.first);
        // The cursor first: a segment that is gone must not be asked for.
        let position = Position { segment: oldest.number + 1, offset: 0, next };
        self.write_cursor(position)?;
        self.discard(oldest.number)?;
        self.segments.pop_front();
        self.counts.dropped += next.saturating_sub(self.acknowledged.next.max(oldest.first));
        self.acknowledged = position;
        self.read = self.read.max(position);
        Ok(true)
    }

    /// Puts what was appended on disk. After an error nothing is lost: the next commit tries again.
    ///
    /// # Errors
    /// What the disk says: full, read-only, gone.
    pub fn commit(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.write_pending()?;
        }
        if self.options.fsync == Fsync::Always
            && let Some(name) = &self.dirty
        {
            self.disk.sync(name)?;
            self.dirty = None;
        }
        Ok(())
    }

    fn write_pending(&mut self) -> io::Result<()> {
        let last = self.segments.back().copied();
        if last.is_none_or(|last| self.sealed || last.bytes >= self.options.segment_bytes) {
            if let Some(name) = &self.dirty
                && self.options.fsync != Fsync::Never
            {
                self.disk.sync(name)?;
                self.dirty = None;
            }
            let after = last.map_or(self.acknowledged.segment, |last| last.number + 1);
            let first = self.next_id - self.pending_records;
            self.segments.push_back(Segment { number: after.max(1), bytes: 0, first });
            self.sealed = false;
        }
        let Some(segment) = self.segments.back_mut() else { return Ok(()) };
        let name = file(segment.number);
        if let Err(error) = self.disk.append(&name, &self.pending) {
            // A part may be there, and must not come between two records.
            self.sealed = self.disk.truncate(&name, segment.bytes).is_err();
            return Err(error);
        }
        segment.bytes += self.pending.len() as u64;
        self.pending.clear();
        self.pending_records = 0;
        self.dirty = Some(name);
        Ok(())
    }

    /// Reads on from where the last call ended: at most `records` records and about `bytes` bytes.
    /// What is read is acknowledged by [`Self::acknowledge`].
    ///
    /// # Errors
    /// What the disk says.
    pub fn next_batch(&mut self, records: usize, bytes: usize) -> io::Result<Batch> {
        let first = self.read.next;
        let mut batch = Vec::new();
        let mut size = 0;
        while batch.len() < records && size < bytes {
            let Some(segment) = self.segments.iter().find(|s| s.number >= self.read.segment) else {
                break;
            };
            let segment = *segment;
            if segment.number > self.read.segment {
                self.read = Position { segment: segment.number, offset: 0, ..self.read };
            }
            let left = segment.bytes.saturating_sub(self.read.offset);
            if left == 0 {
                if self.segments.back().is_some_and(|last| last.number == segment.number) {
                    break;
                }
                self.read = Position { segment: segment.number + 1, offset: 0, ..self.read };
                continue;
            }
            let most = (bytes - size).max(2 * (HEAD + MAX_PAYLOAD)).min(left as usize);
            let chunk = self.disk.read(&file(segment.number), self.read.offset, most)?;
            let mut used = 0;
            while batch.len() < records && size < bytes {
                match record::read(&chunk[used..]) {
                    Read::Record { id, payload, len } => {
                        batch.push(payload.to_vec());
                        size += payload.len();
                        used += len;
                        self.read.next = self.read.next.max(id + 1);
                    }
                    Read::Damaged(len) => used += len,
                    // A record is at most half of what was read: none begins in the first half.
                    Read::Partial if used == 0 && most < left as usize => used = most / 2,
                    Read::Partial if used == 0 => used = chunk.len(),
                    Read::Partial | Read::End => break,
                }
            }
            self.read.offset += used as u64;
            if chunk.is_empty() {
                // Cut under our feet: nothing more is there.
                self.read.offset = segment.bytes;
            }
        }
        Ok(Batch { payloads: batch, first, end: self.read })
    }

    /// Starts reading again at what is not acknowledged.
    pub const fn rewind(&mut self) {
        self.read = self.acknowledged;
    }

    /// The batch has arrived; `delivered` of its records did, the others are counted as damaged.
    ///
    /// # Errors
    /// What the disk says; the records will then come again after a restart.
    pub fn acknowledge(&mut self, batch: &Batch, delivered: u64) -> io::Result<()> {
        let ids = batch.end.next.saturating_sub(batch.first);
        // Dropped for room while they were on their way, and counted: they arrived after all.
        let dropped = self.acknowledged.next.clamp(batch.first, batch.end.next) - batch.first;
        self.counts.dropped -= dropped.min(delivered).min(self.counts.dropped);
        self.counts.damaged += ids.saturating_sub(delivered.max(dropped));
        self.counts.acknowledged += delivered;
        if batch.end <= self.acknowledged {
            return Ok(());
        }
        self.acknowledged = batch.end;
        if let Some(last) = self.segments.back()
            && last.number == batch.end.segment
            && last.bytes == batch.end.offset
            && last.bytes >= self.options.segment_bytes / 4
        {
            // All has arrived: the room is given back.
            self.acknowledged =
                Position { segment: last.number + 1, offset: 0, next: batch.end.next };
            self.read = self.read.max(self.acknowledged);
        }
        self.write_cursor(self.acknowledged)?;
        while let Some(oldest) = self.segments.front().copied()
            && oldest.number < self.acknowledged.segment
        {
            self.discard(oldest.number)?;
            self.segments.pop_front();
        }
        Ok(())
    }

    /// Removes a segment, whose file was perhaps never made.
    fn discard(&mut self, number: u64) -> io::Result<()> {
        let name = file(number);
        if self.dirty.as_ref() == Some(&name) {
            self.dirty = None;
        }
        match self.disk.remove(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn write_cursor(&mut self, position: Position) -> io::Result<()> {
        let Position { segment, offset, next } = position;
        let text = format!("{segment} {offset} {next}");
        let sum = crc32c::crc32c(&[text.as_bytes()]);
        // A new file each time, named last: a reader sees the old cursor or the new one.
        if self.disk.list()?.iter().any(|name| name == CURSOR_NEW) {
            self.disk.remove(CURSOR_NEW)?;
        }
        self.disk.append(CURSOR_NEW, format!("{text} {sum:08x}\n").as_bytes())?;
        if self.options.fsync == Fsync::Always {
            self.disk.sync(CURSOR_NEW)?;
        }
        self.disk.rename(CURSOR_NEW, CURSOR)
    }
}

/// A cursor that is damaged is none: what is there comes once more.
fn parse_cursor(bytes: &[u8]) -> Option<Position> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let (text, sum) = text.rsplit_once(' ')?;
    if u32::from_str_radix(sum, 16).ok()? != crc32c::crc32c(&[text.as_bytes()]) {
        return None;
    }
    let mut words = text.split(' ').map(str::parse);
    let mut word = || words.next()?.ok();
    Some(Position { segment: word()?, offset: word()?, next: word()? })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
