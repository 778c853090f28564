//! The tables, and how older files become today's.
//!
//! `PRAGMA user_version` counts the migrations applied. A migration is never edited once released:
//! a change is a new one at the end.

use rusqlite::Connection;

/// `PRAGMA application_id`: "aitr".
const APPLICATION: i32 = 0x6169_7472;

/// Each takes the file one version further.
const MIGRATIONS: &[&str] = &[include_str!("migrations/1_tables.sql")];

pub const VERSION: usize = MIGRATIONS.len();

/// Why a file is not ours to write to.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error(
        "the file has schema version {found}, this build knows up to {VERSION}: upgrade aitrace, or name another --history file"
    )]
    Newer { found: usize },
    #[error("the file is another program's database (application id {found:#x})")]
    Foreign { found: i32 },
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// The schema version of a file; 0 for a new one.
///
/// # Errors
/// [`SchemaError`] for a file that is another program's or a later build's.
pub fn version(db: &Connection) -> Result<usize, SchemaError> {
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if application != APPLICATION && (application != 0 || found != 0) {
        return Err(SchemaError::Foreign { found: application });
    }
    if found > VERSION {
        return Err(SchemaError::Newer { found });
    }
    Ok(found)
}

/// Brings a file to [`VERSION`], one transaction a step: a crash leaves a whole version behind.
///
/// # Errors
/// As [`version`], and what SQLite says.
pub fn migrate(db: &mut Connection) -> Result<(), SchemaError> {
    let from = version(db)?;
    for (index, step) in MIGRATIONS.iter().enumerate().skip(from) {
        let transaction = db.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", super::rollup::int(index as u64 + 1))?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.commit()?;
    }
    Ok(())
}
