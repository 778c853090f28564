//! Events into a recording, one frame each.

use std::io::Write;

use super::{Event, Sink, SinkError};
use crate::recording::write_frame;

#[derive(Debug)]
pub struct Recording<W>(pub W);

impl<W: Write + Send> Sink for Recording<W> {
    fn name(&self) -> &'static str {
        "recording"
    }

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        Ok(write_frame(&mut self.0, &event.line)?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.0.flush()?)
    }
}
