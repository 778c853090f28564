//! Times as headers write them. In: text. Out: seconds; dates since 1970. Nothing here asks a clock.

/// Go's `Duration.String` (`6m0s`, `1m0.052s`, `494ms`, `20µs`), with days as some add them; seconds.
/// Also protobuf's JSON durations (`26s`, `0.847655010s`). `None` for anything else, `""` included.
pub fn duration(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, after) = rest.split_at(digits);
        let letters = after.chars().take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum();
        let (unit, after) = after.split_at(letters);
        total += number.parse::<f64>().ok()?
            * match unit {
                "d" => 86_400.0,
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" | "μs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = after;
    }
    total.is_finite().then_some(total)
}

/// IMF-fixdate, RFC 9110 §5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`. The obsolete forms are not read.
pub(super) fn http_date(text: &str) -> Option<f64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.trim().split_once(", ")?.1.split(' ');
    let day = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as u32 + 1;
    let year = parts.next()?.parse().ok()?;
    let seconds = clock(parts.next()?)?;
    (parts.next()? == "GMT").then_some(days(year, month, day)? * 86_400.0 + seconds)
}

/// RFC 3339 §5.6: `2025-01-14T22:01:32.5+01:00`.
pub(super) fn rfc3339(text: &str) -> Option<f64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.split('-');
    let (year, month, day) = (date.next()?, date.next()?, date.next()?);
    let days = days(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?;
    let (time, offset) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, 0.0),
        None => {
            let at = time.rfind(['+', '-'])?;
            let (time, zone) = time.split_at(at);
            let sign = if zone.starts_with('-') { -1.0 } else { 1.0 };
            (time, sign * clock(zone.get(1..)?)?)
        }
    };
    Some(days * 86_400.0 + clock(time)? - offset)
}

/// `hh:mm` or `hh:mm:ss` with a fraction, as seconds; 60 is a leap second.
fn clock(text: &str) -> Option<f64> {
    let mut parts = text.split(':');
    let hours: u32 = parts.next()?.parse().ok().filter(|hours| *hours < 24)?;
    let minutes: u32 = parts.next()?.parse().ok().filter(|minutes| *minutes < 60)?;
    let seconds: f64 = match parts.next() {
        Some(text) => text.parse().ok().filter(|seconds| (0.0..61.0).contains(seconds))?,
        None => 0.0,
    };
    parts.next().is_none().then_some(f64::from(hours * 3600 + minutes * 60) + seconds)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, counted in years that begin in March.
fn days(year: i32, month: u32, day: u32) -> Option<f64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (month, day) = (month as i32, day as i32);
    let year = if month <= 2 { year - 1 } else { year };
    let in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leaps = year / 4 - year / 100 + year / 400;
    // 719 468 days lie between 0000-03-01 and 1970-01-01.
    Some(f64::from(year * 365 + leaps + in_year - 719_468))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("6m0s", 360.0),
            ("1m0.052s", 60.052),
            ("494ms", 0.494),
            ("0s", 0.0),
            ("1d2h3m4s", 93_784.0),
            ("2m59.56s", 179.56),
            ("26s", 26.0),
            ("0.847655010s", 0.847_655_01),
            ("12µs", 12e-6),
        ] {
            let found = duration(text).unwrap();
            assert!((found - seconds).abs() < 1e-9, "{text}: {found}");
        }
        for junk in
            ["", "s", "5", "5x", "1.2.3s", "-5s", "5s later", "99999999999999999999d1e", "."]
        {
            assert_eq!(duration(junk), None, "{junk}");
        }
    }

    #[test]
    fn dates() {
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0.0));
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777.0));
        assert_eq!(http_date("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199.0));
        assert_eq!(rfc3339("2024-03-01T00:00:00Z"), Some(1_709_251_200.0));
        assert_eq!(rfc3339("1970-01-01T01:00:00.25+01:00"), Some(0.25));
        assert_eq!(rfc3339("1970-01-01T00:00:00-00:30"), Some(1800.0));
        for junk in ["", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 99 Nov 1994 08:49:37 GMT", "now"] {
            assert_eq!(http_date(junk), None, "{junk}");
        }
        for junk in [
            "",
            "2024-03-01",
            "2024-13-01T00:00:00Z",
            "2024-03-01T25:00:00Z",
            "T",
            "\u{20ac}T\u{20ac}",
        ] {
            assert_eq!(rfc3339(junk), None, "{junk}");
        }
    }
}
