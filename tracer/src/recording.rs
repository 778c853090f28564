//! A recording: what came up from the kernel, or what was made of it, in a file [edge].
//!
//! With content, the file holds the ring's records as they were, plaintext included: a replay runs
//! them through the pipeline again, anywhere, without root. Without, it holds the events alone.
//!
//! ```text
//! "AITRACE\n" | version u32 | kind u32 | clock offset i128 | host length u32 | host | frames
//! frame: length u32 | bytes              integers little-endian
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use thiserror::Error;

const MAGIC: &[u8; 8] = b"AITRACE\n";
pub const VERSION: u32 = 1;
/// Longest frame believed: a record has 16 KiB of payload, an event 16 KiB.
const MAX_FRAME: u32 = 64 * 1024;
const MAX_HOST: u32 = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Events as lines: reduced when they were recorded.
    Reduced,
    /// The ring's records, payload and all.
    Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    /// Wall clock minus boot clock of the recorded host, nanoseconds.
    pub clock_offset_ns: i128,
    pub host: String,
}

#[derive(Debug, Error)]
pub enum RecordingError {
    #[error("this is no recording of aitrace")]
    NoRecording,
    #[error(
        "the recording has version {0}, this aitrace reads {VERSION}: use the aitrace that made it"
    )]
    Version(u32),
    #[error("the recording is damaged: a frame of {0} bytes")]
    Damaged(u32),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Creates a recording that only its owner can read; an existing file is not overwritten.
///
/// # Errors
/// What the file system says.
pub fn create(path: &Path, header: &Header) -> io::Result<BufWriter<File>> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut writer = BufWriter::new(file);
    write_header(&mut writer, header)?;
    Ok(writer)
}

fn write_header(writer: &mut impl Write, header: &Header) -> io::Result<()> {
    let kind: u32 = match header.kind {
        Kind::Reduced => 0,
        Kind::Content => 1,
    };
    let host = header.host.as_bytes();
    writer.write_all(MAGIC)?;
    writer.write_all(&VERSION.to_le_bytes())?;
    writer.write_all(&kind.to_le_bytes())?;
    writer.write_all(&header.clock_offset_ns.to_le_bytes())?;
    writer.write_all(&(host.len().min(MAX_HOST as usize) as u32).to_le_bytes())?;
    writer.write_all(&host[..host.len().min(MAX_HOST as usize)])
}

/// Writes one frame.
///
/// # Errors
/// What the writer says.
pub fn write_frame(writer: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    let len = u32::try_from(frame.len()).map_err(io::Error::other)?;
    writer.write_all(&len.to_le_bytes())?;
    writer.write_all(frame)
}

/// Reads a recording.
#[derive(Debug)]
pub struct Reader<R> {
    reader: R,
    pub header: Header,
}

impl Reader<BufReader<File>> {
    /// # Errors
    /// [`RecordingError`]: no recording, another version, or what the file system says.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        Self::new(BufReader::new(File::open(path)?))
    }
}

impl<R: BufRead> Reader<R> {
    /// # Errors
    /// As [`Reader::open`].
    pub fn new(mut reader: R) -> Result<Self, RecordingError> {
        let mut magic = [0; 8];
        reader.read_exact(&mut magic).map_err(|_| RecordingError::NoRecording)?;
        if &magic != MAGIC {
            return Err(RecordingError::NoRecording);
        }
        let version = word(&mut reader)?;
        if version != VERSION {
            return Err(RecordingError::Version(version));
        }
        let kind = match word(&mut reader)? {
            0 => Kind::Reduced,
            1 => Kind::Content,
            _ => return Err(RecordingError::NoRecording),
        };
        let mut offset = [0; 16];
        reader.read_exact(&mut offset)?;
        let len = word(&mut reader)?;
        if len > MAX_HOST {
            return Err(RecordingError::Damaged(len));
        }
        let mut host = vec![0; len as usize];
        reader.read_exact(&mut host)?;
        let host = String::from_utf8_lossy(&host).into_owned();
        let clock_offset_ns = i128::from_le_bytes(offset);
        Ok(Self { reader, header: Header { kind, clock_offset_ns, host } })
    }

    /// The next frame; `None` at the end. A frame that the end cut in two is the end.
    ///
    /// # Errors
    /// [`RecordingError::Damaged`], or what the file says.
    pub fn frame(&mut self) -> Result<Option<Vec<u8>>, RecordingError> {
        if self.reader.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let len = match word(&mut self.reader) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        };
        if len > MAX_FRAME {
            return Err(RecordingError::Damaged(len));
        }
        let mut frame = vec![0; len as usize];
        match self.reader.read_exact(&mut frame) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            other => Ok(other.map(|()| Some(frame))?),
        }
    }
}

fn word(reader: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let header = Header { kind: Kind::Content, clock_offset_ns: -5, host: "a".into() };
        let mut bytes = Vec::new();
        write_header(&mut bytes, &header).unwrap();
        write_frame(&mut bytes, b"one").unwrap();
        write_frame(&mut bytes, b"").unwrap();
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = file();
        let mut reader = Reader::new(&bytes[..]).unwrap();
        assert_eq!(reader.header.clock_offset_ns, -5);
        assert_eq!(reader.frame().unwrap(), Some(b"one".to_vec()));
        assert_eq!(reader.frame().unwrap(), Some(Vec::new()));
        assert_eq!(reader.frame().unwrap(), None);
    }

    #[test]
    fn a_cut_or_foreign_file_is_told() {
        let bytes = file();
        for cut in 0..bytes.len() {
            if let Ok(mut reader) = Reader::new(&bytes[..cut]) {
                while let Ok(Some(_)) = reader.frame() {}
            }
        }
        assert!(matches!(Reader::new(&b"{}\n"[..]), Err(RecordingError::NoRecording)));
        let mut other = bytes.clone();
        other[8] = 9;
        assert!(matches!(Reader::new(&other[..]), Err(RecordingError::Version(9))));
        let mut long = bytes[..bytes.len() - 11].to_vec();
        long.extend([0xff; 8]);
        assert!(matches!(Reader::new(&long[..]).unwrap().frame(), Err(RecordingError::Damaged(_))));
    }
}
