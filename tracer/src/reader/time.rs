//! The timestamps of events, read back.

/// Nanoseconds since 1970 of an RFC 3339 time in UTC (`2026-11-26T10:00:00.000000001Z`); `None` for
/// anything else, times before 1970 included.
pub fn parse_rfc3339(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-');
    let (year, month, day) =
        (number(date.next()?, 4)?, number(date.next()?, 2)?, number(date.next()?, 2)?);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut clock = clock.splitn(3, ':');
    let (hour, minute, second) =
        (number(clock.next()?, 2)?, number(clock.next()?, 2)?, number(clock.next()?, 2)?);
    if !(1970..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
        || fraction.len() > 9
    {
        return None;
    }
    let nanos = match fraction {
        "" => 0,
        digits => number(digits, digits.len())? * 10_u64.pow(9 - digits.len() as u32),
    };
    let seconds = days(year, month, day)? * 86_400 + hour * 3600 + minute * 60 + second;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

fn number(text: &str, digits: usize) -> Option<u64> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Civil date to days since 1970: H. Hinnant's algorithm, eras of 400 years from 0000-03-01.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sinks::clock::format_rfc3339;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(ns in 0..253_402_300_799_000_000_000_u128) {
            let ns = u64::try_from(ns % u128::from(u64::MAX)).unwrap();
            prop_assert_eq!(parse_rfc3339(&format_rfc3339(ns)), Some(ns));
        }

        #[test]
        fn nothing_panics(text in "\\PC*") {
            let _time = parse_rfc3339(&text);
        }
    }

    #[test]
    fn fractions_are_optional_and_other_zones_are_refused() {
        assert_eq!(parse_rfc3339("1970-01-01T00:00:01Z"), Some(1_000_000_000));
        assert_eq!(parse_rfc3339("1970-01-01T00:00:00.5Z"), Some(500_000_000));
        for wrong in
            ["", "Z", "1970-01-01T00:00:01+01:00", "1970-13-01T00:00:00Z", "1969-12-31T23:59:59Z"]
        {
            assert_eq!(parse_rfc3339(wrong), None, "{wrong}");
        }
    }
}
