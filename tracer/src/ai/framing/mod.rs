//! How documents are packed into a body: one JSON, JSON a line, an array of them, SSE, AWS event
//! stream, a form.

pub mod eventstream;
pub mod multipart;

/// A body's packing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One document, one a line, or one array of them: the scanner reads all three.
    Json,
    Sse,
    EventStream,
    /// Sound, pictures, pages.
    Opaque,
}

/// Bytes that decide when the content type does not.
pub const SNIFF: usize = 16;

impl Framing {
    /// By content type; `None`: the first bytes must tell.
    pub fn of(content_type: Option<&str>) -> Option<Self> {
        let kind = content_type?.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match &*kind {
            "text/event-stream" => Some(Self::Sse),
            "application/vnd.amazon.eventstream" => Some(Self::EventStream),
            "text/html" => Some(Self::Opaque),
            kind if kind.starts_with("audio/")
                || kind.starts_with("image/")
                || kind.starts_with("video/") =>
            {
                Some(Self::Opaque)
            }
            _ => None,
        }
    }

    /// By the first bytes, white space skipped; `None`: too few.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.trim_ascii_start();
        match bytes.first()? {
            b'{' | b'[' | b'"' => return Some(Self::Json),
            b':' => return Some(Self::Sse),
            _ => {}
        }
        let fields: [&[u8]; 4] = [b"data:", b"event:", b"id:", b"retry:"];
        if fields.iter().any(|field| bytes.starts_with(field)) {
            return Some(Self::Sse);
        }
        if fields.iter().any(|field| field.starts_with(bytes)) {
            return None;
        }
        if bytes.len() < eventstream::PRELUDE && bytes.first() == Some(&0) {
            return None;
        }
        if eventstream::is_prelude(bytes) {
            return Some(Self::EventStream);
        }
        Some(Self::Opaque)
    }
}
