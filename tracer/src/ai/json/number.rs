//! Numbers of RFC 8259, section 6, byte by byte.

/// Longest number kept for conversion; longer ones are checked, and read from their beginning.
const KEPT: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

#[derive(Clone, Debug)]
pub(super) struct Number {
    state: State,
    text: [u8; KEPT],
    len: usize,
}

impl Number {
    /// `first`: `-` or a digit.
    pub(super) const fn new(first: u8) -> Self {
        let state = match first {
            b'-' => State::Minus,
            b'0' => State::Zero,
            _ => State::Integer,
        };
        let mut text = [0; KEPT];
        text[0] = first;
        Self { state, text, len: 1 }
    }

    /// Takes a byte if it belongs to the number.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        use State::*;
        let next = match (self.state, byte) {
            (Minus, b'0') => Zero,
            (Minus, b'1'..=b'9') | (Integer, b'0'..=b'9') => Integer,
            (Zero | Integer, b'.') => Point,
            (Point | Fraction, b'0'..=b'9') => Fraction,
            (Zero | Integer | Fraction, b'e' | b'E') => E,
            (E, b'+' | b'-') => Sign,
            (E | Sign | Exponent, b'0'..=b'9') => Exponent,
            _ => return false,
        };
        self.state = next;
        if let Some(place) = self.text.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
        true
    }

    /// The value; `None`: it stops in its middle.
    pub(super) fn finish(&self) -> Option<f64> {
        if !matches!(self.state, State::Zero | State::Integer | State::Fraction | State::Exponent) {
            return None;
        }
        let text = self.text.get(..self.len).unwrap_or_default();
        let text = std::str::from_utf8(text).unwrap_or_default();
        // Cut after an `e` or a point, a number this long means nothing to us.
        Some(text.parse().unwrap_or(f64::NAN))
    }
}
