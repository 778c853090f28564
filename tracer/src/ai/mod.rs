//! AI semantics: exchanges of a known wire family become [`call::Call`]s.
//!
//! In: [`crate::http::HttpEvent`]s of one flow. Out: at most one call per exchange, when it ends.

pub mod call;
pub mod endpoint;
pub mod failure;
pub mod providers;
pub mod rate_limit;
