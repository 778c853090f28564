//! A structure as a row of a table, and reading its fields.
//!
//! In: rows, the bytes that the kernel side copied. Out: values by name. A field whose bytes were not
//! copied is absent, never 0.

use tracer_common::gpu::{AFTER_BYTES, NOWHERE, TAIL_BYTES};

use crate::event::GpuCall;
use crate::gpu::profile::{Profile, Version};

/// One command's structure in a range of driver versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub number: u32,
    /// Bytes of the structure; 0: it varies, or nothing is read.
    pub size: u16,
    pub name: &'static str,
    pub since: Version,
    pub below: Version,
    fields: &'static str,
}

pub(super) const fn row(
    number: u32,
    size: u16,
    name: &'static str,
    since: Version,
    below: Version,
    fields: &'static str,
) -> Row {
    Row { number, size, name, since, below, fields }
}

/// A field of a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub offset: usize,
    pub bytes: usize,
}

impl Row {
    /// The fields that are read, in order.
    pub fn fields(&self) -> impl Iterator<Item = Field> + use<> {
        self.fields.split_whitespace().filter_map(|text| {
            let (name, place) = text.split_once('@')?;
            let (offset, bytes) = place.split_once(':')?;
            Some(Field { name, offset: offset.parse().ok()?, bytes: bytes.parse().ok()? })
        })
    }

    pub fn field(&self, name: &str) -> Option<Field> {
        self.fields().find(|field| field.name == name)
    }

    /// Where NVIDIA's drivers put the status of the call.
    pub fn status(&self) -> Option<Field> {
        ["status", "rmStatus", "Status"].iter().find_map(|name| self.field(name))
    }

    pub fn is_of(&self, profile: &Profile) -> bool {
        profile.is_within(self.since, self.below)
    }

    /// Where the bytes begin that the kernel side copies from the end of a long structure.
    pub fn tail_at(&self) -> u16 {
        let end = self.status().map_or(0, |status| status.offset + status.bytes);
        if end > AFTER_BYTES { (end - TAIL_BYTES) as u16 } else { NOWHERE }
    }
}

/// A call's structure, ready to be read.
#[derive(Clone, Copy, Debug)]
pub struct Structure<'a> {
    pub row: &'static Row,
    call: &'a GpuCall,
}

impl<'a> Structure<'a> {
    pub(super) const fn new(row: &'static Row, call: &'a GpuCall) -> Self {
        Self { row, call }
    }

    /// A field's bytes after the call, where they were copied.
    pub fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        let field = self.row.field(name)?;
        let head = self.call.after.get(field.offset..field.offset + field.bytes);
        head.or_else(|| {
            let at = field.offset.checked_sub(usize::from(self.row.tail_at()))?;
            self.call.tail.get(at..at + field.bytes)
        })
    }

    /// A number after the call.
    pub fn number(&self, name: &str) -> Option<u64> {
        number(self.bytes(name)?)
    }

    pub fn word(&self, name: &str) -> Option<u32> {
        self.number(name).and_then(|value| u32::try_from(value).ok())
    }

    /// A number as the caller passed it.
    pub fn asked(&self, name: &str) -> Option<u64> {
        let field = self.row.field(name)?;
        number(self.call.before.get(field.offset..field.offset + field.bytes)?)
    }

    /// What NVIDIA's driver wrote as the call's status. It writes none when the call itself failed.
    pub fn status(&self) -> Option<u32> {
        let field = self.row.status()?;
        self.word(field.name).filter(|_| self.call.rc >= 0)
    }

    pub fn uuid(&self, name: &str) -> Option<[u8; 16]> {
        self.bytes(name)?.try_into().ok()
    }
}

/// A little-endian number of up to 8 bytes.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.len() > 8 {
        return None;
    }
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    Some(u64::from_le_bytes(word))
}
