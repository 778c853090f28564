//! Go programs: where `crypto/tls` is in them [pure].
//!
//! In: an [`Image`]. Out: hooks for `Conn.Read`, `Write`, `Close` and the client's handshake, each at
//! its entry and at every `ret`. Never a return probe: it would replace a return address that the
//! runtime reads when it moves the stack (hazard: the program crashes).
//!
//! ```text
//! buildinfo → version ─┐
//! pclntab, module → functions by name → abi: prologue, entry, rets → hooks
//! ```

pub mod abi;
pub mod buildinfo;
pub mod module;
pub mod pclntab;

use self::abi::Abi;
use self::pclntab::Pclntab;
use super::elf::Function;
use super::image::Image;
use super::probe_point::Point;
use super::{Hook, Shape};

/// Why a Go program's TLS is not probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoError {
    /// Code of this machine is not disassembled.
    Machine,
    NoTable,
    /// None of the candidates leads to functions.
    NoText,
    NoFunction,
    /// A function does not begin or does not decode as Go's do.
    Code,
    Version,
}

impl GoError {
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Machine => "go_machine_not_supported",
            Self::NoTable => "go_symbol_table_not_found",
            Self::NoText => "go_text_start_not_found",
            Self::NoFunction => "go_function_not_found",
            Self::Code => "go_code_not_understood",
            Self::Version => "go_abi_contradicts_version",
        }
    }
}

const WRITE: &str = "crypto/tls.(*Conn).Write";
const READ: &str = "crypto/tls.(*Conn).Read";
const CLOSE: &str = "crypto/tls.(*Conn).Close";
const HANDSHAKE: &str = "crypto/tls.(*Conn).clientHandshake";
/// In the order of [`Found::functions`].
pub const FUNCTIONS: [&str; 4] = [WRITE, READ, CLOSE, HANDSHAKE];

/// Whether a file is a Go program, whatever else it holds.
pub fn is_go(image: &Image<'_>) -> bool {
    buildinfo::find(image).is_some() || pclntab::find(image).is_some()
}

/// The functions of `crypto/tls`, located.
#[derive(Debug)]
pub struct Found<'a> {
    pub version: Option<buildinfo::Version>,
    pub abi: Abi,
    /// By [`FUNCTIONS`]; the first two are there.
    pub functions: [Option<Function<'a>>; 4],
}

/// Finds the functions by the symbol table, or where there is none by the runtime's own.
///
/// # Errors
/// [`GoError`] where the file is a Go program that has `crypto/tls` and it cannot be probed safely.
/// `Ok(None)`: it has no `crypto/tls`.
pub fn locate<'a>(image: &Image<'a>) -> Result<Option<Found<'a>>, GoError> {
    if !is_go(image) {
        return Ok(None);
    }
    if !image.is_x86_64 {
        return Err(GoError::Machine);
    }
    let version = buildinfo::find(image);
    let functions = match by_symbols(image) {
        Some(functions) => functions,
        None => {
            let table = pclntab::find(image).ok_or(GoError::NoTable)?;
            match by_table(image, &table)? {
                Some(functions) => functions,
                None => return Ok(None),
            }
        }
    };
    let (Some(write), Some(read)) = (functions[0], functions[1]) else {
        return Err(GoError::NoFunction);
    };
    let abi = abi::of(write).ok_or(GoError::Code)?;
    if abi::of(read) != Some(abi) {
        return Err(GoError::Code);
    }
    // The code decides; a version that says otherwise means that something is not what it seems.
    if version.is_some_and(|version| version.abi() != abi) {
        return Err(GoError::Version);
    }
    Ok(Some(Found { version, abi, functions }))
}

fn by_symbols<'a>(image: &Image<'a>) -> Option<[Option<Function<'a>>; 4]> {
    let mut found = [None; 4];
    for (name, address, size) in image.functions() {
        if let Some(index) = FUNCTIONS.iter().position(|wanted| *wanted == name) {
            found[index] = image.code(address, Some(size)).filter(|f| !f.code.is_empty());
        }
    }
    (found[0].is_some() && found[1].is_some()).then_some(found)
}

fn by_table<'a>(
    image: &Image<'a>,
    table: &Pclntab<'a>,
) -> Result<Option<[Option<Function<'a>>; 4]>, GoError> {
    let ranges = table.functions(&FUNCTIONS);
    if ranges[0].is_none() || ranges[1].is_none() {
        return Ok(None);
    }
    // Several sources for one number: the first whose functions begin as Go functions do.
    for start in module::text_starts(image, table) {
        let at = |range: Option<(u64, u64)>| {
            let (from, to) = range?;
            let (from, to) = (start.checked_add(from)?, start.checked_add(to)?);
            image.code(from, Some(to.checked_sub(from)?))
        };
        let found = ranges.map(at);
        if found.iter().flatten().count() >= 2
            && found.iter().flatten().all(|function| abi::of(*function).is_some())
        {
            return Ok(Some(found));
        }
    }
    Err(GoError::NoText)
}

/// The hooks of a Go program.
///
/// # Errors
/// As [`locate`].
pub fn hooks(image: &Image<'_>) -> Result<Option<Vec<Hook>>, GoError> {
    let Some(found) = locate(image)? else { return Ok(None) };
    let mut hooks = Vec::new();
    for (name, function) in FUNCTIONS.iter().zip(found.functions) {
        let Some(function) = function else { continue };
        let register = found.abi == Abi::Register;
        let shape = match (*name, register) {
            (WRITE, true) => Shape::GoWrite,
            (WRITE, false) => Shape::GoStackWrite,
            (READ, true) => Shape::GoRead,
            (READ, false) => Shape::GoStackRead,
            (CLOSE, true) => Shape::GoClose,
            (CLOSE, false) => Shape::GoStackClose,
            // Without the name the first bytes of a connection decide.
            _ => match (abi::config_offset(function, found.abi), register) {
                (Some(abi::CONFIG_SINCE_1_21), true) => Shape::GoHandshake,
                (Some(abi::CONFIG_BEFORE_1_21), true) => Shape::GoHandshakeBefore121,
                (Some(abi::CONFIG_BEFORE_1_21), false) => Shape::GoStackHandshake,
                _ => continue,
            },
        };
        let entry = abi::entry(function, shape).ok_or(GoError::Code)?;
        hooks.push(hook(name, entry));
        if shape.go_returns() {
            let shape = if register { Shape::GoReturn } else { Shape::GoStackReturn };
            let returns = abi::returns(function, shape).ok_or(GoError::Code)?;
            hooks.extend(returns.into_iter().map(|point| hook(name, point)));
        }
    }
    // Returns first: a call that is entered must be seen to return.
    hooks.sort_by_key(|hook| hook.shape.go_returns());
    Ok(Some(hooks))
}

fn hook(name: &str, point: Point) -> Hook {
    Hook {
        shape: point.shape,
        symbols: vec![name.to_owned()],
        offset: point.offset,
        instruction: point.instruction,
        returns: Vec::new(),
        parameter: 0,
        emulated: point.emulated,
        reason: point.reason,
    }
}
