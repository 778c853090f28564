//! Puts an answer on the wire the way its script says: framing, splits, pace, endings.
//!
//! In: an [`Answer`] and its [`Script`]. Out: bytes on the connection and an [`Ended`].

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::{Duration, Instant};

use flate2::{Compression, write::GzEncoder};
use rustls::{ServerConnection, StreamOwned};

use super::answer::{Answer, Body, Ended, Piece};
use super::script::{Ending, Framing, Script};

/// Longest that a stalled answer holds its connection.
const STALL: Duration = Duration::from_secs(30);

/// A socket that writes at most `most` bytes at a time, to cut TLS records across segments.
#[derive(Debug)]
pub(super) struct Segments {
    pub(super) tcp: TcpStream,
    pub(super) most: Option<usize>,
}

impl Read for Segments {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.tcp.read(out)
    }
}

impl Write for Segments {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = self.most.unwrap_or(bytes.len()).min(bytes.len());
        self.tcp.write(&bytes[..most])
    }
    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

pub(super) type Tls = StreamOwned<ServerConnection, Segments>;

/// What was written, and how it ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Played {
    pub(super) ended: Ended,
    pub(super) status_sent: bool,
    pub(super) body: u64,
    pub(super) first_chunk_s: Option<f64>,
}

/// Writes `bytes` in TLS records of at most `split` bytes, each flushed.
pub(super) fn send(tls: &mut Tls, bytes: &[u8], split: Option<usize>) -> io::Result<()> {
    for part in bytes.chunks(split.unwrap_or(usize::MAX).max(1)) {
        tls.write_all(part)?;
        tls.flush()?;
    }
    Ok(())
}

/// Plays `answer`. A failed write means that the client left; it is no error of ours.
pub(super) fn play(tls: &mut Tls, answer: &Answer, script: &Script, method: &str) -> Played {
    let mut played = Played::default();
    tls.sock.most = script.tcp;
    if perform(tls, answer, script, method, &mut played).is_err() {
        played.ended = Ended::ClientGone;
    }
    tls.sock.most = None;
    played
}

fn perform(
    tls: &mut Tls,
    answer: &Answer,
    script: &Script,
    method: &str,
    played: &mut Played,
) -> io::Result<()> {
    let asked = Instant::now();
    thread::sleep(script.wait);
    if script.ending == Ending::Silent {
        played.ended = Ended::Unanswered;
        return end(tls, Ended::Unanswered);
    }
    if script.ending == Ending::Reset(0) {
        played.ended = Ended::Reset;
        return end(tls, Ended::Reset);
    }
    let bodiless = method == "HEAD" || matches!(answer.status, 204 | 304);
    let (pieces, streamed) = encode(answer, script)?;
    let framing = match script.framing {
        Framing::Usual if streamed => Framing::Chunked,
        Framing::Usual => Framing::Length,
        chosen => chosen,
    };
    let total: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
    let mut out = head(answer, script, framing, total);
    let (limit, then) = limit(script.ending);
    if bodiless {
        played.status_sent = true;
        return send(tls, &out, script.split);
    }
    if streamed {
        // The head travels alone, as it does when a model starts to think.
        send(tls, &out, script.split)?;
        out.clear();
        played.status_sent = true;
    }
    for (n, piece) in pieces.iter().enumerate() {
        thread::sleep(script.pace);
        let bytes = match limit {
            Some(limit) if streamed && n >= limit => break,
            Some(limit) if !streamed => &piece.bytes[..limit.min(piece.bytes.len())],
            _ => piece.bytes.as_slice(),
        };
        frame(&mut out, bytes, framing);
        let whole = n + 1 == pieces.len() && then.is_none();
        if whole && framing == Framing::Chunked {
            out.extend(b"0\r\n\r\n");
        }
        if piece.content && played.first_chunk_s.is_none() {
            played.first_chunk_s = Some(asked.elapsed().as_secs_f64());
        }
        send(tls, &out, script.split)?;
        out.clear();
        played.status_sent = true;
        played.body += bytes.len() as u64;
    }
    match then {
        Some(ended) => {
            played.ended = ended;
            end(tls, ended)
        }
        None => Ok(()),
    }
}

fn limit(ending: Ending) -> (Option<usize>, Option<Ended>) {
    match ending {
        Ending::Complete | Ending::Silent => (None, None),
        Ending::Cut(after) => (Some(after), Some(Ended::Cut)),
        Ending::Reset(after) => (Some(after), Some(Ended::Reset)),
        Ending::Stall(after) => (Some(after), Some(Ended::Stalled)),
    }
}

/// Content encoding. Each event of a stream is flushed through the compressor, as providers do.
pub(super) fn encode(answer: &Answer, script: &Script) -> io::Result<(Vec<Piece>, bool)> {
    let (mut pieces, streamed) = match &answer.body {
        Body::Whole(bytes) => (vec![Piece { bytes: bytes.clone(), content: true }], false),
        Body::Stream(pieces) => (pieces.clone(), true),
    };
    if script.gzip {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        for piece in &mut pieces {
            encoder.write_all(&piece.bytes)?;
            encoder.flush()?;
            piece.bytes = std::mem::take(encoder.get_mut());
        }
        let rest = encoder.finish()?;
        if let Some(last) = pieces.last_mut() {
            last.bytes.extend(rest);
        }
    }
    Ok((pieces, streamed))
}

fn head(answer: &Answer, script: &Script, framing: Framing, total: usize) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut head = String::with_capacity(1024);
    // Writing to a String cannot fail.
    let _ = write!(head, "HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    head.push_str("date: Thu, 15 Jan 2026 00:00:00 GMT\r\nserver: cloudflare\r\n");
    for (name, value) in &answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if script.gzip {
        head.push_str("content-encoding: gzip\r\n");
    }
    if let Some(seconds) = script.retry_after {
        let _ = write!(head, "retry-after: {seconds}\r\n");
    }
    match framing {
        Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
        Framing::Close => {}
        Framing::Usual | Framing::Length => {
            let _ = write!(head, "content-length: {total}\r\n");
        }
    }
    let close = script.close || framing == Framing::Close;
    head.push_str(if close {
        "connection: close\r\n\r\n"
    } else {
        "connection: keep-alive\r\n\r\n"
    });
    head.into_bytes()
}

fn frame(out: &mut Vec<u8>, bytes: &[u8], framing: Framing) {
    if framing != Framing::Chunked {
        out.extend(bytes);
    } else if !bytes.is_empty() {
        // An empty chunk would end the body.
        out.extend(format!("{:x}\r\n", bytes.len()).bytes());
        out.extend(bytes);
        out.extend(b"\r\n");
    }
}

/// Ends a connection in an unkind way.
fn end(tls: &mut Tls, ended: Ended) -> io::Result<()> {
    let tcp = &tls.sock.tcp;
    match ended {
        Ended::Reset => {
            linger_zero(tcp)?;
            // The caller drops the connection: close(2) with SO_LINGER 0 sends RST.
            Ok(())
        }
        Ended::Stalled => {
            tcp.set_read_timeout(Some(STALL))?;
            // Whatever comes, the client's end of stream or its patience, ends the wait.
            let _ = tls.read(&mut [0; 1]);
            tls.sock.tcp.shutdown(Shutdown::Both)
        }
        // No close_notify: this is how a crashed peer looks.
        _ => tcp.shutdown(Shutdown::Both),
    }
}

fn linger_zero(tcp: &TcpStream) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the pointer and the length describe `linger`, which outlives the call.
    let rc = unsafe {
        libc::setsockopt(
            tcp.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        )
    };
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
