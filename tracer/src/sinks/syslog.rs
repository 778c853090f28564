//! RFC 5424 messages to a syslog server or the local one: over a Unix socket, UDP, or TCP (RFC 6587
//! octet counting).

use std::io::{self, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use super::{Event, Sink, SinkError};

/// Facility `local0`; severities 3, 4 and 6 are error, warning and info (RFC 5424 §6.2.1).
const FACILITY: u8 = 16;
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    Udp(String),
    Tcp(String),
}

impl Address {
    /// `unix:/dev/log`, `udp:host:514`, `tcp:host:601`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let rest = rest.trim_start_matches("//");
        match kind {
            "unix" => Some(Self::Unix(format!("/{}", rest.trim_start_matches('/')).into())),
            "udp" => Some(Self::Udp(rest.to_owned())).filter(|_| rest.contains(':')),
            "tcp" => Some(Self::Tcp(rest.to_owned())).filter(|_| rest.contains(':')),
            _ => None,
        }
    }
}

#[derive(Debug)]
enum Connection {
    Unix(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

#[derive(Debug)]
pub struct Syslog {
    name: String,
    address: Address,
    connection: Option<Connection>,
    message: Vec<u8>,
}

impl Syslog {
    pub fn new(name: impl Into<String>, address: Address) -> Self {
        Self { name: name.into(), address, connection: None, message: Vec::new() }
    }

    fn send(&mut self) -> io::Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(&self.address)?),
        };
        match connection {
            Connection::Unix(socket) => socket.send(&self.message).map(drop),
            Connection::Udp(socket) => socket.send(&self.message).map(drop),
            Connection::Tcp(stream) => {
                let mut framed = format!("{} ", self.message.len()).into_bytes();
                framed.extend_from_slice(&self.message);
                stream.write_all(&framed)
            }
        }
    }
}

fn connect(address: &Address) -> io::Result<Connection> {
    Ok(match address {
        Address::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            socket.set_write_timeout(Some(PATIENCE))?;
            Connection::Unix(socket)
        }
        Address::Udp(host) => {
            let socket = UdpSocket::bind("[::]:0").or_else(|_| UdpSocket::bind("0.0.0.0:0"))?;
            socket.connect(host)?;
            Connection::Udp(socket)
        }
        Address::Tcp(host) => {
            let addresses = host.to_socket_addrs()?;
            let mut last = io::Error::from(io::ErrorKind::NotFound);
            for address in addresses {
                match TcpStream::connect_timeout(&address, PATIENCE) {
                    Ok(stream) => {
                        stream.set_write_timeout(Some(PATIENCE))?;
                        return Ok(Connection::Tcp(stream));
                    }
                    Err(error) => last = error,
                }
            }
            return Err(last);
        }
    })
}

/// `<PRI>1 TIMESTAMP HOST aitrace PID MSGID - @cee: JSON`. The time has microseconds at most.
fn message(out: &mut Vec<u8>, event: &Event) {
    let field = |key: &str| -> &[u8] {
        let key = format!("\"{key}\":\"");
        let Some(at) = memchr::memmem::find(&event.line, key.as_bytes()) else { return b"-" };
        let rest = &event.line[at + key.len()..];
        let end = memchr::memchr(b'"', rest).unwrap_or(0);
        if end == 0 { b"-" } else { &rest[..end] }
    };
    let severity = match field("severity_text") {
        b"ERROR" => 3,
        b"WARN" => 4,
        _ => 6,
    };
    out.clear();
    out.extend_from_slice(format!("<{}>1 ", FACILITY * 8 + severity).as_bytes());
    let time = super::clock::format_rfc3339(event.unix_ns);
    out.extend_from_slice(time.get(..26).unwrap_or("-").as_bytes());
    out.extend_from_slice(b"Z ");
    out.extend_from_slice(field("host.name"));
    out.extend_from_slice(format!(" aitrace {} {} - ", std::process::id(), event.name).as_bytes());
    out.extend_from_slice(b"@cee: ");
    out.extend_from_slice(event.line.trim_ascii_end());
}

impl Sink for Syslog {
    fn name(&self) -> &str {
        &self.name
    }

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        message(&mut self.message, event);
        if let Err(error) = self.send() {
            // A daemon that was restarted has a new socket.
            self.connection = None;
            return Err(error.into());
        }
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
    fn a_message_is_rfc_5424() {
        let mut out = Vec::new();
        message(&mut out, &event(7));
        let text = String::from_utf8(out).unwrap();
        let head = "<134>1 2023-11-14T22:13:20.000000Z h aitrace ";
        assert!(text.starts_with(head), "{text}");
        assert!(text.contains(" ai.call - @cee: {") && text.ends_with('}'));
    }

    #[test]
    fn it_arrives_over_every_transport() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = Address::Udp(udp.local_addr().unwrap().to_string());
        Syslog::new("s", address).write(&event(1)).unwrap();
        let mut buffer = [0; 4096];
        let len = udp.recv(&mut buffer).unwrap();
        assert!(buffer[..len].ends_with(b"}"));

        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(tcp.local_addr().unwrap().to_string());
        let mut sink = Syslog::new("s", address);
        sink.write(&event(1)).unwrap();
        drop(sink);
        let mut text = String::new();
        io::Read::read_to_string(&mut tcp.accept().unwrap().0, &mut text).unwrap();
        let (count, rest) = text.split_once(' ').unwrap();
        assert_eq!(count.parse::<usize>().unwrap(), rest.len());

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut sink = Syslog::new("s", Address::Unix(path.clone()));
        assert!(sink.write(&event(1)).is_err(), "nobody there yet");
        let unix = UnixDatagram::bind(&path).unwrap();
        sink.write(&event(1)).unwrap();
        assert!(unix.recv(&mut buffer).unwrap() > 100);
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(Address::parse("unix:/dev/log"), Some(Address::Unix("/dev/log".into())));
        assert_eq!(Address::parse("tcp://h:1"), Some(Address::Tcp("h:1".into())));
        assert_eq!(Address::parse("udp:h"), None);
        assert_eq!(Address::parse("http://h:1"), None);
    }
}
