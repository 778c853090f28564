//! Boot time to wall time [edge: reads clocks].
//!
//! Records carry boot time; events carry RFC 3339. The offset between the clocks is sampled again
//! at every heartbeat, since the wall clock is stepped and slewed (hazard L12).

use crate::event::BootTime;

#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    /// Nanoseconds to add to boot time.
    offset_ns: i128,
}

fn read_clock(id: libc::clockid_t) -> i128 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec; both clocks exist on every kernel that runs BPF ring buffers.
    unsafe { libc::clock_gettime(id, &raw mut time) };
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

/// Now, on the pipeline's clock.
pub fn now() -> BootTime {
    BootTime(u64::try_from(read_clock(libc::CLOCK_BOOTTIME)).unwrap_or(0))
}

impl WallClock {
    pub fn sample() -> Self {
        Self { offset_ns: read_clock(libc::CLOCK_REALTIME) - read_clock(libc::CLOCK_BOOTTIME) }
    }

    /// A fixed offset, for replays whose clock is that of another host.
    pub const fn fixed(offset_ns: i128) -> Self {
        Self { offset_ns }
    }

    pub const fn offset_ns(self) -> i128 {
        self.offset_ns
    }

    /// Nanoseconds since 1970.
    pub fn unix_ns(self, at: BootTime) -> u64 {
        u64::try_from(i128::from(at.0) + self.offset_ns).unwrap_or(0)
    }

    /// `timestamp`: RFC 3339, nanoseconds, `Z`.
    pub fn rfc3339(self, at: BootTime) -> String {
        format_rfc3339(self.unix_ns(at))
    }
}

/// RFC 3339 in UTC of nanoseconds since 1970.
pub fn format_rfc3339(unix_ns: u64) -> String {
    let (seconds, nanos) = (unix_ns / 1_000_000_000, unix_ns % 1_000_000_000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to civil date: H. Hinnant's algorithm, eras of 400 years from 0000-03-01.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_known_instants() {
        assert_eq!(format_rfc3339(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(format_rfc3339(1_709_210_096_000_000_007), "2024-02-29T12:34:56.000000007Z");
        assert_eq!(format_rfc3339(4_102_444_799_999_999_999), "2099-12-31T23:59:59.999999999Z");
    }
}
