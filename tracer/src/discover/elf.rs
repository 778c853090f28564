//! What discovery wants to know of an ELF file [pure].
//!
//! In: the file's bytes. Out: functions by name with their place in the file and their code. Never
//! panics on bytes from outside: offsets are checked, `object` does the parsing.

use std::collections::HashMap;

use object::{Architecture, Object as _, ObjectSection as _, ObjectSymbol as _, SectionKind};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum ElfError {
    #[error("not an ELF file we can read: {0}")]
    Parse(#[from] object::Error),
}

/// A function's place and code.
#[derive(Clone, Copy, Debug)]
pub struct Function<'a> {
    pub address: u64,
    /// Offset in the file of its first byte.
    pub offset: u64,
    /// From its first byte to its end, or to the section's end when the symbol has no size.
    pub code: &'a [u8],
}

struct Section<'a> {
    address: u64,
    offset: u64,
    data: &'a [u8],
}

pub struct Elf<'a> {
    /// Only x86-64 code is disassembled; elsewhere functions are probed at their entry.
    pub is_x86_64: bool,
    /// A Go program: its stacks move, so a return probe would crash it (hazard H1).
    pub is_go: bool,
    functions: HashMap<&'a str, (u64, u64)>,
    code: Vec<Section<'a>>,
}

impl std::fmt::Debug for Elf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Elf").field("functions", &self.functions.len()).finish_non_exhaustive()
    }
}

impl<'a> Elf<'a> {
    /// Reads the symbols that `wanted` accepts, defined functions only.
    ///
    /// # Errors
    /// When the bytes are not an ELF file.
    pub fn parse(bytes: &'a [u8], wanted: impl Fn(&str) -> bool) -> Result<Self, ElfError> {
        let file = object::File::parse(bytes)?;
        let mut functions = HashMap::new();
        for symbol in file.dynamic_symbols().chain(file.symbols()) {
            if symbol.is_undefined() || symbol.address() == 0 {
                continue;
            }
            let Ok(name) = symbol.name() else { continue };
            // `SSL_read@@OPENSSL_3.0.0` in a static symbol table.
            let name = name.split('@').next().unwrap_or(name);
            if wanted(name) {
                functions.insert(name, (symbol.address(), symbol.size()));
            }
        }
        let mut code = Vec::new();
        let mut is_go = false;
        for section in file.sections() {
            is_go |= matches!(section.name(), Ok(".gopclntab" | ".go.buildinfo"));
            if section.kind() != SectionKind::Text {
                continue;
            }
            if let (Some((offset, _)), Ok(data)) = (section.file_range(), section.data()) {
                code.push(Section { address: section.address(), offset, data });
            }
        }
        Ok(Self { is_x86_64: file.architecture() == Architecture::X86_64, is_go, functions, code })
    }

    /// A function by its name.
    pub fn function(&self, name: &str) -> Option<Function<'a>> {
        let (address, size) = self.functions.get(name).copied()?;
        self.at(address, size)
    }

    /// The code at an address; `size` 0: to the end of its section.
    pub fn at(&self, address: u64, size: u64) -> Option<Function<'a>> {
        let section = self
            .code
            .iter()
            .find(|s| address.checked_sub(s.address).is_some_and(|at| at < s.data.len() as u64))?;
        let at = address - section.address;
        let rest = section.data.get(usize::try_from(at).ok()?..)?;
        let len = if size == 0 { rest.len() } else { rest.len().min(usize::try_from(size).ok()?) };
        Some(Function { address, offset: section.offset.checked_add(at)?, code: &rest[..len] })
    }
}
