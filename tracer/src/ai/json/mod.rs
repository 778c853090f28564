//! JSON read as it comes, never held: values at known places, whatever the size of the body.
//!
//! In: bytes, cut anywhere. Out: [`Visitor`] calls with the [`Path`] of keys to each value. Strict as
//! RFC 8259 (encoding aside), so that what is no JSON is known as such. Limits: [`MAX_DEPTH`] levels;
//! text longer than its [`Key::cap`] is cut; nothing else is kept.

mod key;
mod number;
mod path;
mod scanner;

pub use self::key::Key;
pub use self::path::Path;
pub(crate) use self::scanner::plain_run;
pub use self::scanner::{JsonError, MAX_DEPTH, Scanner, Value, Visitor};
