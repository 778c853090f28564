//! What GPUs are used for, by whom, and how that fails.
//!
//! ```text
//! ioctl records → decode → lifetimes ─┐
//! NVML, fdinfo, kernel log ───────────┴→ usage, failures, shares
//! ```
//! Driver calls say who holds what and what was refused; they do not say what runs, since work is
//! submitted without any call. NVML says what runs, in samples. What neither knows is left out.

pub mod decode;
pub mod inventory;
pub mod lifetime;
pub mod names;
pub mod profile;
