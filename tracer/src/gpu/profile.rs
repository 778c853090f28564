//! Which layout of NVIDIA's structures a driver has, by its version [pure].
//!
//! In: the text of /sys/module/nvidia/version or /proc/driver/nvidia/version. Out: a [`Profile`].
//! A version newer than all we know gets the newest layout, and says that this is a guess.

use std::fmt;

/// A driver version, `branch.minor.patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u16, pub u16, pub u16);

/// Before every version that has published headers: 515 and all that came before it, as far as known.
pub const ALWAYS: Version = Version(0, 0, 0);
/// After every version.
pub const OPEN: Version = Version(u16::MAX, 0, 0);

// The versions at which a layout changed.
pub const R525_47: Version = Version(525, 47, 4);
pub const R535_43: Version = Version(535, 43, 2);
pub const R550_40_07: Version = Version(550, 40, 7);
pub const R550_40_53: Version = Version(550, 40, 53);
pub const R565_57: Version = Version(565, 57, 1);
pub const R570_86: Version = Version(570, 86, 15);
pub const R580_65: Version = Version(580, 65, 6);
pub const R590_44: Version = Version(590, 44, 1);

/// The newest driver whose layouts were checked.
pub const NEWEST: Version = Version(595, 45, 4);
/// The oldest driver whose layouts were checked.
pub const OLDEST: Version = Version(515, 43, 4);

impl Version {
    /// Finds a version in `text`: the first word of the shape `digits.digits[.digits]`.
    pub fn parse(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(|word| {
            let mut parts = word.split('.');
            let branch = parts.next()?.parse().ok()?;
            let minor = parts.next()?.parse().ok()?;
            let patch = parts.next().map_or(Some(0), |p| p.parse().ok())?;
            parts.next().is_none().then_some(Self(branch, minor, patch))
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}.{:02}", self.0, self.1, self.2)
    }
}

/// The layouts of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    pub version: Version,
    /// The driver is newer than [`NEWEST`], older than [`OLDEST`], or its version is unknown.
    pub guessed: bool,
}

impl Profile {
    /// The profile of a driver, where its version could be read.
    pub fn of(version: Option<Version>) -> Self {
        match version {
            Some(version) => Self {
                version,
                guessed: version > Version(NEWEST.0, u16::MAX, u16::MAX) || version < OLDEST,
            },
            None => Self { version: NEWEST, guessed: true },
        }
    }

    /// Whether a layout with this range of versions is this driver's.
    pub fn is_within(&self, since: Version, below: Version) -> bool {
        self.version >= since && self.version < below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_the_driver_says() {
        let text =
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build";
        assert_eq!(Version::parse(text), Some(Version(580, 95, 5)));
        assert_eq!(Version::parse("535.104.05\n"), Some(Version(535, 104, 5)));
        assert_eq!(Version::parse("550.54"), Some(Version(550, 54, 0)));
        assert_eq!(Version::parse("none x.y 1.2.3.4"), None);
    }

    #[test]
    fn unknown_versions_get_the_newest_layout_and_say_so() {
        assert!(!Profile::of(Some(Version(595, 99, 1))).guessed);
        assert!(Profile::of(Some(Version(610, 43, 2))).guessed);
        assert!(Profile::of(Some(Version(470, 1, 0))).guessed);
        let unknown = Profile::of(None);
        assert!(unknown.guessed && unknown.is_within(R590_44, OPEN));
    }
}
