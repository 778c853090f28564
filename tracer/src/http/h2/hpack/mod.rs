//! HPACK (RFC 7541), decoder only.
//!
//! In: header block fragments of one direction. Out: fields, in order, whose name or value may be
//! unknown: an observer that attached late or lost a block never saw some table entries. Indices
//! count from the newest entry, so whatever was inserted since is known exactly; what lies beyond is
//! unknown, never guessed. Limits: [`Limits`].

mod decoder;
mod huffman;
mod representation;
mod static_table;
mod table;

pub use self::decoder::{Decoder, Field, Limits};

/// Why a header block is not one. In observer mode the rest of the block is given up and the table
/// with it; in strict mode the connection would be closed with COMPRESSION_ERROR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HpackError {
    #[error("index 0, or beyond the table")]
    IndexOutOfRange,
    #[error("an integer is longer than 32 bits")]
    IntegerOverflow,
    #[error("a Huffman string ends in bits that are not padding")]
    Padding,
    #[error("a Huffman string contains EOS")]
    EndOfString,
    #[error("a string is longer than the limit")]
    StringTooLong,
    #[error("the header list is larger than the limit")]
    ListTooLarge,
    #[error("a table size update is above the announced bound")]
    SizeUpdateTooLarge,
    #[error("a table size update follows a field")]
    SizeUpdateMisplaced,
    #[error("the block ends inside a field")]
    Truncated,
}
