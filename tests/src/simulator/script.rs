//! What a client asks the simulator to play, in one request header.
//!
//! `x-sim: in=120; out=45; cached=20; events=500; pace-us=200; split=7; cut=3`
//! In: the header's value. Out: a [`Script`]; every field has a default, an unknown word is an
//! error so that a typing mistake never tests something else.

use std::time::Duration;

use thiserror::Error;

/// The request header that holds a script.
pub const HEADER: &str = "x-sim";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Total input tokens, cached included. Default: derived from the body's size.
    pub input: Option<u64>,
    /// Total output tokens, reasoning included. Default 16.
    pub output: Option<u64>,
    pub cached: u64,
    pub cache_write: u64,
    pub reasoning: u64,
    /// Pieces of text in a stream (default 8), or words of a whole answer.
    pub events: Option<usize>,
    /// Names of the tools that the answer calls.
    pub tools: Vec<String>,
    /// Bytes of filling in each piece of text.
    pub pad: usize,

    /// Before the head.
    pub wait: Duration,
    /// Before each piece of the body.
    pub pace: Duration,
    /// At most this many bytes in one TLS record.
    pub split: Option<usize>,
    /// At most this many bytes in one write to the socket.
    pub tcp: Option<usize>,
    pub framing: Framing,
    pub gzip: bool,
    /// `connection: close` after this answer.
    pub close: bool,
    /// Answer when the head is read, before the body.
    pub early: bool,

    pub failure: Option<Failure>,
    /// Seconds in `retry-after`.
    pub retry_after: Option<u64>,
    pub ending: Ending,
    pub hostile: Option<Hostile>,
    /// Size of what a hostile server sends.
    pub bytes: usize,
    /// Identifier of a recorded exchange to play instead.
    pub play: Option<String>,
}

/// How the end of the body is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Streams chunked, the rest with a length: what the providers do.
    #[default]
    Usual,
    Length,
    Chunked,
    Close,
}

/// A failure that the provider answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    Status(u16),
    /// 429 with the code of an empty account.
    Quota,
    /// 400: too long for the model.
    Context,
    /// An error event after this many pieces of a 200 stream.
    InStream(usize),
}

/// Counts are pieces of a stream, or bytes of a whole body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    #[default]
    Complete,
    /// FIN after so many.
    Cut(usize),
    /// RST after so many.
    Reset(usize),
    /// Nothing more, connection open, until the client gives up.
    Stall(usize),
    /// FIN instead of any answer.
    Silent,
}

/// Answers that no provider gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostile {
    /// Random bytes instead of an answer.
    Garbage,
    /// One header line of `bytes`.
    HugeHeader,
    /// One SSE line of `bytes`.
    EndlessLine,
    /// Chunk sizes that are no numbers.
    BadChunk,
    /// More body than `content-length` says.
    LongBody,
    /// Less body than `content-length` says, then FIN.
    ShortBody,
    /// A whole second answer that nobody asked for.
    Unasked,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ScriptError {
    #[error("unknown word `{0}`")]
    Unknown(String),
    #[error("`{0}` needs a number")]
    Number(String),
}

impl Script {
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut script = Self { bytes: 1 << 20, ..Self::default() };
        for word in text.split(';').map(str::trim).filter(|word| !word.is_empty()) {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            script.set(key, value).map_err(|error| match error {
                ScriptError::Number(_) => ScriptError::Number(word.to_owned()),
                ScriptError::Unknown(_) => ScriptError::Unknown(word.to_owned()),
            })?;
        }
        Ok(script)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), ScriptError> {
        match key {
            "in" => self.input = Some(number(value)?),
            "out" => self.output = Some(number(value)?),
            "cached" => self.cached = number(value)?,
            "cache-write" => self.cache_write = number(value)?,
            "reasoning" => self.reasoning = number(value)?,
            "events" => self.events = Some(number(value)?),
            "tools" => self.tools = value.split(',').map(str::to_owned).collect(),
            "pad" => self.pad = number(value)?,
            "wait-ms" => self.wait = Duration::from_millis(number(value)?),
            "pace-us" => self.pace = Duration::from_micros(number(value)?),
            "split" => self.split = Some(number::<usize>(value)?.max(1)),
            "tcp" => self.tcp = Some(number::<usize>(value)?.max(1)),
            "framing" => self.framing = framing(value)?,
            "gzip" => self.gzip = true,
            "close" => self.close = true,
            "early" => self.early = true,
            "fail" => self.failure = Some(failure(value)?),
            "retry-after" => self.retry_after = Some(number(value)?),
            "cut" => self.ending = Ending::Cut(number(value)?),
            "reset" => self.ending = Ending::Reset(number(value)?),
            "stall" => self.ending = Ending::Stall(number(value)?),
            "silent" => self.ending = Ending::Silent,
            "hostile" => self.hostile = Some(hostile(value)?),
            "bytes" => self.bytes = number(value)?,
            "play" => self.play = Some(value.to_owned()),
            _ => return Err(ScriptError::Unknown(key.to_owned())),
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, ScriptError> {
    text.parse().map_err(|_| ScriptError::Number(text.to_owned()))
}

fn framing(text: &str) -> Result<Framing, ScriptError> {
    match text {
        "length" => Ok(Framing::Length),
        "chunked" => Ok(Framing::Chunked),
        "close" => Ok(Framing::Close),
        _ => Err(ScriptError::Unknown(text.to_owned())),
    }
}

fn failure(text: &str) -> Result<Failure, ScriptError> {
    match text {
        "quota" => Ok(Failure::Quota),
        "context" => Ok(Failure::Context),
        _ => match text.strip_prefix("stream@") {
            Some(after) => number(after).map(Failure::InStream),
            None => number(text).map(Failure::Status),
        },
    }
}

fn hostile(text: &str) -> Result<Hostile, ScriptError> {
    match text {
        "garbage" => Ok(Hostile::Garbage),
        "huge-header" => Ok(Hostile::HugeHeader),
        "endless-line" => Ok(Hostile::EndlessLine),
        "bad-chunk" => Ok(Hostile::BadChunk),
        "long-body" => Ok(Hostile::LongBody),
        "short-body" => Ok(Hostile::ShortBody),
        "unasked" => Ok(Hostile::Unasked),
        _ => Err(ScriptError::Unknown(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_word_by_word() {
        let script = Script::parse("in=120; out=45; events=3; gzip; fail=stream@2; cut=7").unwrap();
        assert_eq!(script.input, Some(120));
        assert_eq!(script.output, Some(45));
        assert_eq!(script.events, Some(3));
        assert!(script.gzip);
        assert_eq!(script.failure, Some(Failure::InStream(2)));
        assert_eq!(script.ending, Ending::Cut(7));
    }

    #[test]
    fn a_mistake_is_told_apart_from_a_default() {
        assert_eq!(Script::parse("outt=45"), Err(ScriptError::Unknown("outt=45".into())));
        assert_eq!(Script::parse("out=many"), Err(ScriptError::Number("out=many".into())));
    }
}
