//! Words for NVIDIA's numbers.

pub mod classes;
pub mod control;
pub mod status;
