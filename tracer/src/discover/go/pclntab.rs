//! The runtime's table of functions, which stripping leaves in place: `.gopclntab` [pure].
//!
//! In: an [`Image`]. Out: offsets of functions by name. Four formats, by magic: Go 1.2, 1.16, 1.18 and
//! 1.20 (runtime/symtab.go, debug/gosym/pclntab.go). Function addresses are absolute before 1.18 and
//! relative to the start of the text since; then [`super::module`] says where that is.

use memchr::memmem;

use crate::discover::image::Image;

/// Where linkers put the table, by build mode.
const SECTIONS: [&str; 2] = [".gopclntab", ".data.rel.ro.gopclntab"];
const MAGIC_1_2: u32 = 0xffff_fffb;
const MAGIC_1_16: u32 = 0xffff_fffa;
const MAGIC_1_18: u32 = 0xffff_fff0;
const MAGIC_1_20: u32 = 0xffff_fff1;
/// Two zero bytes, instruction quantum 1, pointers of 8 bytes: x86-64.
const REST: [u8; 4] = [0, 0, 1, 8];
/// Most functions believed in one program.
const MAX_FUNCTIONS: usize = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// One region; a function record begins with an 8-byte address.
    Go12,
    /// Names and functions apart.
    Go116,
    /// Addresses are 4-byte offsets from the start of the text.
    Go118,
}

/// A table whose header makes sense.
#[derive(Clone, Copy)]
pub struct Pclntab<'a> {
    /// Address of its header.
    pub address: u64,
    format: Format,
    functions: usize,
    names: &'a [u8],
    /// The function table, and what its offsets count from.
    table: &'a [u8],
    records: &'a [u8],
    text_start: u64,
}

impl std::fmt::Debug for Pclntab<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pclntab")
            .field("address", &self.address)
            .field("format", &self.format)
            .field("functions", &self.functions)
            .finish_non_exhaustive()
    }
}

/// The table of a program: by its section, else by a search for its header.
pub fn find<'a>(image: &Image<'a>) -> Option<Pclntab<'a>> {
    let named = SECTIONS.iter().filter_map(|name| image.section(name));
    let mut found = named.filter_map(|(address, _)| Pclntab::parse(address, image.at(address)?));
    found.next().or_else(|| {
        image.segments().iter().filter(|segment| !segment.executable).find_map(|segment| {
            memmem::find_iter(segment.data, &REST).find_map(|at| {
                let start = at.checked_sub(4)?;
                let bytes = segment.data.get(start..)?;
                Pclntab::parse(segment.address.checked_add(start as u64)?, bytes)
            })
        })
    })
}

impl<'a> Pclntab<'a> {
    /// Reads a header; `None` unless each of its fields makes sense.
    pub fn parse(address: u64, bytes: &'a [u8]) -> Option<Self> {
        let magic = u32::from_le_bytes(*bytes.first_chunk()?);
        if bytes.get(4..8)? != REST {
            return None;
        }
        let word = |index: usize| word(bytes, 8 + index * 8);
        let part = |index: usize| bytes.get(usize::try_from(word(index)?).ok()?..);
        let functions =
            usize::try_from(word(0)?).ok().filter(|n| (1..MAX_FUNCTIONS).contains(n))?;
        let (format, names, records, table, text_start) = match magic {
            MAGIC_1_2 => (Format::Go12, bytes, bytes, bytes.get(16..)?, 0),
            MAGIC_1_16 => (Format::Go116, part(2)?, part(6)?, part(6)?, 0),
            MAGIC_1_18 | MAGIC_1_20 => (Format::Go118, part(3)?, part(7)?, part(7)?, word(2)?),
            _ => return None,
        };
        let table = table.get(..(functions * 2 + 1).checked_mul(format.field())?)?;
        let found = Self { address, format, functions, names, table, records, text_start };
        // A header met by chance does not lead to ordered addresses.
        let ordered = |i: usize| Some(found.entry(i)?.0 < found.entry(i + 1)?.0);
        (0..functions.min(64)).all(|i| ordered(i) == Some(true)).then_some(found)
    }

    /// Start of the text as the header has it, since 1.18: 0 where a relocation fills it in, and since
    /// 1.26 always.
    pub fn text_start(&self) -> Option<u64> {
        Some(self.text_start).filter(|start| *start != 0)
    }

    /// Where the header keeps the start of the text.
    pub const fn text_start_field(&self) -> u64 {
        self.address + 8 + 2 * 8
    }

    /// Whether addresses count from the start of the text.
    pub fn is_relative(&self) -> bool {
        self.format == Format::Go118
    }

    pub fn len(&self) -> usize {
        self.functions
    }

    pub fn is_empty(&self) -> bool {
        self.functions == 0
    }

    /// Start and end of each function named, in one pass.
    pub fn functions<const N: usize>(&self, names: &[&str; N]) -> [Option<(u64, u64)>; N] {
        let wanted = names.map(|name| self.name_offset(name));
        let mut found = [None; N];
        if wanted.iter().all(Option::is_none) {
            return found;
        }
        for index in 0..self.functions {
            let Some((start, record)) = self.entry(index) else { continue };
            let Some(name) = self.name_of(record) else { continue };
            for (slot, wanted) in found.iter_mut().zip(wanted) {
                if wanted == Some(name) && slot.is_none() {
                    *slot = self.entry(index + 1).map(|(end, _)| (start, end));
                }
            }
        }
        found
    }

    /// Every function: start, end, name.
    pub fn all(&self) -> impl Iterator<Item = (u64, u64, &'a str)> {
        (0..self.functions).filter_map(move |index| {
            let (start, record) = self.entry(index)?;
            let (end, _) = self.entry(index + 1)?;
            let name = self.names.get(self.name_of(record)? as usize..)?;
            let len = memchr::memchr(0, name)?;
            Some((start, end, std::str::from_utf8(&name[..len]).ok()?))
        })
    }

    /// Start and record offset of the function at an index; the last entry only has a start.
    fn entry(&self, index: usize) -> Option<(u64, u64)> {
        let field = self.format.field();
        let at = index * 2 * field;
        let read = |at: usize| match field {
            4 => self.table.get(at..)?.first_chunk().map(|b| u64::from(u32::from_le_bytes(*b))),
            _ => word(self.table, at),
        };
        Some((read(at)?, if index == self.functions { 0 } else { read(at + field)? }))
    }

    /// Offset of the name in a function record: behind the entry address.
    fn name_of(&self, record: u64) -> Option<u32> {
        let at = usize::try_from(record).ok()?.checked_add(self.format.field())?;
        self.records.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// Offset of a name in the names: a whole string, NUL on both sides.
    fn name_offset(&self, name: &str) -> Option<u32> {
        let finder = memmem::Finder::new(name.as_bytes());
        let whole = |at: &usize| {
            let before = at.checked_sub(1).is_none_or(|i| self.names[i] == 0);
            before && self.names.get(at + name.len()) == Some(&0)
        };
        u32::try_from(finder.find_iter(self.names).find(whole)?).ok()
    }
}

impl Format {
    /// Bytes of an address in the function table and in a function record.
    const fn field(self) -> usize {
        match self {
            Self::Go12 | Self::Go116 => 8,
            Self::Go118 => 4,
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}
