//! Connections: from chunks at known offsets to bytes in order [pure].
//!
//! In: [`crate::event::Chunk`]s. Out: [`reassembly::Piece`]s, ordered bytes or a gap.

mod connection;
mod protocol;
pub mod reassembly;
pub mod table;
