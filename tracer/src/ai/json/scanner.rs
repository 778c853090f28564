//! The scanner: one state per byte, strings in runs.

use std::ops::Range;

use super::number::Number;
use super::{Key, Path};

/// Deepest nesting; beyond it the document is refused.
pub const MAX_DEPTH: usize = 512;
/// Longest key looked up; no known key is longer.
const MAX_KEY: usize = 48;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Unescaped; `cut`: it went on beyond the key's cap.
    Text {
        text: &'a str,
        cut: bool,
    },
    Number(f64),
    Bool(bool),
    Null,
}

impl<'a> Value<'a> {
    pub const fn text(self) -> Option<&'a str> {
        match self {
            Self::Text { text, .. } => Some(text),
            _ => None,
        }
    }
    /// A count: a whole number from 0 on, also when written with a point (`14.0`).
    pub fn count(self) -> Option<u64> {
        match self {
            // Exact below 2^53, and no count is larger.
            Self::Number(n) if n >= 0.0 && n.fract() == 0.0 && n < 9e15 => Some(n as u64),
            _ => None,
        }
    }
}

/// What is told of a document.
pub trait Visitor {
    /// Whether [`Visitor::text`] is told.
    const READS_TEXT: bool = false;

    /// A piece of a text as it comes, unescaped, however long the text is; [`Visitor::value`] follows
    /// when it ends.
    fn text(&mut self, _path: &Path, _piece: &[u8]) {}
    fn value(&mut self, path: &Path, value: Value<'_>);
    /// The same with the value's place in what was last pushed, quotes left out; only of use when
    /// the whole document was pushed at once.
    fn value_at(&mut self, path: &Path, value: Value<'_>, _span: Range<usize>) {
        self.value(path, value);
    }
    /// An object or array opens.
    fn open(&mut self, _path: &Path) {}
    /// An object or array ends; `items`: elements or members it had.
    fn close(&mut self, _path: &Path, _items: u32) {}
    /// A document is whole.
    fn document(&mut self) {}
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("no JSON at this byte")]
    Syntax,
    #[error("nested more than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("the document is not whole")]
    Cut,
}

#[derive(Clone, Debug)]
enum State {
    /// Before a document.
    Start,
    /// A value must come; `close`: or the array's end, it being empty.
    Value {
        close: bool,
    },
    /// A key must come; `close`: or the object's end.
    Key {
        close: bool,
    },
    Colon,
    /// After a value inside a container.
    After,
    Text {
        key: bool,
    },
    Escape {
        key: bool,
    },
    Unicode {
        key: bool,
        left: u8,
        code: u16,
    },
    Number(Number),
    /// `rest` of `true`, `false` or `null`.
    Word {
        rest: &'static [u8],
        value: Word,
    },
    /// One document was asked for, and it is over.
    Over,
    Failed(JsonError),
}

#[derive(Clone, Copy, Debug)]
enum Word {
    True,
    False,
    Null,
}

/// Reads one document or a sequence of them (NDJSON and the like).
#[derive(Clone, Debug)]
pub struct Scanner {
    state: State,
    sequence: bool,
    path: Path,
    /// One bit a level, set for objects.
    objects: [u64; MAX_DEPTH / 64],
    /// Elements so far, of the tracked and untracked levels alike.
    depth: usize,
    text: Vec<u8>,
    cap: usize,
    cut: bool,
    /// Where in the pushed bytes the scan is, and where the value under way began.
    at: usize,
    begin: usize,
    /// First half of a surrogate pair.
    surrogate: Option<u16>,
    /// Looking for the next line after an error or a hole in a sequence.
    resync: bool,
}

impl Scanner {
    /// One document; bytes after it are an error.
    pub fn single() -> Self {
        Self::with(false)
    }

    /// Documents one after the other, white space between them or not. After bytes that are no
    /// JSON it goes on with the next line.
    pub fn sequence() -> Self {
        Self::with(true)
    }

    fn with(sequence: bool) -> Self {
        Self {
            state: State::Start,
            sequence,
            path: Path::default(),
            objects: [0; MAX_DEPTH / 64],
            depth: 0,
            text: Vec::new(),
            cap: 0,
            cut: false,
            at: 0,
            begin: 0,
            surrogate: None,
            resync: false,
        }
    }

    /// Bytes of memory held, roughly.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.text.capacity()
    }

    /// Forgets the document under way.
    pub fn reset(&mut self) {
        self.state = State::Start;
        self.path.clear();
        self.depth = 0;
        self.resync = false;
    }

    /// Bytes are missing here: a document under way is lost, of a sequence the next line is read.
    pub fn gap(&mut self) {
        self.reset();
        if self.sequence {
            self.resync = true;
        } else {
            self.state = State::Failed(JsonError::Cut);
        }
    }

    /// What stopped the scan.
    pub const fn error(&self) -> Option<JsonError> {
        match self.state {
            State::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// No more bytes: whether the last document is whole.
    ///
    /// # Errors
    /// What stopped the scan; [`JsonError::Cut`] when it ends inside a document, or before one.
    pub fn finish(&mut self, visitor: &mut impl Visitor) -> Result<(), JsonError> {
        if let (State::Number(number), 0) = (&self.state, self.depth) {
            match number.finish() {
                Some(value) => self.scalar(visitor, Value::Number(value)),
                None => self.state = State::Failed(JsonError::Syntax),
            }
        }
        match self.state {
            State::Over => Ok(()),
            State::Start if self.sequence => Ok(()),
            State::Failed(error) => Err(error),
            _ => Err(JsonError::Cut),
        }
    }

    /// The next bytes.
    pub fn push(&mut self, mut data: &[u8], visitor: &mut impl Visitor) {
        loop {
            if self.resync {
                let Some(line) = memchr::memchr(b'\n', data) else { return };
                data = data.get(line + 1..).unwrap_or_default();
                self.resync = false;
            }
            match self.scan(data, visitor) {
                Ok(()) => return,
                Err((error, at)) if !self.sequence => {
                    let _ = at;
                    self.state = State::Failed(error);
                    return;
                }
                Err((_, at)) => {
                    self.reset();
                    self.resync = true;
                    data = data.get(at..).unwrap_or_default();
                }
            }
        }
    }

    /// `Err`: the error and the place of its byte.
    fn scan(&mut self, data: &[u8], visitor: &mut impl Visitor) -> Result<(), (JsonError, usize)> {
        let mut at = 0;
        while let Some(&byte) = data.get(at) {
            self.at = at;
            if let State::Text { key } = self.state {
                at += self.text_run(&data[at..], key, visitor).ok_or((JsonError::Syntax, at))?;
                continue;
            }
            if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') && self.between() {
                at += 1;
                continue;
            }
            if self.step(byte, visitor).map_err(|error| (error, at))? {
                at += 1;
            }
        }
        Ok(())
    }

    /// White space may stand here.
    const fn between(&self) -> bool {
        matches!(
            self.state,
            State::Start
                | State::Value { .. }
                | State::Key { .. }
                | State::Colon
                | State::After
                | State::Over
        )
    }

    /// One byte outside of a string's plain text. `false`: look at the byte again.
    fn step(&mut self, byte: u8, visitor: &mut impl Visitor) -> Result<bool, JsonError> {
        match &mut self.state {
            State::Start | State::Value { close: false } => self.value(byte, visitor)?,
            State::Value { close: true } if byte == b']' => self.close(visitor),
            State::Value { close: true } => self.value(byte, visitor)?,
            State::Key { close: true } if byte == b'}' => self.close(visitor),
            State::Key { .. } if byte == b'"' => self.begin_text(true),
            State::Colon if byte == b':' => self.state = State::Value { close: false },
            State::After => match (byte, self.in_object()) {
                (b',', true) => self.state = State::Key { close: false },
                (b',', false) => {
                    self.path.next_item();
                    self.state = State::Value { close: false };
                }
                (b'}', true) | (b']', false) => self.close(visitor),
                _ => return Err(JsonError::Syntax),
            },
            State::Escape { key } => {
                let key = *key;
                let plain = match byte {
                    b'"' | b'\\' | b'/' => byte,
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'u' => {
                        self.state = State::Unicode { key, left: 4, code: 0 };
                        return Ok(true);
                    }
                    _ => return Err(JsonError::Syntax),
                };
                self.unpaired(key, visitor);
                self.keep(&[plain], key, visitor);
                self.state = State::Text { key };
            }
            State::Unicode { key, left, code } => {
                let digit = char::from(byte).to_digit(16).ok_or(JsonError::Syntax)?;
                *code = *code << 4 | digit as u16;
                *left -= 1;
                if *left == 0 {
                    let (key, code) = (*key, *code);
                    self.unit(code, key, visitor);
                    self.state = State::Text { key };
                }
            }
            State::Number(number) => {
                if number.push(byte) {
                    return Ok(true);
                }
                let value = number.finish().ok_or(JsonError::Syntax)?;
                self.scalar(visitor, Value::Number(value));
                return Ok(false);
            }
            State::Word { rest, value } => {
                let Some((first, after)) = rest.split_first() else { return Ok(false) };
                if *first != byte {
                    return Err(JsonError::Syntax);
                }
                if after.is_empty() {
                    let value = match value {
                        Word::True => Value::Bool(true),
                        Word::False => Value::Bool(false),
                        Word::Null => Value::Null,
                    };
                    self.scalar(visitor, value);
                } else {
                    *rest = after;
                }
            }
            State::Failed(error) => return Err(*error),
            _ => return Err(JsonError::Syntax),
        }
        Ok(true)
    }

    /// The first byte of a value.
    fn value(&mut self, byte: u8, visitor: &mut impl Visitor) -> Result<(), JsonError> {
        match byte {
            b'{' | b'[' => {
                let object = byte == b'{';
                if self.depth == MAX_DEPTH {
                    return Err(JsonError::TooDeep);
                }
                visitor.open(&self.path);
                let bit = 1 << (self.depth % 64);
                if let Some(word) = self.objects.get_mut(self.depth / 64) {
                    *word = if object { *word | bit } else { *word & !bit };
                }
                self.depth += 1;
                self.path.push(if object { Key::Unknown } else { Key::Item });
                self.state =
                    if object { State::Key { close: true } } else { State::Value { close: true } };
            }
            b'"' => self.begin_text(false),
            b'-' | b'0'..=b'9' => {
                self.begin = self.at;
                self.state = State::Number(Number::new(byte));
            }
            b't' => self.state = State::Word { rest: b"rue", value: Word::True },
            b'f' => self.state = State::Word { rest: b"alse", value: Word::False },
            b'n' => self.state = State::Word { rest: b"ull", value: Word::Null },
            _ => return Err(JsonError::Syntax),
        }
        Ok(())
    }

    fn in_object(&self) -> bool {
        self.depth.checked_sub(1).is_some_and(|level| {
            self.objects.get(level / 64).is_some_and(|word| word >> (level % 64) & 1 == 1)
        })
    }

    fn scalar(&mut self, visitor: &mut impl Visitor, value: Value<'_>) {
        visitor.value_at(&self.path, value, self.begin..self.at.max(self.begin));
        self.ended(visitor);
    }

    fn close(&mut self, visitor: &mut impl Visitor) {
        let empty = matches!(self.state, State::Value { .. } | State::Key { .. });
        let last = self.path.index(self.path.keys().len().saturating_sub(1));
        let items = if empty { 0 } else { last.saturating_add(1) };
        self.depth -= 1;
        self.path.pop();
        visitor.close(&self.path, items);
        self.ended(visitor);
    }

    /// A value is over.
    fn ended(&mut self, visitor: &mut impl Visitor) {
        if self.depth > 0 {
            self.state = State::After;
            return;
        }
        visitor.document();
        self.state = if self.sequence { State::Start } else { State::Over };
    }

    fn begin_text(&mut self, key: bool) {
        self.text.clear();
        self.cap = if key { MAX_KEY } else { self.path.cap() };
        self.cut = false;
        self.surrogate = None;
        self.begin = self.at + 1;
        self.state = State::Text { key };
    }

    /// Plain text up to a quote, a backslash or the data's end. `None`: a control character.
    fn text_run(&mut self, data: &[u8], key: bool, visitor: &mut impl Visitor) -> Option<usize> {
        let run = plain_run(data);
        if run > 0 {
            self.unpaired(key, visitor);
            self.keep(data.get(..run)?, key, visitor);
        }
        self.at += run;
        match data.get(run) {
            None => return Some(run),
            Some(b'"') => self.end_text(key, visitor),
            Some(b'\\') => self.state = State::Escape { key },
            Some(_) => return None,
        }
        Some(run + 1)
    }

    fn keep<V: Visitor>(&mut self, bytes: &[u8], key: bool, visitor: &mut V) {
        if V::READS_TEXT && !key {
            visitor.text(&self.path, bytes);
        }
        let room = self.cap.saturating_sub(self.text.len());
        self.cut |= bytes.len() > room;
        self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// One UTF-16 unit of `\uXXXX`.
    fn unit(&mut self, code: u16, key: bool, visitor: &mut impl Visitor) {
        let mut utf8 = [0; 4];
        match (self.surrogate.take(), code) {
            (Some(high), 0xdc00..=0xdfff) => {
                let code = 0x1_0000 + ((u32::from(high) - 0xd800) << 10) + u32::from(code) - 0xdc00;
                let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                self.keep(c.encode_utf8(&mut utf8).as_bytes(), key, visitor);
            }
            (high, code) => {
                if high.is_some() {
                    self.keep("\u{fffd}".as_bytes(), key, visitor);
                }
                if (0xd800..0xdc00).contains(&code) {
                    self.surrogate = Some(code);
                    return;
                }
                let c = char::from_u32(u32::from(code)).unwrap_or(char::REPLACEMENT_CHARACTER);
                self.keep(c.encode_utf8(&mut utf8).as_bytes(), key, visitor);
            }
        }
    }

    /// Half a surrogate pair was followed by something else.
    fn unpaired(&mut self, key: bool, visitor: &mut impl Visitor) {
        if self.surrogate.take().is_some() {
            self.keep("\u{fffd}".as_bytes(), key, visitor);
        }
    }

    fn end_text(&mut self, key: bool, visitor: &mut impl Visitor) {
        self.unpaired(key, visitor);
        if key {
            let known = if self.cut { Key::Unknown } else { Key::find(&self.text) };
            self.path.set(known);
            self.state = State::Colon;
            return;
        }
        if self.cut {
            // A character may have been cut in two.
            let whole = match std::str::from_utf8(&self.text) {
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                _ => self.text.len(),
            };
            self.text.truncate(whole);
        }
        let text = std::mem::take(&mut self.text);
        let value = Value::Text { text: &String::from_utf8_lossy(&text), cut: self.cut };
        self.scalar(visitor, value);
        self.text = text;
    }
}

/// How many bytes from the start of `data` are neither quote, backslash nor control: eight at a time.
pub(crate) fn plain_run(data: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |x: u64| x.wrapping_sub(ONES) & !x & HIGH;
    let mut run = 0;
    for eight in data.chunks_exact(8) {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(eight);
        let x = u64::from_le_bytes(bytes);
        let quote = zero(x ^ (ONES * b'"' as u64));
        let backslash = zero(x ^ (ONES * b'\\' as u64));
        let control = x.wrapping_sub(ONES * 0x20) & !x & HIGH;
        let found = quote | backslash | control;
        if found != 0 {
            // The lowest set bit is exact; borrows only spoil higher ones.
            return run + (found.trailing_zeros() / 8) as usize;
        }
        run += 8;
    }
    let rest = data.get(run..).unwrap_or_default();
    run + rest.iter().take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Default, Debug, PartialEq)]
    struct Seen(Vec<String>);
    impl Visitor for Seen {
        fn value(&mut self, path: &Path, value: Value<'_>) {
            self.0.push(format!("{:?} {value:?}", path.keys()));
        }
        fn close(&mut self, path: &Path, items: u32) {
            self.0.push(format!("{:?} {items}", path.keys()));
        }
        fn document(&mut self) {
            self.0.push("document".into());
        }
    }

    fn read(scanner: &mut Scanner, parts: &[&[u8]]) -> (Vec<String>, Result<(), JsonError>) {
        let mut seen = Seen::default();
        for part in parts {
            scanner.push(part, &mut seen);
        }
        let end = scanner.finish(&mut seen);
        (seen.0, end)
    }

    #[test]
    fn values_have_their_place() {
        let text = br#"{"usage":{"prompt_tokens":12,"x":[1]},"choices":[{"index":0},{"index":1,"finish_reason":"stop"}]}"#;
        let (seen, end) = read(&mut Scanner::single(), &[text]);
        assert_eq!(end, Ok(()));
        assert!(seen.contains(&"[Usage, PromptTokens] Number(12.0)".to_owned()));
        assert!(seen.contains(&"[Choices] 2".to_owned()));
        let finish = "[Choices, Item, FinishReason] Text { text: \"stop\", cut: false }";
        assert!(seen.contains(&finish.to_owned()));
    }

    #[test]
    fn text_is_unescaped_and_cut() {
        let (seen, _) =
            read(&mut Scanner::single(), &[br#"{"model":"a\u00e9\ud83d\ude00\n\"\ud800z"}"#]);
        assert!(seen[0].contains("aé😀\\n\\\"\u{fffd}z"), "{}", seen[0]);
        let long = format!("{{\"model\":\"{}\"}}", "é".repeat(500));
        let (seen, end) = read(&mut Scanner::single(), &[long.as_bytes()]);
        assert!(seen[0].contains("cut: true") && end.is_ok());
    }

    #[test]
    fn a_sequence_survives_broken_lines_and_holes() {
        let mut scanner = Scanner::sequence();
        let (seen, end) = read(&mut scanner, &[b"{\"id\":\"a\"}\n{\"id\"; 1}\n{\"id\":\"b\"}"]);
        assert_eq!(seen.iter().filter(|s| *s == "document").count(), 2);
        assert_eq!(end, Ok(()));
        let mut seen = Seen::default();
        scanner.push(b"{\"id\":", &mut seen);
        scanner.gap();
        scanner.push(b"lost\"}\n{\"id\":\"c\"}\n", &mut seen);
        assert_eq!(seen.0.last().map(String::as_str), Some("document"));
    }

    proptest! {
        #[test]
        fn runs_stop_where_they_should(data in proptest::collection::vec(any::<u8>(), 0..64)) {
            let slow = data.iter().take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)).count();
            prop_assert_eq!(plain_run(&data), slow);
        }

        #[test]
        fn cuts_change_nothing(cut in 0usize..200, text in "[\\[\\]{}\":,0-9a-etrufalsn\\\\ .-]{0,80}") {
            for sequence in [false, true] {
                let mut whole = Scanner::with(sequence);
                let mut parts = whole.clone();
                let bytes = text.as_bytes();
                let (head, tail) = bytes.split_at(cut.min(bytes.len()));
                prop_assert_eq!(read(&mut whole, &[bytes]), read(&mut parts, &[head, tail]));
            }
        }
    }
}
