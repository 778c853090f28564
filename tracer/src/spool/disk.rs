//! The few file operations a spool needs, behind a trait: its tests crash between any two of them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

/// One directory of small files, each appended to only.
pub trait Disk: Send {
    /// # Errors
    /// As every operation here: what the file system says.
    fn list(&mut self) -> io::Result<Vec<String>>;
    fn read(&mut self, name: &str, offset: u64, most: usize) -> io::Result<Vec<u8>>;
    /// Appends to a file, which is made where it is missing. May have written a part when it fails.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()>;
    /// Contents, and that the file is there, survive a power cut from here on.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&mut self, name: &str) -> io::Result<()>;
}

/// A directory of the file system; readable by its owner alone.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// The file appended to last, kept open.
    open: Option<(String, File)>,
}

impl Directory {
    /// Opens the directory, and makes it where it is missing.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        Ok(Self { path, open: None })
    }

    fn file(&mut self, name: &str) -> io::Result<&File> {
        if self.open.as_ref().is_none_or(|(open, _)| open != name) {
            let path = self.path.join(name);
            let mut options = OpenOptions::new();
            let file = options.create(true).append(true).read(true).mode(0o600).open(path)?;
            self.open = Some((name.to_owned(), file));
        }
        match &self.open {
            Some((_, file)) => Ok(file),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Disk for Directory {
    fn list(&mut self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.path)?;
        Ok(entries.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect())
    }

    fn read(&mut self, name: &str, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let file = File::open(self.path.join(name))?;
        let mut bytes = vec![0; most];
        let mut filled = 0;
        while filled < most {
            match file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut self.file(name)?, bytes)
    }

    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.path.join(name))?.set_len(len)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.file(name)?.sync_data()?;
        File::open(&self.path)?.sync_all()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.open = None;
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        if self.open.as_ref().is_some_and(|(open, _)| open == name) {
            self.open = None;
        }
        fs::remove_file(self.path.join(name))
    }
}
