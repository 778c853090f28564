//! Events over a Unix socket, for `aitrace top` and whoever is in the group: read-only, versioned.
//!
//! The first line says the version; then come events. A client that does not keep up misses some,
//! which are counted for it; nobody holds up the agent.

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::{Event, Sink, SinkError};
use crate::telemetry::Counter;

pub const VERSION: u32 = 1;
/// Clients at a time.
const MAX_CLIENTS: usize = 16;
/// Bytes that wait for a client.
const BACKLOG: usize = 1 << 20;

#[derive(Debug)]
struct Client {
    stream: UnixStream,
    waiting: Vec<u8>,
    missed: u64,
}

#[derive(Debug)]
pub struct EventSocket {
    path: PathBuf,
    listener: UnixListener,
    clients: Vec<Client>,
    /// The last heartbeat, for who comes in between.
    heartbeat: Option<Bytes>,
    missed: Counter,
}

impl EventSocket {
    /// Listens at `path`; a socket left behind by an earlier run is replaced. Only root and `group`
    /// may connect.
    ///
    /// # Errors
    /// What the system says.
    pub fn bind(path: &Path, group: Option<u32>) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        if group.is_some() {
            std::os::unix::fs::chown(path, None, group)?;
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        listener.set_nonblocking(true)?;
        let path = path.to_owned();
        Ok(Self { path, listener, clients: vec![], heartbeat: None, missed: Counter::default() })
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            if self.clients.len() >= MAX_CLIENTS || stream.set_nonblocking(true).is_err() {
                continue;
            }
            let mut waiting = format!("{{\"aitrace.socket.version\":{VERSION}}}\n").into_bytes();
            waiting.extend_from_slice(self.heartbeat.as_deref().unwrap_or_default());
            self.clients.push(Client { stream, waiting, missed: 0 });
        }
    }

    fn serve(&mut self) {
        self.accept();
        self.clients.retain_mut(Client::send);
    }
}

impl Client {
    /// Sends what fits. `false`: gone.
    fn send(&mut self) -> bool {
        while !self.waiting.is_empty() {
            match self.stream.write(&self.waiting) {
                Ok(0) => return false,
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Whole lines only, so that a slow client still reads JSON.
    fn offer(&mut self, line: &[u8]) -> bool {
        if self.waiting.len() + line.len() > BACKLOG {
            self.missed += 1;
            return false;
        }
        self.waiting.extend_from_slice(line);
        true
    }
}

impl Sink for EventSocket {
    fn name(&self) -> &'static str {
        "socket"
    }

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        if event.name == "heartbeat" {
            self.heartbeat = Some(event.line.clone());
        }
        for client in &mut self.clients {
            if !client.offer(&event.line) {
                self.missed.add(1);
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.serve();
        Ok(())
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        self.serve();
        Ok(())
    }
}

impl Drop for EventSocket {
    fn drop(&mut self) {
        for client in &self.clients {
            if client.missed > 0 {
                tracing::warn!(events = client.missed, "a client of the socket was too slow");
            }
        }
        // Gone already is as good.
        let _gone = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};

    use super::*;
    use crate::sinks::testing::{event, heartbeat};

    #[test]
    fn a_client_gets_hello_then_events_and_a_slow_one_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/events.sock");
        let mut sink = EventSocket::bind(&path, None).unwrap();
        sink.write(&heartbeat(1)).unwrap();
        let quick = UnixStream::connect(&path).unwrap();
        let slow = UnixStream::connect(&path).unwrap();
        sink.idle().unwrap();
        let mut quick = BufReader::new(quick);
        let read = |quick: &mut BufReader<UnixStream>| {
            let mut line = String::new();
            quick.read_line(&mut line).unwrap();
            serde_json::from_str::<serde_json::Value>(&line).unwrap()
        };
        assert_eq!(read(&mut quick)["aitrace.socket.version"], 1);
        assert_eq!(read(&mut quick)["event.name"], "heartbeat");
        for seq in 2..20_000 {
            sink.write(&event(seq)).unwrap();
            sink.flush().unwrap();
            assert_eq!(read(&mut quick)["seq"], seq);
        }
        assert!(sink.missed.get() > 0, "nobody read the other one");
        drop(sink);
        let whole = BufReader::new(slow).lines().map_while(Result::ok);
        let whole: Vec<_> =
            whole.filter(|l| serde_json::from_str::<serde_json::Value>(l).is_ok()).collect();
        assert!(whole.len() > 100);
        assert!(!path.exists());
    }
}
