//! The journal of systemd, by its native protocol: `MESSAGE` is the line, the rest are its fields.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use super::{Event, Sink, SinkError};

pub const SOCKET: &str = "/run/systemd/journal/socket";

#[derive(Debug)]
pub struct Journald {
    name: String,
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Journald {
    pub fn new(name: impl Into<String>, path: PathBuf) -> Self {
        Self { name: name.into(), path, socket: None }
    }
}

fn entry(event: &Event) -> Vec<u8> {
    let has = |word: &[u8]| memchr::memmem::find(&event.line, word).is_some();
    let priority = if has(br#""severity_text":"ERROR""#) {
        3
    } else if has(br#""severity_text":"WARN""#) {
        4
    } else {
        6
    };
    let mut out = format!(
        "PRIORITY={priority}\nSYSLOG_IDENTIFIER=aitrace\nAITRACE_EVENT={}\nAITRACE_EVENT_ID={}\nMESSAGE=",
        event.name, event.id
    )
    .into_bytes();
    // A line has no newline within; it may be the value as it is.
    out.extend_from_slice(&event.line);
    out
}

impl Sink for Journald {
    fn name(&self) -> &str {
        &self.name
    }

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        let socket = match &mut self.socket {
            Some(socket) => socket,
            none => none.insert(UnixDatagram::unbound()?),
        };
        socket.send_to(&entry(event), &self.path)?;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::testing::event;

    #[test]
    fn an_entry_has_its_fields() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let journal = UnixDatagram::bind(&path).unwrap();
        Journald::new("j", path).write(&event(3)).unwrap();
        let mut buffer = [0; 4096];
        let len = journal.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..len]).unwrap();
        assert!(text.starts_with("PRIORITY=6\nSYSLOG_IDENTIFIER=aitrace\nAITRACE_EVENT=ai.call\n"));
        assert_eq!(text.lines().last().unwrap().find("MESSAGE={"), Some(0));
    }
}
