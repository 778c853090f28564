//! Lines to any writer: standard output, a pipe.

use std::io::{self, Write};

use super::{Event, Sink, SinkError};

/// Bytes held before they are written although more events are at hand.
const BUFFER: usize = 64 * 1024;

#[derive(Debug)]
pub struct Jsonl<W> {
    name: String,
    writer: W,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that the writer has.
    written: usize,
}

impl<W: Write> Jsonl<W> {
    pub fn new(name: impl Into<String>, writer: W) -> Self {
        Self { name: name.into(), writer, buffer: Vec::with_capacity(2 * BUFFER), written: 0 }
    }

    fn drain(&mut self) -> io::Result<()> {
        while self.written < self.buffer.len() {
            match self.writer.write(&self.buffer[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.buffer.clear();
        self.written = 0;
        self.writer.flush()
    }
}

impl<W: Write + Send> Sink for Jsonl<W> {
    fn name(&self) -> &str {
        &self.name
    }

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        self.buffer.extend_from_slice(&event.line);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.drain().map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => SinkError::Closed,
            _ => SinkError::Io(error),
        })
    }
}
