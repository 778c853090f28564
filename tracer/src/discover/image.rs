//! An ELF file as the loader sees it: segments, addresses, relative relocations [pure].
//!
//! In: the file's bytes. Out: data and code by address, and the way back to file offsets. It needs no
//! section table, so a stripped file reads the same; sections only help to find things sooner. Never
//! panics on bytes from outside. Limits: [`MAX_SEGMENTS`].

use object::elf::{PF_W, PF_X, R_X86_64_RELATIVE};
use object::{
    Architecture, Object as _, ObjectSection as _, ObjectSegment as _, RelocationFlags,
    SegmentFlags,
};

use super::elf::{ElfError, Function};

/// Loadable segments kept; linkers make fewer than ten.
const MAX_SEGMENTS: usize = 64;

/// A loadable segment's part in the file.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub address: u64,
    pub offset: u64,
    pub data: &'a [u8],
    pub executable: bool,
    pub writable: bool,
}

impl<'a> Segment<'a> {
    /// From an address to the segment's end.
    fn from(&self, address: u64) -> Option<&'a [u8]> {
        let at = usize::try_from(address.checked_sub(self.address)?).ok()?;
        self.data.get(at..).filter(|rest| !rest.is_empty())
    }
}

pub struct Image<'a> {
    pub is_x86_64: bool,
    /// Entry point of the program; 0 for most libraries.
    pub entry: u64,
    segments: Vec<Segment<'a>>,
    file: object::File<'a>,
}

impl std::fmt::Debug for Image<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image").field("segments", &self.segments.len()).finish_non_exhaustive()
    }
}

impl<'a> Image<'a> {
    /// # Errors
    /// When the bytes are not an ELF file.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ElfError> {
        let file = object::File::parse(bytes)?;
        let mut segments = Vec::new();
        for segment in file.segments().take(MAX_SEGMENTS) {
            let SegmentFlags::Elf { p_flags, .. } = segment.flags() else { continue };
            let Ok(data) = segment.data() else { continue };
            segments.push(Segment {
                address: segment.address(),
                offset: segment.file_range().0,
                data,
                executable: p_flags.0 & PF_X.0 != 0,
                writable: p_flags.0 & PF_W.0 != 0,
            });
        }
        let is_x86_64 = file.architecture() == Architecture::X86_64;
        Ok(Self { is_x86_64, entry: file.entry(), segments, file })
    }

    /// The segments, in the file's order.
    pub fn segments(&self) -> &[Segment<'a>] {
        &self.segments
    }

    /// The bytes from an address to the end of its segment.
    pub fn at(&self, address: u64) -> Option<&'a [u8]> {
        self.segments.iter().find_map(|segment| segment.from(address))
    }

    /// The pointer stored at an address. A relocation says it where the file holds zero.
    pub fn pointer(&self, address: u64) -> Option<u64> {
        let stored = self.at(address)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))?;
        if stored != 0 { Some(stored) } else { self.relocated(address) }
    }

    /// What a relative relocation puts at an address.
    fn relocated(&self, address: u64) -> Option<u64> {
        self.relative().find(|(at, _)| *at == address).map(|(_, value)| value)
    }

    /// Where relative relocations put this value.
    pub fn relocations_to(&self, value: u64) -> impl Iterator<Item = u64> {
        self.relative().filter(move |(_, to)| *to == value).map(|(at, _)| at)
    }

    fn relative(&self) -> impl Iterator<Item = (u64, u64)> {
        let relative = |flags| matches!(flags, RelocationFlags::Elf { r_type: R_X86_64_RELATIVE });
        self.file
            .dynamic_relocations()
            .into_iter()
            .flatten()
            .filter(move |(_, relocation)| relative(relocation.flags()))
            .map(|(at, relocation)| (at, relocation.addend().cast_unsigned()))
    }

    /// Code at an address of an executable segment: `size` bytes, or to the segment's end.
    pub fn code(&self, address: u64, size: Option<u64>) -> Option<Function<'a>> {
        let segment = self.segments.iter().find(|s| s.executable && s.from(address).is_some())?;
        let rest = segment.from(address)?;
        let len = match size {
            Some(size) => usize::try_from(size).ok()?,
            None => rest.len(),
        };
        let offset = segment.offset.checked_add(address - segment.address)?;
        Some(Function { address, offset, code: rest.get(..len)? })
    }

    /// Address and bytes of a section by its name.
    pub fn section(&self, name: &str) -> Option<(u64, &'a [u8])> {
        let section = self.file.section_by_name(name)?;
        Some((section.address(), section.data().ok()?)).filter(|(address, _)| *address != 0)
    }

    /// Defined functions of the symbol tables: name, address, size.
    pub fn functions(&self) -> impl Iterator<Item = (&'a str, u64, u64)> {
        use object::ObjectSymbol as _;
        self.file
            .symbols()
            .chain(self.file.dynamic_symbols())
            .filter(|symbol| symbol.kind() == object::SymbolKind::Text && symbol.is_definition())
            .filter_map(|symbol| Some((symbol.name().ok()?, symbol.address(), symbol.size())))
    }
}
