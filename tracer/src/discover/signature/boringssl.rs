//! BoringSSL linked in and stripped, as in Bun.
//!
//! `OPENSSL_PUT_ERROR` leaves (library, code, file, line) in the code, and the lines of one file tell
//! functions apart (ssl/ssl_lib.cc):
//!
//! ```text
//! ssl_read_impl     226 no handshake function   215 handshake failed      ─┐ calls SSL_do_handshake
//! SSL_peek          66 not for QUIC             ── inlined in SSL_read, which takes what it read away
//! SSL_write         66  +5: 226  +20: 215  +26: 111 bad length             ─┘ calls SSL_do_handshake
//! SSL_do_handshake  134 neither client nor server
//! SSL_set_tlsext_host_name   213 not a name
//! ```

use super::SignatureError;
use super::code::{self, Body};
use crate::discover::elf::Function;
use crate::discover::image::Image;
use crate::discover::probe_point;
use crate::discover::{Hook, Shape};

const FILE: &str = "ssl/ssl_lib.cc";
/// `ERR_LIB_SSL`; codes of openssl/err.h and openssl/ssl.h.
const LIBRARY: u64 = 16;
const SHOULD_NOT_HAVE_BEEN_CALLED: u64 = 66;
const UNINITIALIZED: u64 = 226;
const HANDSHAKE_FAILURE: u64 = 215;
const BAD_LENGTH: u64 = 111;
const CONNECTION_TYPE_NOT_SET: u64 = 134;
const INVALID_SERVERNAME: u64 = 213;

/// An error that a function may raise: code and source line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Raise {
    code: u64,
    line: u64,
}

struct Raising {
    body: Body,
    raises: Vec<Raise>,
}

impl Raising {
    fn new(body: Body, file: u64) -> Self {
        let raise = |c: code::Constants| {
            (c.rcx == Some(file) && c.rdi == Some(LIBRARY)).then_some(())?;
            Some(Raise { code: c.rdx?, line: c.r8? })
        };
        let raises = body.constants().into_iter().filter_map(raise).collect();
        Self { body, raises }
    }

    fn lines(&self, code: u64) -> impl Iterator<Item = u64> {
        self.raises.iter().filter(move |raise| raise.code == code).map(|raise| raise.line)
    }

    /// Whether it raises a code between two lines.
    fn raises(&self, code: u64, from: u64, to: u64) -> bool {
        self.lines(code).any(|line| (from..=to).contains(&line))
    }

    /// The line of `SSL_write`'s first error, if this is it.
    fn write_line(&self) -> Option<u64> {
        self.lines(SHOULD_NOT_HAVE_BEEN_CALLED).find(|line| {
            self.raises(UNINITIALIZED, line + 4, line + 8)
                && self.raises(HANDSHAKE_FAILURE, line + 14, line + 30)
                && self.raises(BAD_LENGTH, line + 18, line + 36)
        })
    }
}

/// The hooks for a stripped BoringSSL; `None`: the program has its symbols, or no BoringSSL.
///
/// # Errors
/// [`SignatureError`] where it has one and its functions are not recognised beyond doubt.
pub fn boringssl(image: &Image<'_>) -> Result<Option<Vec<Hook>>, SignatureError> {
    if !image.is_x86_64 {
        return Err(SignatureError::Machine);
    }
    if image.functions().any(|(name, ..)| name == "SSL_write") {
        return Ok(None);
    }
    let Some(file) = code::string_ending_in(image, FILE) else { return Ok(None) };
    let not_found = SignatureError::NotFound;
    let places = code::references(image, file);
    if places.is_empty() {
        // Only the words are here.
        return Ok(None);
    }
    let mut functions: Vec<Raising> = Vec::new();
    for body in code::functions_around(image, &places).into_iter().flatten() {
        if !functions.iter().any(|known| known.body.start == body.start) {
            functions.push(Raising::new(body, file));
        }
    }
    let write = only(functions.iter().filter(|f| f.write_line().is_some()))?;
    let line = write.write_line().ok_or(not_found)?;
    let reading = only(functions.iter().filter(|f| {
        f.raises(UNINITIALIZED, line - line.min(180), line - line.min(60))
            && f.raises(HANDSHAKE_FAILURE, line - line.min(150), line - line.min(40))
    }))?;
    let handshake = only(functions.iter().filter(|f| {
        f.lines(CONNECTION_TYPE_NOT_SET).any(|at| at < line)
            && [write, reading].iter().all(|by| by.body.calls().any(|to| to == f.body.start))
    }))?;
    // `SSL_peek` comes right before `SSL_write` and asks `ssl_read_impl`, or has it inlined.
    let peeks: Vec<&Raising> = functions
        .iter()
        .filter(|f| f.raises(SHOULD_NOT_HAVE_BEEN_CALLED, line - line.min(40), line - line.min(12)))
        .filter(|f| f.body.calls().any(|to| to == reading.body.start))
        .collect();
    let taking = |f: &&&Raising| f.body.writes_behind(reading.body.start);
    let read = match peeks.iter().filter(taking).collect::<Vec<_>>()[..] {
        [read] => read.body.clone(),
        [] => caller_that_takes(image, only(peeks.iter().copied())?)?,
        _ => return Err(SignatureError::Ambiguous),
    };
    let mut hooks = vec![
        ("SSL_write", &write.body, Shape::Write),
        ("SSL_read", &read, Shape::Read),
        ("SSL_do_handshake", &handshake.body, Shape::BoringHandshake),
    ];
    // Without it the first bytes of a connection decide, or the name in its request.
    if let Ok(name) = only(functions.iter().filter(|f| f.lines(INVALID_SERVERNAME).count() == 1)) {
        hooks.push(("SSL_set_tlsext_host_name", &name.body, Shape::BoringName));
    }
    let hooks = hooks.into_iter().map(|(name, body, shape)| hook(image, name, body, shape));
    hooks.collect::<Option<_>>().ok_or(not_found).map(Some)
}

/// `SSL_read` where `SSL_peek` is a function of its own: its caller that takes away what was peeked.
fn caller_that_takes(image: &Image<'_>, peek: &Raising) -> Result<Body, SignatureError> {
    let places = code::calls_to(image, peek.body.start);
    let mut callers: Vec<Body> = Vec::new();
    for body in code::functions_around(image, &places).into_iter().flatten() {
        if body.writes_behind(peek.body.start) && !callers.iter().any(|c| c.start == body.start) {
            callers.push(body);
        }
    }
    only(callers.into_iter())
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Result<T, SignatureError> {
    let first = found.next().ok_or(SignatureError::NotFound)?;
    if found.next().is_some() { Err(SignatureError::Ambiguous) } else { Ok(first) }
}

fn hook(image: &Image<'_>, name: &str, body: &Body, shape: Shape) -> Option<Hook> {
    let function: Function<'_> = image.code(body.start, Some(body.end() - body.start))?;
    let point = probe_point::within(function, shape)?;
    Some(Hook {
        shape: point.shape,
        symbols: vec![format!("{name} (by signature)")],
        offset: point.offset,
        returns: Vec::new(),
        parameter: 0,
        instruction: point.instruction,
        emulated: point.emulated,
        reason: point.reason,
    })
}
