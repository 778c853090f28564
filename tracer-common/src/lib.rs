//! Everything that crosses the boundary between the eBPF programs and user space, and nothing else.
//!
//! Both sides are built from this crate by one `build.rs`, so a layout can never differ between
//! the object and its loader. All types are plain `#[repr(C)]`, without padding, checked at
//! compile time.
#![cfg_attr(not(test), no_std)]

pub mod config;
pub mod event;
pub mod gpu;
pub mod limits;
pub mod loss;
pub mod process;
pub mod sni;
pub mod socket;
pub mod tls;

/// Raised on every change of a layout or of a kind's meaning; recordings carry it.
pub const ABI_VERSION: u32 = 1;

/// Marks a type as plain data for aya's maps and globals.
#[cfg(feature = "user")]
macro_rules! pod {
    ($($t:ty),+ $(,)?) => { $(
        // SAFETY: `#[repr(C)]`, only integers and arrays of integers, no padding (checked by
        // `no_padding!`), so every bit pattern is a value.
        unsafe impl aya::Pod for $t {}
    )+ };
}
#[cfg(not(feature = "user"))]
macro_rules! pod {
    ($($t:ty),+ $(,)?) => {};
}
pub(crate) use pod;

/// Fails the build when a record has another size than the sum of its fields.
macro_rules! no_padding {
    ($t:ty, $size:expr) => {
        const _: () = assert!(core::mem::size_of::<$t>() == $size);
        const _: () = assert!(core::mem::size_of::<$t>() % 8 == 0);
    };
}
pub(crate) use no_padding;
