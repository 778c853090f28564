//! Where records go.
//!
//! In: [`crate::record::Record`]s. Out: lines, in the shape of `schema.rs`.

pub mod clock;
pub mod jsonl;
pub mod names;
pub mod schema;
