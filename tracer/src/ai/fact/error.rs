//! An error as it stood in a body: its parts, wherever they were.

use super::ErrorPart;
use crate::ai::json::Value;

/// Most text of an error's details.
const MAX_DETAILS: usize = 4096;

/// An error as it stood in a body.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ErrorText {
    pub code: Option<String>,
    pub kind: Option<String>,
    pub message: Option<String>,
    pub details: String,
    pub retry_delay: Option<String>,
    pub status: Option<u16>,
}

impl ErrorText {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn fill_from(&mut self, other: Self) {
        self.code = self.code.take().or(other.code);
        self.kind = self.kind.take().or(other.kind);
        self.message = self.message.take().or(other.message);
        self.status = self.status.or(other.status);
    }

    pub(super) fn take(&mut self, part: ErrorPart, value: Value<'_>) {
        let text = match value {
            Value::Text { text, .. } if !text.is_empty() => text.to_owned(),
            // Some answer well with code 0.
            Value::Number(n) if n != 0.0 => n.to_string(),
            _ => return,
        };
        match part {
            ErrorPart::Code => self.code = Some(text),
            ErrorPart::Kind if text != "error" => self.kind = Some(text),
            ErrorPart::Kind => {}
            ErrorPart::Message => self.message = Some(text),
            ErrorPart::RetryDelay => self.retry_delay = Some(text),
            ErrorPart::Status => self.status = text.parse().ok(),
            ErrorPart::Details => {
                if self.details.len() + text.len() < MAX_DETAILS {
                    self.details.push_str(&text);
                    self.details.push(' ');
                }
            }
        }
    }
}

/// Says nothing of the texts: providers echo keys and prompts in messages.
impl std::fmt::Debug for ErrorText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ErrorText").field("status", &self.status).finish_non_exhaustive()
    }
}
