//! The key of this installation: made once, kept in the state directory [edge].
//!
//! In: the state directory (`/var/lib/aitrace`, or `AITRACE_STATE_DIR`). Out: [`Fingerprints`]. The
//! file must be the agent's own, and nobody else's to read: any other is refused, not mended, since
//! whoever wrote it may know the key. Without a place to keep it, the key lasts as long as the agent.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};
use thiserror::Error;

use super::Fingerprints;

const STATE_DIR: &str = "/var/lib/aitrace";
const STATE_DIR_VARIABLE: &str = "AITRACE_STATE_DIR";
const FILE: &str = "key";
const LEN: usize = 32;

/// Why a key file is not used.
#[derive(Debug, Error)]
pub enum KeyError {
    #[error("it belongs to user {0}")]
    Owner(u32),
    #[error("others may read or write it (mode {0:04o})")]
    Mode(u32),
    #[error("it is no regular file")]
    Kind,
    #[error("it has {0} bytes in place of {LEN}")]
    Length(u64),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the system gives no randomness")]
    Random,
}

/// Where the agent keeps what outlives it: as the environment says, else as configured.
pub fn state_dir(configured: Option<&Path>) -> PathBuf {
    let chosen = std::env::var_os(STATE_DIR_VARIABLE).filter(|dir| !dir.is_empty());
    let configured = configured.unwrap_or(Path::new(STATE_DIR));
    chosen.map_or_else(|| configured.to_owned(), PathBuf::from)
}

/// The installation's fingerprints: by the key in the state directory, made there if there is none;
/// by a key for this run only where that cannot be (said once, here).
///
/// # Errors
/// [`KeyError::Random`]: without randomness there is no key at all.
pub fn fingerprints(configured: Option<&Path>) -> Result<Fingerprints, KeyError> {
    let path = state_dir(configured).join(FILE);
    match load(&path).or_else(|error| if is_absent(&error) { create(&path) } else { Err(error) }) {
        Ok(key) => Ok(Fingerprints::new(&key)),
        Err(error) => {
            tracing::warn!(
                file = %path.display(), %error,
                "no lasting key: fingerprints of this run differ from other runs'"
            );
            Ok(Fingerprints::new(&random()?))
        }
    }
}

/// For looking at what was recorded: by the key that is there, else by one for this run. Makes no
/// file.
///
/// # Errors
/// As [`fingerprints`].
pub fn existing() -> Result<Fingerprints, KeyError> {
    let key = load(&state_dir(None).join(FILE)).or_else(|_| random())?;
    Ok(Fingerprints::new(&key))
}

fn is_absent(error: &KeyError) -> bool {
    matches!(error, KeyError::Io(error) if error.kind() == io::ErrorKind::NotFound)
}

fn random() -> Result<[u8; LEN], KeyError> {
    let mut key = [0; LEN];
    SystemRandom::new().fill(&mut key).map_err(|_| KeyError::Random)?;
    Ok(key)
}

/// Reads a key file after having looked at whose it is.
fn load(path: &Path) -> Result<[u8; LEN], KeyError> {
    let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    check(&file)?;
    let mut key = [0; LEN];
    file.read_exact(&mut key)?;
    Ok(key)
}

/// Of the open file, so that what is checked is what is read.
fn check(file: &File) -> Result<(), KeyError> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(KeyError::Kind);
    }
    // SAFETY: no arguments, always succeeds.
    let own = unsafe { libc::geteuid() };
    if metadata.uid() != own {
        return Err(KeyError::Owner(metadata.uid()));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(KeyError::Mode(metadata.mode() & 0o7777));
    }
    if metadata.len() != LEN as u64 {
        return Err(KeyError::Length(metadata.len()));
    }
    Ok(())
}

/// Makes the file under another name and links it into place: it never exists half written, and of
/// two agents that start at once both get the key of the first.
fn create(path: &Path) -> Result<[u8; LEN], KeyError> {
    let key = random()?;
    if let Some(dir) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let written = (|| {
        let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC;
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).custom_flags(flags).open(&new)?;
        file.write_all(&key)?;
        file.sync_all()?;
        std::fs::hard_link(&new, path)
    })();
    let removed = std::fs::remove_file(&new);
    match written {
        Ok(()) => removed.map(|()| key).map_err(Into::into),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.exists() => load(path),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/key");
        assert!(is_absent(&load(&path).unwrap_err()));
        let made = create(&path).unwrap();
        assert_eq!(load(&path).unwrap(), made);
        // Somebody else was faster.
        assert_eq!(create(&path).unwrap(), made);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path().join("state")).unwrap().count(), 1);
        assert_ne!(create(&dir.path().join("other")).unwrap(), made);
    }

    #[test]
    fn what_others_can_read_or_point_elsewhere_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        create(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load(&path), Err(KeyError::Mode(0o640))));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(load(&link), Err(KeyError::Io(_))));
        assert!(matches!(load(dir.path()), Err(KeyError::Kind)));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, b"short").unwrap();
        assert!(matches!(load(&path), Err(KeyError::Length(5))));
    }

    #[test]
    fn anothers_file_is_refused() {
        // SAFETY: no arguments, always succeeds.
        if unsafe { libc::geteuid() } != 0 {
            // Only root can give a file away.
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        create(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
        assert!(matches!(load(&path), Err(KeyError::Owner(65_534))));
    }
}
