//! One message's head, put together from the fields of a header block (RFC 9113, section 8).
//!
//! In: fields, perhaps unknown. Out: what a request or response head needs; allowed headers only.
//! Limits: [`super::HEAD`] bytes kept; what breaks a rule is dropped, and the head says so.

use super::HEAD;
use super::hpack::Field;
use crate::http::headers::Headers;

#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) method: Option<String>,
    pub(super) path: Option<String>,
    pub(super) authority: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) headers: Headers,
    pub(super) content_length: Option<u64>,
    /// Some field's name or value is unknown.
    pub(super) unknown: u64,
    pub(super) left_out: u64,
    pub(super) malformed: bool,
    scheme: bool,
    /// A field other than a pseudo-header came.
    regular: bool,
}

/// Connection-specific fields: section 8.2.2.
const FORBIDDEN: &[&[u8]] =
    &[b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"];

impl Head {
    pub(super) fn field(&mut self, field: Field<'_>) {
        let (Some(name), Some(value)) = (field.name, field.value) else {
            self.unknown += 1;
            return;
        };
        if name.is_empty()
            || name.iter().any(|b| b.is_ascii_uppercase() || *b <= b' ' || *b >= 0x7f)
            || value.iter().any(|b| matches!(b, 0 | b'\r' | b'\n'))
        {
            self.malformed = true;
            return;
        }
        if let Some(pseudo) = name.strip_prefix(b":") {
            self.malformed |= self.regular;
            self.pseudo(pseudo, value);
            return;
        }
        self.regular = true;
        if FORBIDDEN.contains(&name) || (name == b"te" && value != b"trailers") {
            self.malformed = true;
            return;
        }
        if name == b"content-length" {
            self.content_length = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
        }
        if self.fits(value) {
            self.headers.push(name, value);
        }
    }

    /// Whether any pseudo-header is known: trailers have none.
    pub(super) const fn has_pseudo(&self) -> bool {
        self.method.is_some() || self.path.is_some() || self.authority.is_some() || self.scheme
    }

    /// Whether a request's head is whole: section 8.3.1.
    pub(super) fn is_whole_request(&self) -> bool {
        let connect = self.method.as_deref() == Some("CONNECT");
        self.method.is_some() && (connect || (self.path.is_some() && self.scheme))
    }

    pub(super) fn memory(&self) -> usize {
        let len = |part: &Option<String>| part.as_ref().map_or(0, String::len);
        self.headers.memory() + len(&self.method) + len(&self.path) + len(&self.authority)
    }

    fn fits(&mut self, value: &[u8]) -> bool {
        let fits = self.memory() + value.len() <= HEAD;
        self.left_out += u64::from(!fits);
        fits
    }

    fn pseudo(&mut self, name: &[u8], value: &[u8]) {
        if !self.fits(value) {
            // Cut, it would be a wrong value.
            return;
        }
        // No control characters and no spaces: they end up in logs and terminals.
        let text = std::str::from_utf8(value)
            .ok()
            .filter(|text| !text.chars().any(|c| c.is_control() || c.is_whitespace()));
        let Some(text) = text else {
            self.malformed = true;
            return;
        };
        let again = match name {
            b"method" => set(&mut self.method, text.to_owned()),
            b"path" => set(&mut self.path, text.to_owned()),
            b"authority" => set(&mut self.authority, text.to_ascii_lowercase()),
            b"scheme" => std::mem::replace(&mut self.scheme, true),
            b"status" => match text.parse() {
                Ok(status @ 100..=999) if text.len() == 3 => set(&mut self.status, status),
                _ => true,
            },
            // Extended CONNECT (RFC 8441).
            b"protocol" => false,
            _ => true,
        };
        self.malformed |= again;
    }
}

/// Keeps the first value; whether there was one already.
fn set<T>(slot: &mut Option<T>, value: T) -> bool {
    let again = slot.is_some();
    slot.get_or_insert(value);
    again
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&str, &str)]) -> Head {
        let mut head = Head::default();
        for (name, value) in fields {
            head.field(Field { name: Some(name.as_bytes()), value: Some(value.as_bytes()) });
        }
        head
    }

    #[test]
    fn keeps_the_first_of_two_and_tells() {
        let head = head(&[(":path", "/a"), (":path", "/b")]);
        assert_eq!(head.path.as_deref(), Some("/a"));
        assert!(head.malformed);
    }

    #[test]
    fn drops_what_would_break_a_log_line() {
        let head = head(&[(":path", "/a\x1b[31m"), ("user-agent", "x\r\ny: z")]);
        assert_eq!((head.path.as_deref(), head.headers.iter().count()), (None, 0));
        assert!(head.malformed);
    }

    #[test]
    fn keeps_no_more_than_the_cap() {
        let fields = vec![("user-agent", "x".repeat(1000)); 50];
        let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let head = head(&fields);
        assert!(head.memory() <= HEAD && head.left_out > 40);
    }
}
