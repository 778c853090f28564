//! Server-sent events, as WHATWG HTML section 9.2.6 reads them, without an end of the stream in mind.
//!
//! In: bytes, cut anywhere. Out: [`Event`]s; the data of one that lies in one chunk on one line is a
//! slice of it. Limits: [`MAX_EVENT`] bytes are kept of an event, the rest is read over and marked.

use bytes::{Buf as _, Bytes, BytesMut};

/// Most data kept of one event.
pub const MAX_EVENT: usize = 1 << 20;
/// Longest event name kept.
const MAX_NAME: usize = 128;
const BOM: &[u8] = b"\xef\xbb\xbf";

#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// `None`: a plain message.
    pub name: Option<Bytes>,
    /// Lines joined by `\n`.
    pub data: Bytes,
    /// More than [`MAX_EVENT`]: the rest of `data` is missing.
    pub oversized: bool,
}

/// Says how much, never what.
impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Event")
            .field("name", &self.name)
            .field("len", &self.data.len())
            .field("oversized", &self.oversized)
            .finish()
    }
}

#[derive(Debug, Default)]
pub struct Parser {
    input: Bytes,
    /// Beginning of a line whose end has not come.
    line: BytesMut,
    /// Bytes of the line were left out.
    line_cut: bool,
    /// The last line ended with CR: an LF now belongs to it.
    after_cr: bool,
    /// The stream's first bytes have been looked at for a byte order mark.
    begun: bool,
    /// Reading over what follows a hole, up to an empty line.
    resync: bool,
    name: Option<Bytes>,
    data: Option<Data>,
    oversized: bool,
}

#[derive(Debug)]
enum Data {
    One(Bytes),
    Several(BytesMut),
}

impl Parser {
    /// The next bytes. Poll until `None` before the next call.
    pub fn push(&mut self, data: Bytes) {
        if self.input.is_empty() {
            self.input = data;
        } else {
            // Only when the caller did not poll to the end.
            let mut joined = BytesMut::from(std::mem::take(&mut self.input));
            joined.extend_from_slice(&data);
            self.input = joined.freeze();
        }
    }

    /// Bytes are missing: the event under way is lost, the next one is whole again.
    pub fn gap(&mut self) {
        self.forget();
        self.line.clear();
        self.line_cut = false;
        self.after_cr = false;
        self.resync = true;
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        let data = match &self.data {
            Some(Data::Several(data)) => data.capacity(),
            Some(Data::One(data)) => data.len(),
            None => 0,
        };
        self.line.capacity() + data
    }

    /// The next event; `None`: feed me more.
    pub fn poll(&mut self) -> Option<Event> {
        loop {
            if self.after_cr && !self.input.is_empty() {
                self.after_cr = false;
                if self.input.first() == Some(&b'\n') {
                    self.input.advance(1);
                }
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', &self.input) else {
                let rest = std::mem::take(&mut self.input);
                self.keep_line(&rest);
                return None;
            };
            let mut line = self.input.split_to(end + 1);
            self.after_cr = line.last() == Some(&b'\r');
            line.truncate(end);
            if !self.line.is_empty() || self.line_cut {
                self.keep_line(&line);
                line = self.line.split().freeze();
            }
            let cut = std::mem::take(&mut self.line_cut);
            if let Some(event) = self.take_line(line, cut) {
                return Some(event);
            }
        }
    }

    /// No more bytes: an event that lacks only its empty line. WHATWG drops it; servers that end so
    /// mean it.
    pub fn tail(&mut self) -> Option<Event> {
        if !self.line.is_empty() {
            let line = self.line.split().freeze();
            let cut = std::mem::take(&mut self.line_cut);
            self.take_line(line, cut);
        }
        self.dispatch()
    }

    fn keep_line(&mut self, bytes: &[u8]) {
        let room = MAX_EVENT.saturating_sub(self.line.len());
        self.line_cut |= bytes.len() > room;
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn take_line(&mut self, mut line: Bytes, cut: bool) -> Option<Event> {
        if !self.begun {
            self.begun = true;
            if line.starts_with(BOM) {
                line.advance(BOM.len());
            }
        }
        if line.is_empty() {
            self.resync = false;
            return self.dispatch();
        }
        if self.resync {
            return None;
        }
        let colon = memchr::memchr(b':', line.get(..32).unwrap_or(&line));
        let (name_len, value_at) = match colon {
            Some(at) => (at, at + 1 + usize::from(line.get(at + 1) == Some(&b' '))),
            None => (line.len(), line.len()),
        };
        let value = |line: Bytes| line.slice(value_at..);
        match &line[..name_len] {
            b"data" => {
                self.oversized |= cut;
                self.add(value(line));
            }
            b"event" => {
                let mut name = value(line);
                name.truncate(MAX_NAME);
                self.name = (!name.is_empty()).then_some(name);
            }
            // llama.cpp, before it followed the others.
            b"error" if line.get(value_at) == Some(&b'{') => {
                self.name = Some(Bytes::from_static(b"error"));
                self.add(value(line));
            }
            _ => {}
        }
        None
    }

    fn add(&mut self, value: Bytes) {
        let so_far = match self.data.take() {
            None => {
                self.data = Some(Data::One(value));
                return;
            }
            Some(Data::One(first)) => BytesMut::from(&first[..]),
            Some(Data::Several(data)) => data,
        };
        let mut data = so_far;
        let room = MAX_EVENT.saturating_sub(data.len() + 1);
        self.oversized |= value.len() > room;
        if room > 0 {
            data.extend_from_slice(b"\n");
            data.extend_from_slice(&value[..value.len().min(room)]);
        }
        self.data = Some(Data::Several(data));
    }

    fn forget(&mut self) {
        self.name = None;
        self.data = None;
        self.oversized = false;
    }

    fn dispatch(&mut self) -> Option<Event> {
        let name = self.name.take();
        let oversized = std::mem::take(&mut self.oversized);
        let data = match self.data.take()? {
            Data::One(data) => data,
            Data::Several(data) => data.freeze(),
        };
        Some(Event { name, data, oversized })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: &[&[u8]]) -> Vec<(String, String)> {
        let mut parser = Parser::default();
        let mut seen = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        for part in parts {
            parser.push(Bytes::copy_from_slice(part));
            while let Some(event) = parser.poll() {
                let name = event.name.as_deref().map_or_else(String::new, text);
                seen.push((name, text(&event.data)));
            }
        }
        seen
    }

    #[test]
    fn events_come_whole_however_cut() {
        let wire = b"\xef\xbb\xbf: hi\r\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\ndata: x\n\ndata\rdata\r\rid: 7\n\n";
        let expected = vec![
            ("a".to_owned(), "1\n2".to_owned()),
            (String::new(), "x".to_owned()),
            (String::new(), "\n".to_owned()),
        ];
        for cut in 0..wire.len() {
            assert_eq!(read(&[&wire[..cut], &wire[cut..]]), expected, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(read(&bytes), expected);
    }

    #[test]
    fn an_endless_line_is_bounded_and_the_next_event_right() {
        let mut parser = Parser::default();
        parser.push(Bytes::from_static(b"data: "));
        assert_eq!(parser.poll(), None);
        for _ in 0..40 {
            parser.push(Bytes::from(vec![b'x'; 64 * 1024]));
            assert_eq!(parser.poll(), None);
            assert!(parser.memory() <= 2 * MAX_EVENT + 64 * 1024);
        }
        parser.push(Bytes::from_static(b"\n\ndata: y\n\n"));
        assert!(parser.poll().unwrap().oversized);
        assert_eq!(parser.poll().unwrap().data, "y");
    }

    #[test]
    fn a_hole_costs_one_event() {
        let mut parser = Parser::default();
        parser.push(Bytes::from_static(b"data: a"));
        assert_eq!(parser.poll(), None);
        parser.gap();
        parser.push(Bytes::from_static(b"b\n\ndata: c\n\n"));
        assert_eq!(parser.poll().unwrap().data, "c");
        parser.push(Bytes::from_static(b"data: d\n"));
        assert_eq!(parser.poll(), None);
        assert_eq!(parser.tail().unwrap().data, "d");
    }
}
