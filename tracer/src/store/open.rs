//! Opening the file: new, older, damaged, another's.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use thiserror::Error;

use super::schema::{self, SchemaError};

/// What opening met.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// The last run that wrote here did not end by itself: up to a second before `written` is missing.
    pub unclean: Option<Unclean>,
    /// A damaged file was set aside under this name and a new one begun.
    pub set_aside: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclean {
    /// Nanoseconds since 1970 of its last batch.
    pub written: u64,
    /// `seq` of the last event in it.
    pub last_seq: u64,
}

#[derive(Debug, Error)]
pub enum OpenError {
    #[error("{path}: {source}")]
    Schema { path: PathBuf, source: SchemaError },
    #[error("{path} is damaged and could not be set aside: {source}")]
    SetAside { path: PathBuf, source: std::io::Error },
}

/// Opens for writing; a damaged file is set aside.
pub(super) fn for_writing(path: &Path, now_ns: u64) -> Result<(Connection, Opened), OpenError> {
    let mut opened = Opened::default();
    let failed = |source| OpenError::Schema { path: path.to_owned(), source };
    let db = match connect(path) {
        Ok(db) => db,
        Err(SchemaError::Sqlite(error)) if is_damage(&error) => {
            let aside = set_aside(path, now_ns)
                .map_err(|source| OpenError::SetAside { path: path.to_owned(), source })?;
            opened.set_aside = Some(aside);
            connect(path).map_err(failed)?
        }
        Err(error) => return Err(failed(error)),
    };
    opened.unclean = last_run(&db).map_err(|error| failed(error.into()))?;
    Ok((db, opened))
}

/// Opens for reading, beside a running agent or without one.
///
/// # Errors
/// Where there is no file, or it is none of ours.
pub fn for_reading(path: &Path) -> Result<Connection, SchemaError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    schema::version(&db)?;
    Ok(db)
}

fn connect(path: &Path) -> Result<Connection, SchemaError> {
    let mut db = Connection::open(path)?;
    // A reader holds the file for moments; the writer has a queue in front of it.
    db.busy_timeout(std::time::Duration::from_millis(500))?;
    // Before the first table: freed pages can then be given back.
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    // A power cut may lose the last batches, never the file; a killed process loses nothing written.
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "cache_size", -8192)?;
    db.pragma_update(None, "journal_size_limit", 16 << 20)?;
    schema::version(&db)?;
    let check: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if check != "ok" {
        return Err(corrupt().into());
    }
    schema::migrate(&mut db)?;
    Ok(db)
}

fn corrupt() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        Some("quick_check failed".to_owned()),
    )
}

pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Renames the file, with what SQLite keeps beside it.
fn set_aside(path: &Path, now_ns: u64) -> std::io::Result<PathBuf> {
    let with = |path: &Path, suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let aside = with(path, &format!(".damaged-{}", now_ns / super::NS));
    std::fs::rename(path, &aside)?;
    for suffix in ["-wal", "-shm"] {
        match std::fs::rename(with(path, suffix), with(&aside, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

fn last_run(db: &Connection) -> rusqlite::Result<Option<Unclean>> {
    let mut last =
        db.prepare("SELECT written, last_seq, clean FROM run ORDER BY id DESC LIMIT 1")?;
    let mut rows = last.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    if row.get(2)? {
        return Ok(None);
    }
    let (written, last_seq): (i64, i64) = (row.get(0)?, row.get(1)?);
    Ok(Some(Unclean { written: written.unsigned_abs(), last_seq: last_seq.unsigned_abs() }))
}
