//! Header block fragments in, fields out; see the module above for what "unknown" means.

use super::HpackError;
use super::huffman;
use super::representation::{Head, Name, Parsed, Representation, Text, parse};
use super::static_table;
use super::table::{Entry, Table};

/// A field of a header block; `None` where it refers to an entry that was never seen, or is too long
/// to keep.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    pub name: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

/// Values may be credentials.
impl std::fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let len = |part: Option<&[u8]>| part.map(<[u8]>::len);
        write!(f, "Field({:?}, {:?} bytes)", len(self.name), len(self.value))
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Dynamic table, bytes by the RFC's measure. Observers may hold less than the encoder does:
    /// what they lack is unknown, the rest is right.
    pub table: usize,
    /// One coded field: bytes held while it is incomplete. A longer value is skipped and unknown.
    pub field: usize,
    /// Decoded header list of one block, bytes by the RFC's measure (section 6.5.2 of RFC 9113).
    pub list: usize,
}

/// Most bytes of a literal that are neither name nor value.
const LITERAL_OVERHEAD: usize = 16;

/// Decoder of one direction.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
    limits: Limits,
    /// `Some`: errors are fatal and indices must exist. The number is the bound the peer announced.
    strict: Option<usize>,
    /// An incomplete field, at most `limits.field` bytes.
    tail: Vec<u8>,
    block: Block,
}

/// Where the current block stands.
#[derive(Debug, Default)]
struct Block {
    /// A field came: size updates are over.
    fields: bool,
    /// Decoded so far, by the RFC's measure.
    list: usize,
    /// Fields not reported because of `Limits::list`.
    suppressed: u64,
    /// Bytes of an over-long value still to skip.
    skip: usize,
    /// Not a header block: the rest of it is ignored.
    broken: bool,
}

impl Decoder {
    /// Follows the RFC to the letter; for conformance. After an error the decoder is done.
    pub const fn strict(limits: Limits) -> Self {
        Self::new(limits, Some(limits.table))
    }

    /// Survives a late attach, gaps and broken blocks.
    pub const fn observer(limits: Limits) -> Self {
        Self::new(limits, None)
    }

    const fn new(limits: Limits, strict: Option<usize>) -> Self {
        let block = Block { fields: false, list: 0, suppressed: 0, skip: 0, broken: false };
        Self { table: Table::new(limits.table), limits, strict, tail: Vec::new(), block }
    }

    /// Strict mode: the decoding side announced SETTINGS_HEADER_TABLE_SIZE. An observer needs no
    /// such bound: holding entries longer than the encoder does is harmless, since it will not name
    /// them again.
    pub fn announce(&mut self, size: usize) {
        if let Some(bound) = &mut self.strict {
            *bound = size;
            self.table.set_limit(size.min(self.table.limit()));
        }
    }

    /// A block was lost or given up: entries before it can no longer be counted.
    pub fn forget(&mut self) {
        self.table.clear();
        // A lost size update must not leave the table smaller than the encoder's.
        self.table.set_limit(self.limits.table);
        self.tail = Vec::new();
        self.block = Block::default();
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        self.table.memory() + self.tail.capacity()
    }

    /// The next bytes of a block.
    ///
    /// # Errors
    /// Why it is no header block. An observer ignores the rest of it and can go on with the next.
    pub fn push(
        &mut self,
        fragment: &[u8],
        sink: &mut dyn FnMut(Field<'_>),
    ) -> Result<(), HpackError> {
        if self.block.broken {
            return Ok(());
        }
        let result = self.fields(fragment, sink);
        if result.is_err() {
            self.forget();
            self.block.broken = true;
        }
        result
    }

    /// The block ends here. Returns the number of fields left out because of `Limits::list`.
    ///
    /// # Errors
    /// [`HpackError::Truncated`] when it ends inside a field.
    pub fn finish(&mut self) -> Result<u64, HpackError> {
        let block = std::mem::take(&mut self.block);
        if self.tail.is_empty() && block.skip == 0 {
            return Ok(block.suppressed);
        }
        self.forget();
        Err(HpackError::Truncated)
    }

    fn fields(
        &mut self,
        mut fragment: &[u8],
        sink: &mut dyn FnMut(Field<'_>),
    ) -> Result<(), HpackError> {
        // Completes the field held over from the last fragment, growing it only as needed.
        while !self.tail.is_empty() && !fragment.is_empty() {
            let held = self.tail.len();
            let room = self.limits.field.saturating_sub(held).min(fragment.len());
            self.tail.extend_from_slice(&fragment[..room]);
            let tail = std::mem::take(&mut self.tail);
            let used = self.field(&tail, sink)?;
            if used == 0 {
                self.tail = tail;
                return Ok(());
            }
            // The field ends in this fragment, or beyond it when its value is being skipped.
            let fresh = used.saturating_sub(held);
            fragment = &fragment[fresh.min(fragment.len())..];
        }
        loop {
            let skipped = self.block.skip.min(fragment.len());
            self.block.skip -= skipped;
            fragment = &fragment[skipped..];
            if fragment.is_empty() {
                return Ok(());
            }
            let used = self.field(fragment, sink)?;
            if used == 0 {
                self.tail = fragment.to_vec();
                return Ok(());
            }
            fragment = &fragment[used.min(fragment.len())..];
        }
    }

    /// Decodes the field `bytes` begins with; returns its length, 0 when it is incomplete. A value
    /// too long to wait for is dropped at once: all of `bytes` then belongs to it.
    fn field(
        &mut self,
        bytes: &[u8],
        sink: &mut dyn FnMut(Field<'_>),
    ) -> Result<usize, HpackError> {
        match parse(bytes, self.limits.field.saturating_sub(LITERAL_OVERHEAD))? {
            Parsed::Complete(Representation::SizeUpdate(size), used) => {
                self.size_update(size)?;
                Ok(used)
            }
            Parsed::Complete(Representation::Indexed(index), used) => {
                let (name, value) = self.look_up(index)?;
                let field = Field { name: name.as_deref(), value: value.as_deref() };
                self.report(field, sink)?;
                Ok(used)
            }
            Parsed::Complete(Representation::Literal { indexed, name, value }, used) => {
                // Also when it lies here whole: the result must not hang on how the bytes were cut.
                let value = if used > self.limits.field { None } else { Some(self.text(value)?) };
                if value.is_none() && self.strict.is_some() {
                    return Err(HpackError::StringTooLong);
                }
                self.literal(indexed, name, value, sink)?;
                Ok(used)
            }
            Parsed::Partial(Some(Head { indexed, name, whole })) if whole > self.limits.field => {
                if self.strict.is_some() {
                    return Err(HpackError::StringTooLong);
                }
                self.literal(indexed, name, None, sink)?;
                self.block.skip = whole - bytes.len();
                Ok(bytes.len())
            }
            Parsed::Partial(_) if bytes.len() >= self.limits.field => {
                Err(HpackError::StringTooLong)
            }
            Parsed::Partial(_) => Ok(0),
        }
    }

    fn literal(
        &mut self,
        indexed: bool,
        name: Name<'_>,
        value: Option<Vec<u8>>,
        sink: &mut dyn FnMut(Field<'_>),
    ) -> Result<(), HpackError> {
        let name = match name {
            Name::Index(index) => self.look_up(index)?.0,
            Name::Literal(text) => Some(self.text(text)?.into()),
        };
        self.report(Field { name: name.as_deref(), value: value.as_deref() }, sink)?;
        if indexed {
            let kept = self.table.insert(Entry { name, value: value.map(Into::into) });
            if !kept && self.strict.is_none() {
                // The encoder's table may be larger than ours: the entry takes its place unread. If
                // it was too large for the encoder too, nothing older will be named again.
                self.table.insert(Entry { name: None, value: None });
            }
        }
        Ok(())
    }

    #[expect(clippy::type_complexity, reason = "a name and a value, each perhaps unknown")]
    fn look_up(&self, index: usize) -> Result<(Option<Box<[u8]>>, Option<Box<[u8]>>), HpackError> {
        if let Some((name, value)) = static_table::entry(index) {
            return Ok((Some(name.into()), Some(value.into())));
        }
        match index.checked_sub(static_table::LAST + 1).and_then(|age| self.table.get(age)) {
            Some(entry) => Ok((entry.name.clone(), entry.value.clone())),
            None if self.strict.is_some() => Err(HpackError::IndexOutOfRange),
            None => Ok((None, None)),
        }
    }

    fn text(&self, text: Text<'_>) -> Result<Vec<u8>, HpackError> {
        if !text.huffman {
            return Ok(text.raw.to_vec());
        }
        // The shortest code has 5 bits: 8/5 of the coded length is the most there can be.
        let most = text.raw.len().saturating_mul(8) / 5;
        let mut out = Vec::with_capacity(most);
        huffman::decode(text.raw, &mut out, most)?;
        Ok(out)
    }

    fn report(
        &mut self,
        field: Field<'_>,
        sink: &mut dyn FnMut(Field<'_>),
    ) -> Result<(), HpackError> {
        self.block.fields = true;
        let len = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        self.block.list += 32 + len(field.name) + len(field.value);
        if self.block.list <= self.limits.list {
            sink(field);
        } else if self.strict.is_some() {
            return Err(HpackError::ListTooLarge);
        } else {
            self.block.suppressed += 1;
        }
        Ok(())
    }

    /// RFC 7541, sections 4.2 and 6.3. An observer does not know what was announced, and its own cap
    /// suffices.
    fn size_update(&mut self, size: usize) -> Result<(), HpackError> {
        if let Some(bound) = self.strict {
            if self.block.fields {
                return Err(HpackError::SizeUpdateMisplaced);
            }
            if size > bound {
                return Err(HpackError::SizeUpdateTooLarge);
            }
            self.table.set_limit(size);
        } else {
            self.table.set_limit(size.min(self.limits.table));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { table: 4096, field: 1024, list: 65536 };

    /// Fields as text, `?` for what is unknown.
    fn decode(decoder: &mut Decoder, block: &[u8]) -> (Vec<String>, Result<(), HpackError>) {
        let mut fields = Vec::new();
        let show = |part: Option<&[u8]>| {
            part.map_or("?".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let result = decoder.push(block, &mut |field| {
            fields.push(format!("{}={}", show(field.name), show(field.value)));
        });
        (fields, result.and(decoder.finish().map(drop)))
    }

    #[test]
    fn entries_inserted_after_a_late_attach_are_known_exactly() {
        let mut decoder = Decoder::observer(LIMITS);
        // Index 62 was inserted before we came; then a=b is inserted, which moves it to 63.
        let (fields, _) = decode(&mut decoder, &[0xbe, 0x40, 1, b'a', 1, b'b', 0xbe, 0xbf]);
        assert_eq!(fields, ["?=?", "a=b", "a=b", "?=?"]);
        decoder.forget();
        let (fields, _) = decode(&mut decoder, &[0xbe, 0x82]);
        assert_eq!(fields, ["?=?", ":method=GET"]);
    }

    #[test]
    fn a_name_may_be_unknown_while_its_value_is_not() {
        let mut decoder = Decoder::observer(LIMITS);
        let (fields, _) = decode(&mut decoder, &[0x7e, 1, b'v', 0xbe]);
        assert_eq!(fields, ["?=v", "?=v"]);
    }

    #[test]
    fn a_value_too_long_is_skipped_and_keeps_its_place() {
        let mut decoder = Decoder::observer(LIMITS);
        let mut block = vec![0x40, 1, b'k', 0x7f, 0xd1, 0x0e];
        block.extend([b'x'; 2000]);
        block.extend([0x40, 1, b'a', 1, b'b', 0xbe, 0xbf]);
        let whole = decode(&mut Decoder::observer(LIMITS), &block);
        assert_eq!(whole.0, ["k=?", "a=b", "a=b", "k=?"]);
        let mut fields = Vec::new();
        for byte in &block {
            let pushed = decoder.push(&[*byte], &mut |field| {
                fields.push((field.name.map(<[u8]>::to_vec), field.value.map(<[u8]>::to_vec)));
            });
            assert_eq!(pushed, Ok(()));
            assert!(decoder.memory() < 4096);
        }
        assert_eq!(decoder.finish(), Ok(0));
        assert_eq!(fields.len(), 4);
        assert_eq!(fields[3], (Some(b"k".to_vec()), None));
    }

    #[test]
    fn an_entry_larger_than_our_table_does_not_shift_indices() {
        let mut decoder = Decoder::observer(Limits { table: 64, ..LIMITS });
        let mut block = vec![0x40, 1, b'k', 100];
        block.extend([b'x'; 100]);
        block.extend([0xbe, 0x40, 0, 0, 0xbe, 0xbf]);
        let (fields, result) = decode(&mut decoder, &block);
        assert_eq!(result, Ok(()));
        assert_eq!(fields[1..], ["?=?", "=", "=", "?=?"]);
    }

    #[test]
    fn a_broken_block_ends_with_itself() {
        let mut decoder = Decoder::observer(LIMITS);
        let (fields, result) = decode(&mut decoder, &[0x82, 0x80, 0x84]);
        assert_eq!(
            (fields, result),
            (vec![":method=GET".into()], Err(HpackError::IndexOutOfRange))
        );
        let (fields, result) = decode(&mut decoder, &[0x84]);
        assert_eq!((fields, result), (vec![":path=/".into()], Ok(())));
    }
}
