//! AI semantics: exchanges of a known wire family become [`call::Call`]s.
//!
//! In: [`crate::http::HttpEvent`]s of one flow. Out: at most one call per exchange, when it ends.

mod answer;
pub mod asked;
pub mod call;
mod credential;
pub mod decoder;
pub mod endpoint;
pub mod exchange;
pub mod fact;
pub mod failure;
pub mod families;
pub mod framing;
pub mod history;
pub mod json;
pub mod providers;
pub mod rate_limit;
mod sdk;
pub mod template;
mod tokens;
