//! Text from outside, made harmless for a terminal [pure] (hazard P7).

use std::borrow::Cow;

/// Control characters (C0, DEL, C1), line separators, and those that change the direction of text or
/// are not seen.
const fn is_hostile(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with U+FFFD in place of what a terminal would obey.
pub fn safe(text: &str) -> Cow<'_, str> {
    // Most text is plain: ASCII from blank to tilde needs no second look.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.contains(is_hostile) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_hostile(c) { '\u{fffd}' } else { c }).collect())
}

/// Safe, and at most `max` bytes: for what is kept.
pub fn bounded(text: &str, max: usize) -> String {
    let safe = safe(&text[..text.floor_char_boundary(max)]);
    safe[..safe.floor_char_boundary(max)].to_owned()
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
    fn every_character_of_unicode_is_harmless_afterwards() {
        for c in '\0'..=char::MAX {
            let text = c.to_string();
            let safe = safe(&text);
            assert!(!safe.chars().any(|c| c.is_control() || is_hostile(c)), "{c:?}");
            assert_eq!(serde_json::to_string(&*safe).unwrap().lines().count(), 1);
        }
        assert_eq!(bounded("äää", 3), "ä");
        assert_eq!(bounded("\u{1b}\u{1b}", 4), "\u{fffd}");
    }

    #[test]
    fn figures_read_well() {
        assert_eq!([count(0), count(999), count(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!([short(9_999), short(12_345), short(4_500_000)], ["9999", "12.3k", "4.5M"]);
    }
}
