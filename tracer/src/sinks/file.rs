//! Lines in a file that rotates by rename, so that whoever follows it loses nothing.
//!
//! Rotation: `events.jsonl` becomes `.1`, `.1` becomes `.2` ...; the oldest goes. With compression all
//! from `.2` on are `.zst`: a reader may still be at the end of `.1`. Every file begins with a
//! heartbeat, so that no two files begin alike. After [`reopen`] the path is opened anew.

use std::fs::{self, File as FsFile, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::clock::format_rfc3339;
use super::{Event, Sink, SinkError};
use crate::event_id::Ids;

const BUFFER: usize = 256 * 1024;
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Every file sink opens its path anew before it writes on: logrotate has moved the file.
pub fn reopen() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

#[derive(Clone, Debug)]
pub struct Rotation {
    /// 0: never by size.
    pub max_bytes: u64,
    /// `None`: never by age.
    pub max_age: Option<Duration>,
    /// Rotated files that stay.
    pub keep: u32,
    pub zstd: bool,
}

#[derive(Debug)]
pub struct File {
    name: String,
    path: PathBuf,
    rotation: Rotation,
    open: Option<Open>,
    generation: u64,
    buffer: Vec<u8>,
    /// The last heartbeat: what the next file begins with.
    header: Option<serde_json::Map<String, serde_json::Value>>,
    last_seq: u64,
    ids: Ids,
}

#[derive(Debug)]
struct Open {
    file: FsFile,
    /// Whole lines in the file.
    len: u64,
    since: Instant,
}

impl File {
    pub fn new(name: impl Into<String>, path: PathBuf, rotation: Rotation) -> Self {
        Self {
            name: name.into(),
            path,
            rotation,
            open: None,
            generation: GENERATION.load(Ordering::Relaxed),
            buffer: Vec::with_capacity(BUFFER),
            header: None,
            last_seq: 0,
            ids: Ids::new(),
        }
    }

    fn is_due(&self) -> bool {
        let Some(open) = &self.open else { return false };
        let Rotation { max_bytes, max_age, .. } = self.rotation;
        let long = max_bytes > 0 && open.len > 0 && open.len + self.buffer.len() as u64 > max_bytes;
        long || max_age.is_some_and(|age| open.since.elapsed() >= age && open.len > 0)
    }

    fn drain(&mut self) -> io::Result<()> {
        let generation = GENERATION.load(Ordering::Relaxed);
        if generation != self.generation {
            self.generation = generation;
            self.open = None;
        }
        if self.is_due() {
            self.open = None;
            rotate(&self.path, &self.rotation)?;
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        if self.open.is_none() {
            let mut open = open_file(&self.path)?;
            if open.len == 0
                && let Some(header) = self.header()
            {
                append(&mut open, header.as_bytes())?;
            }
            self.open = Some(open);
        }
        if let Some(open) = &mut self.open {
            append(open, &self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// A heartbeat of its own for a new file; `seq` repeats the last one's, so that no hole appears.
    fn header(&mut self) -> Option<String> {
        // The first line at hand is a heartbeat already.
        let first = self.buffer.split(|b| *b == b'\n').next().unwrap_or_default();
        if memchr::memmem::find(first, br#""event.name":"heartbeat""#).is_some() {
            return None;
        }
        let now = super::clock::WallClock::sample().unix_ns(super::clock::now());
        let id = self.ids.next(now);
        let header = self.header.as_mut()?;
        header.insert("timestamp".into(), format_rfc3339(now).into());
        header.insert("event.id".into(), id.to_string().into());
        header.insert("seq".into(), self.last_seq.into());
        serde_json::to_string(header).ok().map(|line| line + "\n")
    }
}

fn open_file(path: &Path) -> io::Result<Open> {
    let file = OpenOptions::new().create(true).append(true).mode(0o640).open(path)?;
    let len = file.metadata()?.len();
    Ok(Open { file, len, since: Instant::now() })
}

/// All or nothing, as far as the file system lets us.
fn append(open: &mut Open, bytes: &[u8]) -> io::Result<()> {
    if let Err(error) = open.file.write_all(bytes) {
        // Half a line would be glued to the next one.
        let _best_effort = open.file.set_len(open.len);
        return Err(error);
    }
    open.len += bytes.len() as u64;
    Ok(())
}

fn numbered(path: &Path, number: u32, zstd: bool) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    if zstd && number > 1 {
        name.push(".zst");
    }
    name.into()
}

fn rotate(path: &Path, rotation: &Rotation) -> io::Result<()> {
    let Rotation { keep, zstd, .. } = *rotation;
    let missing_is_fine = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    if keep == 0 {
        return missing_is_fine(fs::remove_file(path));
    }
    missing_is_fine(fs::remove_file(numbered(path, keep, zstd)))?;
    for number in (1..keep).rev() {
        let from = numbered(path, number, zstd);
        let to = numbered(path, number + 1, zstd);
        if number == 1 && zstd && from.exists() {
            compress(&from, &to)?;
            fs::remove_file(from)?;
        } else {
            missing_is_fine(fs::rename(from, to))?;
        }
    }
    missing_is_fine(fs::rename(path, numbered(path, 1, zstd)))
}

fn compress(from: &Path, to: &Path) -> io::Result<()> {
    let code = |code| io::Error::other(zstd_safe::get_error_name(code));
    let bytes = fs::read(from)?;
    let mut packed = Vec::with_capacity(zstd_safe::compress_bound(bytes.len()));
    zstd_safe::compress(&mut packed, &bytes, 3).map_err(code)?;
    let mode = fs::metadata(from)?.mode() & 0o777;
    let mut options = OpenOptions::new();
    let mut file = options.create(true).truncate(true).write(true).mode(mode).open(to)?;
    file.write_all(&packed)
}

impl Sink for File {
    fn name(&self) -> &str {
        &self.name
    }

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        let room = match self.rotation.max_bytes {
            0 => BUFFER,
            max => BUFFER.min(usize::try_from(max / 4).unwrap_or(BUFFER)),
        };
        if self.buffer.len() + event.line.len() > room && !self.buffer.is_empty() {
            self.drain()?;
        }
        if event.name == "heartbeat" {
            self.header = serde_json::from_slice(&event.line).ok();
        }
        self.buffer.extend_from_slice(&event.line);
        self.last_seq = event.seq;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.drain()?)
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        if self.is_due() {
            self.open = None;
            rotate(&self.path, &self.rotation)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::testing::{event, heartbeat};

    fn rotation(zstd: bool) -> Rotation {
        Rotation { max_bytes: 1000, max_age: None, keep: 3, zstd }
    }

    #[test]
    fn files_rotate_by_rename_and_each_begins_with_its_own_heartbeat() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut sink = File::new("file", path.clone(), rotation(false));
        sink.write(&heartbeat(1)).unwrap();
        for seq in 2..40 {
            sink.write(&event(seq)).unwrap();
            sink.flush().unwrap();
        }
        let mut heads = std::collections::BTreeSet::new();
        for file in [path.clone(), numbered(&path, 1, false), numbered(&path, 2, false)] {
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.len() <= 1300 && text.ends_with('\n'), "{}", text.len());
            let head: serde_json::Value =
                serde_json::from_str(text.lines().next().unwrap()).unwrap();
            assert_eq!(head["event.name"], "heartbeat");
            assert!(heads.insert(head["event.id"].to_string()));
        }
        assert!(!numbered(&path, 4, false).exists());
    }

    #[test]
    fn compressed_files_hold_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut sink = File::new("file", path.clone(), rotation(true));
        sink.write(&heartbeat(1)).unwrap();
        for seq in 2..40 {
            sink.write(&event(seq)).unwrap();
            sink.flush().unwrap();
        }
        let packed = fs::read(numbered(&path, 2, true)).unwrap();
        let mut text = Vec::with_capacity(1 << 16);
        zstd_safe::decompress(&mut text, &packed).unwrap();
        assert!(text.starts_with(b"{") && text.ends_with(b"\n"));
    }

    #[test]
    fn a_moved_file_is_left_alone_after_reopen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let moved = folder.path().join("moved");
        let mut sink =
            File::new("file", path.clone(), Rotation { max_bytes: 0, ..rotation(false) });
        sink.write(&heartbeat(1)).unwrap();
        sink.flush().unwrap();
        fs::rename(&path, &moved).unwrap();
        reopen();
        sink.write(&event(2)).unwrap();
        sink.flush().unwrap();
        assert_eq!(fs::read_to_string(&moved).unwrap().lines().count(), 1);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2, "header and event");
    }
}
