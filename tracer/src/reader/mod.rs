//! Reads `aitrace/1` events back [pure]: from a file, the agent's socket, or a sink's own queue.
//!
//! In: one line. Out: a typed event with the keys that history, report, live view and policies use;
//! unknown keys and events are no error, since fields are only added. Bounded by
//! [`crate::sinks::schema::MAX_LINE`].

mod call;
mod gpu;
mod heartbeat;
mod progress;
mod time;
mod who;

use serde::Deserialize;
use thiserror::Error;

pub use self::call::CallEvent;
pub use self::gpu::{GpuFailureEvent, GpuUsageEvent};
pub use self::heartbeat::HeartbeatEvent;
pub use self::progress::ProgressEvent;
pub use self::time::parse_rfc3339;
pub use self::who::WhoKeys;
use crate::sinks::schema::MAX_LINE;

#[derive(Debug, Error)]
pub enum ReadError {
    #[error("a line of {0} bytes: events have at most {MAX_LINE}")]
    TooLong(usize),
    /// Without the offending text: it is not ours to print.
    #[error("no aitrace event: {0}")]
    Json(#[from] serde_json::Error),
}

/// An event of any kind this build knows.
#[derive(Clone, Debug)]
pub enum Event {
    Call(Box<CallEvent>),
    GpuUsage(Box<GpuUsageEvent>),
    GpuFailure(Box<GpuFailureEvent>),
    Heartbeat(Box<HeartbeatEvent>),
    Progress(Box<ProgressEvent>),
    /// Of a kind that is not read back; its name.
    Other(String),
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, rename = "event.name")]
    name: std::borrow::Cow<'a, str>,
}

/// Reads one line, its end included or not.
///
/// # Errors
/// [`ReadError`] for what is no event.
pub fn read(line: &[u8]) -> Result<Event, ReadError> {
    if line.len() > MAX_LINE {
        return Err(ReadError::TooLong(line.len()));
    }
    let named: Named<'_> = serde_json::from_slice(line)?;
    Ok(match &*named.name {
        "ai.call" => Event::Call(serde_json::from_slice(line)?),
        "gpu.usage" => Event::GpuUsage(serde_json::from_slice(line)?),
        "gpu.failure" => Event::GpuFailure(serde_json::from_slice(line)?),
        "call.progress" => Event::Progress(serde_json::from_slice(line)?),
        "heartbeat" => Event::Heartbeat(serde_json::from_slice(line)?),
        other => Event::Other(other.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_call_and_ignores_what_it_does_not_know() {
        let line = br#"{"timestamp":"2026-11-26T10:00:00.000000001Z","schema":"aitrace/1","event.name":"ai.call","event.id":"a","seq":3,"severity_text":"INFO","process.pid":7,"gen_ai.operation.name":"chat","gen_ai.provider.name":"openai","gen_ai.usage.input_tokens":12,"aitrace.usage.complete":true,"aitrace.duration_s":0.5,"aitrace.role":"client","aitrace.capture":"complete","later":{"x":1}}
"#;
        let Event::Call(call) = read(line).unwrap() else { panic!("a call") };
        assert_eq!((call.input_tokens, call.output_tokens), (Some(12), None));
        assert_eq!(call.who.pid, Some(7));
        assert!(call.is_counted());
    }

    #[test]
    fn other_events_are_named_and_broken_lines_are_errors() {
        let other = read(br#"{"event.name":"policy.alert"}"#).unwrap();
        assert!(matches!(other, Event::Other(name) if name == "policy.alert"));
        assert!(read(b"{").is_err());
        assert!(read(br#"{"seq":1}"#).is_err());
        assert!(matches!(read(&vec![b' '; MAX_LINE + 1]), Err(ReadError::TooLong(_))));
    }
}
