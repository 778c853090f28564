//! Forms (`multipart/form-data`, RFC 7578): the short text fields, files read over.
//!
//! In: bytes, cut anywhere. Out: name and value of each field that is no file. Limits: values and
//! part headers are kept up to [`MAX_FIELD`]; nothing of a file is.

use memchr::memmem;

/// Longest value or header block kept.
const MAX_FIELD: usize = 1024;

#[derive(Debug)]
pub struct Parser {
    /// `\r\n--boundary`
    delimiter: Vec<u8>,
    state: State,
    /// Bytes not decided on: of a header block, or the beginning of a delimiter.
    held: Vec<u8>,
    name: Option<String>,
    value: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Headers,
    Body,
    Over,
}

impl Parser {
    /// By the request's content type; `None`: no form.
    pub fn new(content_type: &str) -> Option<Self> {
        let (kind, parameters) = content_type.split_once(';')?;
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let boundary = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
        })?;
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first delimiter has no line before it.
        let held = b"\r\n".to_vec();
        Some(Self { delimiter, state: State::Body, held, name: None, value: Vec::new() })
    }

    /// Takes bytes and tells each field that has ended.
    pub fn push(&mut self, data: &[u8], field: &mut impl FnMut(&str, &str)) {
        self.held.extend_from_slice(data);
        loop {
            match self.state {
                State::Over => {
                    self.held.clear();
                    return;
                }
                State::Headers => {
                    if self.held.starts_with(b"--") {
                        self.state = State::Over;
                        continue;
                    }
                    let Some(end) = memmem::find(&self.held, b"\r\n\r\n") else {
                        if self.held.len() > MAX_FIELD {
                            self.state = State::Over;
                            continue;
                        }
                        return;
                    };
                    self.name = plain_field(&self.held[..end]);
                    // The value may be empty: the delimiter's line end stays.
                    self.held.drain(..end + 2);
                    self.held.drain(..2);
                    self.value.clear();
                    self.state = State::Body;
                }
                State::Body => {
                    let found = memmem::find(&self.held, &self.delimiter);
                    let sure = self.held.len().saturating_sub(self.delimiter.len());
                    let end = found.unwrap_or(sure);
                    if self.name.is_some() {
                        let room = MAX_FIELD.saturating_sub(self.value.len());
                        self.value.extend_from_slice(&self.held[..end.min(room)]);
                    }
                    if found.is_none() {
                        self.held.drain(..end);
                        return;
                    }
                    self.held.drain(..end + self.delimiter.len());
                    if let Some(name) = self.name.take() {
                        field(&name, &String::from_utf8_lossy(&self.value));
                    }
                    self.state = State::Headers;
                }
            }
        }
    }
}

/// The name in a part's headers; `None` when the part is a file.
fn plain_field(headers: &[u8]) -> Option<String> {
    let headers = String::from_utf8_lossy(headers);
    let disposition = headers
        .split("\r\n")
        .find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    if disposition.contains("filename") {
        return None;
    }
    let (_, name) = disposition.split_once("name=")?;
    Some(name.split(';').next().unwrap_or_default().trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_however_cut() {
        let body = b"--xyz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
            --xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\r\n--xy\r\n\
            --xyz\r\nContent-Disposition: form-data; name=empty\r\n\r\n\r\n--xyz--\r\n";
        for cut in 0..body.len() {
            let mut parser = Parser::new("multipart/form-data; boundary=\"xyz\"").unwrap();
            let mut seen = Vec::new();
            for part in [&body[..cut], &body[cut..]] {
                parser
                    .push(part, &mut |name, value| seen.push((name.to_owned(), value.to_owned())));
            }
            let expected =
                [("model", "whisper-1"), ("empty", "")].map(|(a, b)| (a.into(), b.into()));
            assert_eq!(seen, expected, "cut at {cut}");
        }
    }

    #[test]
    fn files_are_not_held() {
        let mut parser = Parser::new("multipart/form-data; boundary=b").unwrap();
        let head = b"--b\r\nContent-Disposition: form-data; name=f; filename=g\r\n\r\n";
        parser.push(head, &mut |_, _| {});
        for _ in 0..1000 {
            parser.push(&[b'\r'; 4096], &mut |_, _| {});
            assert!(parser.held.len() < 4200 && parser.value.is_empty());
        }
    }
}
