//! The request's side of an exchange: what it asks for.

use bytes::Bytes;

use super::Exchange;
use crate::ai::framing::multipart;
use crate::ai::json::Scanner;
use crate::event::BootTime;

/// How the request's body is read.
#[derive(Debug)]
pub(super) enum RequestBody {
    Unknown,
    Json(Box<Scanner>),
    Form(Box<multipart::Parser>),
    Opaque,
}

impl Exchange {
    pub fn request_body(&mut self, data: &Bytes) {
        if let RequestBody::Unknown = self.request_body {
            let Some(first) = data.iter().find(|b| !b.is_ascii_whitespace()) else { return };
            self.request_body = match first {
                b'{' | b'[' => RequestBody::Json(Box::new(Scanner::single())),
                _ => RequestBody::Opaque,
            };
        }
        match &mut self.request_body {
            RequestBody::Json(scanner) => scanner.push(data, &mut self.asked),
            RequestBody::Form(form) => {
                let asked = &mut self.asked;
                form.push(data, &mut |name, value| asked.field(name, value));
            }
            RequestBody::Unknown | RequestBody::Opaque => {}
        }
    }

    /// The body is whole; what was asked, unless that is no text.
    pub fn request_end(&mut self, at: BootTime) -> Option<(BootTime, u128)> {
        self.request_ended = at;
        let text = self.asked.history.last_text().filter(|_| !self.request_gap)?;
        Some((self.started, text))
    }

    pub fn request_gap(&mut self) {
        self.request_gap = true;
        // Where in the document it would go on is not known.
        self.request_body = RequestBody::Opaque;
    }

    /// A piece of a WebSocket message that the client sent; `last` ends it.
    pub fn asked_message(&mut self, at: BootTime, data: &Bytes, last: bool) {
        let RequestBody::Json(scanner) = &mut self.request_body else {
            self.request_body = RequestBody::Json(Box::new(Scanner::sequence()));
            return self.asked_message(at, data, last);
        };
        scanner.push(data, &mut self.asked);
        if last {
            scanner.reset();
            self.request_ended = at;
        }
    }
}
