//! Functions of stripped programs, told by what they do [pure].
//!
//! In: an [`Image`] without symbols. Out: hooks, or why there are none. A match counts only when it is
//! unique, when every distance that is known is as it should be, when the function begins where some
//! other code calls, and when the probed place is one of its instructions. Nothing here knows any
//! particular program's addresses.

mod boringssl;
mod code;

pub use boringssl::boringssl;

/// Why a stripped library is not probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// Code of this machine is not disassembled.
    Machine,
    NotFound,
    /// Several functions could be one.
    Ambiguous,
}

impl SignatureError {
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Machine => "stripped_library_machine_not_supported",
            Self::NotFound => "stripped_library_not_recognised",
            Self::Ambiguous => "stripped_library_ambiguous",
        }
    }
}
