//! Text from outside, made harmless for a terminal [pure] (hazard P7).

use std::borrow::Cow;

/// Control characters (C0, DEL, C1) and those that change the direction of text.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with U+FFFD in place of what a terminal would obey.
pub fn safe(text: &str) -> Cow<'_, str> {
    if text.contains(is_hostile) {
        Cow::Owned(text.chars().map(|c| if is_hostile(c) { '\u{fffd}' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// Safe, and at most `width` characters, with `…` where cut.
pub fn clip(text: &str, width: usize) -> String {
    let text = safe(text);
    if text.chars().count() <= width {
        return text.into_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// `1,234,567`
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// 9999, 12.3k, 4.5M, 1.2G
pub fn short(value: u64) -> String {
    let scaled = value as f64;
    match value {
        0..10_000 => value.to_string(),
        10_000..1_000_000 => format!("{:.1}k", scaled / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}M", scaled / 1e6),
        _ => format!("{:.1}G", scaled / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        for code in (0..0x20).chain(0x7f..0xa0).chain(0x202a..=0x202e).chain(0x2066..=0x2069) {
            let Some(c) = char::from_u32(code) else { continue };
            assert_eq!(safe(&format!("a{c}b")), "a\u{fffd}b", "{code:x}");
        }
        assert!(matches!(safe("プロンプト"), Cow::Borrowed(_)));
        assert_eq!(clip("a\u{1b}[31mb", 4), "a\u{fffd}[…");
        assert_eq!(clip("abc", 0), "…");
    }

    #[test]
    fn figures_read_well() {
        assert_eq!([count(0), count(999), count(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!([short(9_999), short(12_345), short(4_500_000)], ["9999", "12.3k", "4.5M"]);
    }
}
