//! A mergeable sketch of a distribution [pure]: percentiles that stay right when hours are added up.
//!
//! DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch", VLDB 2019):
//! logarithmic buckets, so that a quantile is within [`ERROR`] of the exact value, relative. Sparse,
//! because most hours of most workloads hold a handful of calls. Values are seconds or any other
//! non-negative figure; those below [`SMALLEST`] count as zero.

use std::collections::BTreeMap;

/// Relative error of a quantile.
pub const ERROR: f64 = 0.005;
/// Values below it are zero: a nanosecond.
const SMALLEST: f64 = 1e-9;
const GAMMA: f64 = (1.0 + ERROR) / (1.0 - ERROR);
/// Buckets of 1e-9 to 1e12; the last takes all beyond.
const MAX_INDEX: i32 = 2763;
const MIN_INDEX: i32 = -2073;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    zeros: u64,
    buckets: BTreeMap<i32, u64>,
}

impl Sketch {
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() || value < SMALLEST {
            self.zeros += u64::from(!value.is_nan());
            return;
        }
        let index = (value.ln() / GAMMA.ln()).ceil() as i32;
        *self.buckets.entry(index.clamp(MIN_INDEX, MAX_INDEX)).or_default() += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        self.zeros += other.zeros;
        for (index, count) in &other.buckets {
            *self.buckets.entry(*index).or_default() += count;
        }
    }

    pub fn count(&self) -> u64 {
        self.zeros + self.buckets.values().sum::<u64>()
    }

    /// The value below which a share `q` (0..1) of the values lies; `None` of nothing.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        // Nearest rank, from 0.
        let rank = (q.clamp(0.0, 1.0) * (count - 1) as f64).round() as u64;
        let mut seen = self.zeros;
        if rank < seen {
            return Some(0.0);
        }
        for (index, bucket) in &self.buckets {
            seen += bucket;
            if rank < seen {
                return Some(2.0 * GAMMA.powi(*index) / (GAMMA + 1.0));
            }
        }
        None
    }

    /// Zeros, then pairs of bucket distance and count, all variable-length.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + self.buckets.len() * 3);
        put(&mut out, self.zeros);
        let mut last = MIN_INDEX;
        for (index, count) in &self.buckets {
            put(&mut out, u64::from(index.abs_diff(last)));
            put(&mut out, *count);
            last = *index;
        }
        out
    }

    /// `None` for bytes that are no sketch.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut sketch = Self::default();
        if bytes.is_empty() {
            return Some(sketch);
        }
        sketch.zeros = take(&mut bytes)?;
        let mut last = MIN_INDEX;
        while !bytes.is_empty() {
            let distance = i32::try_from(take(&mut bytes)?).ok()?;
            last = last.checked_add(distance).filter(|index| *index <= MAX_INDEX)?;
            let count = take(&mut bytes)?;
            *sketch.buckets.entry(last).or_default() = count;
        }
        Some(sketch)
    }
}

/// LEB128.
fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64]) -> Sketch {
        let mut sketch = Sketch::default();
        for value in values {
            sketch.add(*value);
        }
        sketch
    }

    proptest! {
        #[test]
        fn quantiles_are_within_a_percent(
            mut values in prop::collection::vec(1e-6_f64..1e4, 1..500),
            q in 0.0_f64..=1.0,
        ) {
            let sketch = of(&values);
            values.sort_by(f64::total_cmp);
            let exact = values[(q * (values.len() - 1) as f64).round() as usize];
            let found = sketch.quantile(q).unwrap();
            prop_assert!((found - exact).abs() <= exact * 0.01, "{found} {exact}");
        }

        #[test]
        fn parts_merge_to_the_whole_and_survive_storage(
            a in prop::collection::vec(0.0_f64..1e3, 0..100),
            b in prop::collection::vec(0.0_f64..1e3, 0..100),
        ) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            let whole = of(&[a, b].concat());
            prop_assert_eq!(&merged, &whole);
            prop_assert_eq!(Sketch::from_bytes(&merged.to_bytes()), Some(whole));
        }

        #[test]
        fn any_bytes_are_a_sketch_or_none(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _sketch = Sketch::from_bytes(&bytes);
        }
    }

    #[test]
    fn nothing_has_no_quantile_and_oddities_do_no_harm() {
        assert_eq!(Sketch::default().quantile(0.5), None);
        let odd = of(&[f64::NAN, f64::INFINITY, -1.0, 0.0]);
        assert_eq!((odd.count(), odd.quantile(0.5)), (3, Some(0.0)));
    }
}
