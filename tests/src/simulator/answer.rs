//! An answer before it has a wire form, and the truth about it.

use serde::{Deserialize, Serialize};

/// What goes back for one request.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
    pub(super) told: Told,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Whole(Vec<u8>),
    Stream(Vec<Piece>),
}

/// One event of a stream.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    /// Carries text: what time to first chunk is measured to.
    pub(super) content: bool,
}

/// Totals as EVENTS.md has them: `input` with cached, `output` with reasoning. Absent: not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    pub input: Option<u64>,
    pub output: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
    pub reasoning: Option<u64>,
}

/// How the exchange ended on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    #[default]
    Complete,
    Cut,
    Reset,
    Stalled,
    Unanswered,
    /// Our write failed: the client left.
    ClientGone,
    Hostile,
}

/// The truth about one exchange: one line of the log, for comparison with events.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Told {
    /// `x-request-id` or `request-id`: unique, joins with `aitrace.provider.request_id`.
    pub request_id: String,
    pub response_id: Option<String>,
    pub host: String,
    pub method: String,
    pub path: String,
    pub provider: String,
    pub operation: String,
    pub request_model: Option<String>,
    pub response_model: Option<String>,
    pub stream: bool,
    pub status: Option<u16>,
    pub tokens: Tokens,
    pub finish_reasons: Vec<String>,
    pub tools_called: Vec<String>,
    /// `aitrace.failure.class` that this answer means.
    pub failure_class: Option<String>,
    pub error_type: Option<String>,
    pub retry_after_s: Option<u64>,
    pub ended: Ended,
    /// Seconds from the request's last byte read to the first content written.
    pub first_chunk_s: Option<f64>,
    /// Seconds from the request's last byte read to the answer's last byte written.
    pub answer_s: f64,
    pub request_body: u64,
    /// Body bytes before framing, as far as written.
    pub response_body: u64,
    /// Client's port: tells connections apart.
    pub client_port: u16,
    /// 1, 2, ... on its connection.
    pub turn: u32,
}
