//! HTTP/2 (RFC 9113) as far as a simulator needs it: requests in, answers out, one stream after the
//! other. Header fields are sent as literals; those received go through the decoder under test, which
//! has its own conformance suite.
//!
//! In: a TLS connection that agreed on `h2`. Out: the same [`super::Told`]s as over HTTP/1.1.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read as _, Write as _};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use tracer::http::h2::hpack::{Decoder, Limits};

use super::answer::{Answer, Ended, Told};
use super::request::Request;
use super::script::{self, Script};
use super::wire::{self, Tls};
use super::{Stage, split_query};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME: usize = 16_384;
const WINDOW: i64 = 65_535;
const BODY: usize = 64 << 20;

mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RST_STREAM: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const PING: u8 = 6;
    pub(super) const GOAWAY: u8 = 7;
    pub(super) const WINDOW_UPDATE: u8 = 8;
    pub(super) const CONTINUATION: u8 = 9;
}
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

struct Connection<'a> {
    tls: &'a mut Tls,
    decoder: Decoder,
    /// Requests whose end has not come.
    open: BTreeMap<u32, Request>,
    /// Whole ones that wait for their turn.
    ready: Vec<(u32, Request)>,
    window: i64,
    windows: HashMap<u32, i64>,
    initial: i64,
}

/// Serves until the client leaves.
pub(super) fn serve(tls: &mut Tls, stage: &Stage, client_port: u16) -> Result<()> {
    let mut preface = [0; PREFACE.len()];
    tls.read_exact(&mut preface)?;
    ensure!(preface == PREFACE, "no HTTP/2 preface");
    let limits = Limits { table: 4096, field: 64 << 10, list: 256 << 10 };
    let mut connection = Connection {
        tls,
        decoder: Decoder::strict(limits),
        open: BTreeMap::new(),
        ready: Vec::new(),
        window: WINDOW,
        windows: HashMap::new(),
        initial: WINDOW,
    };
    connection.send(kind::SETTINGS, 0, 0, &[])?;
    for turn in 1.. {
        while connection.ready.is_empty() {
            if !connection.step()? {
                return Ok(());
            }
        }
        let (stream, request) = connection.ready.remove(0);
        exchange(&mut connection, stage, stream, request, client_port, turn)?;
    }
    Ok(())
}

fn exchange(
    connection: &mut Connection<'_>,
    stage: &Stage,
    stream: u32,
    request: Request,
    client_port: u16,
    turn: u32,
) -> Result<()> {
    let script = Script::parse(request.header(script::HEADER).unwrap_or_default())?;
    let asked = Instant::now();
    let name = connection.tls.conn.server_name().unwrap_or("localhost").to_owned();
    let mut answer = stage.next_answer(&request, &script, &name);
    thread::sleep(script.wait);
    let played = play(connection, stream, &answer, &script, asked);
    let (body, first_chunk_s) = match played {
        Ok(played) => played,
        Err(_) => {
            answer.told.ended = Ended::ClientGone;
            (0, None)
        }
    };
    let told = Told {
        host: name,
        method: request.method,
        path: request.path,
        retry_after_s: script.retry_after,
        answer_s: asked.elapsed().as_secs_f64(),
        request_body: request.body.len() as u64,
        status: Some(answer.status),
        response_body: body,
        first_chunk_s: first_chunk_s.filter(|_| answer.told.stream),
        client_port,
        turn,
        ..answer.told
    };
    stage.keep(told)
}

/// Headers, then the body in DATA frames; returns its bytes and when its first content went out.
fn play(
    connection: &mut Connection<'_>,
    stream: u32,
    answer: &Answer,
    script: &Script,
    asked: Instant,
) -> Result<(u64, Option<f64>)> {
    let (pieces, _) = wire::encode(answer, script)?;
    let mut block = Vec::new();
    literal(&mut block, ":status", &answer.status.to_string());
    for (name, value) in &answer.headers {
        literal(&mut block, &name.to_ascii_lowercase(), value);
    }
    if script.gzip {
        literal(&mut block, "content-encoding", "gzip");
    }
    if let Some(seconds) = script.retry_after {
        literal(&mut block, "retry-after", &seconds.to_string());
    }
    connection.send(kind::HEADERS, END_HEADERS, stream, &block)?;
    let (mut body, mut first) = (0, None);
    for piece in &pieces {
        thread::sleep(script.pace);
        if piece.content && first.is_none() {
            first = Some(asked.elapsed().as_secs_f64());
        }
        connection.data(stream, &piece.bytes)?;
        body += piece.bytes.len() as u64;
    }
    connection.send(kind::DATA, END_STREAM, stream, &[])?;
    connection.windows.remove(&stream);
    Ok((body, first))
}

/// A literal without indexing, its name spelled out (RFC 7541 section 6.2.2).
fn literal(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        let mut rest = text.len();
        if rest < 127 {
            block.push(rest as u8);
        } else {
            block.push(127);
            rest -= 127;
            while rest >= 128 {
                block.push((rest % 128 + 128) as u8);
                rest /= 128;
            }
            block.push(rest as u8);
        }
        block.extend(text.bytes());
    }
}

impl Connection<'_> {
    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<()> {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.tls.write_all(&frame)?;
        Ok(self.tls.flush()?)
    }

    /// DATA within the client's windows.
    fn data(&mut self, stream: u32, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let own = *self.windows.entry(stream).or_insert(self.initial);
            let room = self.window.min(own).clamp(0, FRAME as i64) as usize;
            if room == 0 {
                ensure!(self.step()?, "the client left");
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.send(kind::DATA, 0, stream, now)?;
            self.window -= now.len() as i64;
            self.windows.insert(stream, own - now.len() as i64);
            bytes = later;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Frame>> {
        let mut head = [0; 9];
        if self.tls.read_exact(&mut head).is_err() {
            return Ok(None);
        }
        let [a, b, c, kind, flags, stream @ ..] = head;
        let len = u32::from_be_bytes([0, a, b, c]) as usize;
        ensure!(len <= FRAME, "a frame too large");
        let mut payload = vec![0; len];
        self.tls.read_exact(&mut payload)?;
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        Ok(Some(Frame { kind, flags, stream, payload }))
    }

    /// Takes one frame in. False: the client has left.
    fn step(&mut self) -> Result<bool> {
        let Some(frame) = self.read()? else { return Ok(false) };
        match frame.kind {
            kind::HEADERS => self.headers(frame)?,
            kind::DATA => {
                let len = frame.payload.len() as u32;
                if len > 0 {
                    self.send(kind::WINDOW_UPDATE, 0, 0, &len.to_be_bytes())?;
                    self.send(kind::WINDOW_UPDATE, 0, frame.stream, &len.to_be_bytes())?;
                }
                let data = unpadded(&frame, 0)?;
                if let Some(request) = self.open.get_mut(&frame.stream) {
                    ensure!(request.body.len() + data.len() <= BODY, "a body too long");
                    request.body.extend(data);
                }
                self.ended(&frame);
            }
            kind::SETTINGS if frame.flags & ACK == 0 => {
                for setting in frame.payload.chunks_exact(6) {
                    let id = u16::from_be_bytes([setting[0], setting[1]]);
                    let value =
                        u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]);
                    if id == 4 {
                        let change = i64::from(value) - self.initial;
                        self.initial = i64::from(value);
                        self.windows.values_mut().for_each(|window| *window += change);
                    }
                }
                self.send(kind::SETTINGS, ACK, 0, &[])?;
            }
            kind::PING if frame.flags & ACK == 0 => {
                self.send(kind::PING, ACK, 0, &frame.payload)?;
            }
            kind::WINDOW_UPDATE => {
                let more: [u8; 4] = frame.payload.as_slice().try_into().context("window update")?;
                let more = i64::from(u32::from_be_bytes(more) & 0x7fff_ffff);
                if frame.stream == 0 {
                    self.window += more;
                } else {
                    *self.windows.entry(frame.stream).or_insert(self.initial) += more;
                }
            }
            kind::RST_STREAM => {
                self.open.remove(&frame.stream);
            }
            kind::GOAWAY => return Ok(!self.ready.is_empty()),
            _ => {}
        }
        Ok(true)
    }

    fn headers(&mut self, frame: Frame) -> Result<()> {
        let skip = if frame.flags & PRIORITY == 0 { 0 } else { 5 };
        let mut block = unpadded(&frame, skip)?.to_vec();
        let mut whole = frame.flags & END_HEADERS != 0;
        while !whole {
            let Some(more) = self.read()? else { bail!("the client left in a header block") };
            ensure!(more.kind == kind::CONTINUATION, "something inside a header block");
            block.extend(&more.payload);
            whole = more.flags & END_HEADERS != 0;
        }
        let mut request = Request::default();
        self.decoder.push(&block, &mut |field| {
            let text = |part: Option<&[u8]>| {
                String::from_utf8_lossy(part.unwrap_or_default()).into_owned()
            };
            let (name, value) = (text(field.name), text(field.value));
            match name.as_str() {
                ":method" => request.method = value,
                ":path" => request.path = split_query(&value).to_owned(),
                _ => request.headers.push((name, value)),
            }
        })?;
        self.decoder.finish()?;
        // Trailers of an open request are of no interest.
        self.open.entry(frame.stream).or_insert(request);
        self.ended(&frame);
        Ok(())
    }

    fn ended(&mut self, frame: &Frame) {
        if frame.flags & END_STREAM != 0
            && let Some(request) = self.open.remove(&frame.stream)
        {
            self.ready.push((frame.stream, request));
        }
    }
}

/// A payload without its padding and without `skip` bytes at its beginning.
fn unpadded(frame: &Frame, skip: usize) -> Result<&[u8]> {
    let payload = frame.payload.as_slice();
    if frame.flags & PADDED == 0 {
        return payload.get(skip..).context("a frame too short");
    }
    let (padding, rest) = payload.split_first().context("a frame too short")?;
    let end = rest.len().checked_sub(usize::from(*padding)).context("padding")?;
    rest.get(skip..end).context("a frame too short")
}
