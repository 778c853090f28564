//! The last seconds or minutes [pure]: a slot a second, totals kept up to date as slots leave.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use super::dimension::{By, Dimensions, Filter};
use super::sums::Sums;

/// Kinds of calls told apart; the rest is shown as one.
const MAX_KINDS: usize = 20_000;
pub(super) const LONGEST_S: u64 = 3600;

#[derive(Clone, Debug, Default)]
struct Slot {
    second: u64,
    sums: HashMap<usize, Sums>,
}

#[derive(Clone, Debug)]
pub(super) struct Window {
    /// Seconds.
    pub length: u64,
    kinds: Vec<Rc<Dimensions>>,
    numbers: HashMap<Rc<Dimensions>, usize>,
    /// Oldest first. Slots older than the window stay for longer ones, up to [`LONGEST_S`].
    slots: VecDeque<Slot>,
    totals: HashMap<usize, Sums>,
    /// The newest second.
    now: u64,
}

impl Window {
    pub(super) fn new(length: u64) -> Self {
        Self {
            length,
            kinds: Vec::new(),
            numbers: HashMap::new(),
            slots: VecDeque::new(),
            totals: HashMap::new(),
            now: 0,
        }
    }

    pub(super) fn add(&mut self, second: u64, dimensions: Dimensions, sums: &Sums) {
        self.advance(second);
        // Late by more than the longest window, or from a clock that went back: nowhere to put it.
        let second = second.max(self.now.saturating_sub(LONGEST_S));
        let kind = self.number(dimensions);
        let at = self.slots.partition_point(|slot| slot.second < second);
        if self.slots.get(at).is_none_or(|slot| slot.second != second) {
            self.slots.insert(at, Slot { second, sums: HashMap::new() });
        }
        if let Some(slot) = self.slots.get_mut(at) {
            slot.sums.entry(kind).or_default().add(sums);
        }
        if self.is_inside(second) {
            self.totals.entry(kind).or_default().add(sums);
        }
    }

    /// Time goes on, whether or not calls come.
    pub(super) fn advance(&mut self, second: u64) {
        if second <= self.now {
            return;
        }
        let left = self.now.saturating_sub(self.length);
        self.now = second;
        let now_left = self.now.saturating_sub(self.length);
        for slot in self.slots.iter().filter(|slot| slot.second > left && slot.second <= now_left) {
            for (kind, sums) in &slot.sums {
                if let Some(total) = self.totals.get_mut(kind) {
                    total.subtract(sums);
                }
            }
        }
        self.totals.retain(|_, total| total.calls > 0);
        while self.slots.front().is_some_and(|slot| slot.second + LONGEST_S < self.now) {
            self.slots.pop_front();
        }
    }

    pub(super) fn set_length(&mut self, length: u64) {
        self.length = length;
        self.totals.clear();
        let inside = self.now.saturating_sub(length);
        for slot in self.slots.iter().filter(|slot| slot.second > inside) {
            for (kind, sums) in &slot.sums {
                self.totals.entry(*kind).or_default().add(sums);
            }
        }
    }

    fn is_inside(&self, second: u64) -> bool {
        second > self.now.saturating_sub(self.length)
    }

    fn number(&mut self, dimensions: Dimensions) -> usize {
        if let Some(number) = self.numbers.get(&dimensions) {
            return *number;
        }
        let full = self.kinds.len() >= MAX_KINDS;
        let dimensions = Rc::new(if full { Dimensions::other() } else { dimensions });
        if let Some(number) = self.numbers.get(&dimensions) {
            return *number;
        }
        self.kinds.push(Rc::clone(&dimensions));
        self.numbers.insert(dimensions, self.kinds.len() - 1);
        self.kinds.len() - 1
    }

    /// Groups of the window, in no order.
    pub(super) fn groups(&self, by: By, filter: &Filter) -> Vec<(String, Sums)> {
        let mut groups: HashMap<&str, Sums> = HashMap::new();
        for (kind, sums) in &self.totals {
            let dimensions = &self.kinds[*kind];
            if filter.matches(dimensions) {
                groups.entry(dimensions.get(by).unwrap_or("(none)")).or_default().add(sums);
            }
        }
        groups.into_iter().map(|(name, sums)| (name.to_owned(), sums)).collect()
    }

    pub(super) fn total(&self, filter: &Filter) -> Sums {
        let mut total = Sums::default();
        for (kind, sums) in &self.totals {
            if filter.matches(&self.kinds[*kind]) {
                total.add(sums);
            }
        }
        total
    }

    /// Calls by the second, oldest first, `width` of them, the running second last.
    pub(super) fn rate(&self, filter: &Filter, width: usize) -> Vec<u64> {
        let mut bars = vec![0; width];
        let first = (self.now + 1).saturating_sub(width as u64);
        for slot in self.slots.iter().rev().take_while(|slot| slot.second >= first) {
            let matching = slot.sums.iter().filter(|(kind, _)| filter.matches(&self.kinds[**kind]));
            let at = usize::try_from(slot.second - first).unwrap_or(usize::MAX);
            if let Some(bar) = bars.get_mut(at) {
                *bar = matching.map(|(_, sums)| sums.calls).sum();
            }
        }
        bars
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reader::CallEvent;

    fn kind(name: &str) -> Dimensions {
        let mut call = CallEvent::default();
        call.who.workload = Some(name.into());
        Dimensions::of(&call)
    }

    fn one(cost: u64) -> Sums {
        Sums { calls: 1, cost, ..Sums::default() }
    }

    proptest! {
        #[test]
        fn totals_are_those_of_the_window(
            mut calls in prop::collection::vec((0_u64..200, 0_usize..3), 1..200),
            length in 1_u64..120,
            shuffle in any::<bool>(),
        ) {
            if !shuffle {
                calls.sort_unstable();
            }
            let mut window = Window::new(30);
            for (second, name) in &calls {
                window.add(1000 + second, kind(["a", "b", "c"][*name]), &one(1));
            }
            window.set_length(length);
            window.advance(1200);
            let inside = calls.iter().filter(|(second, _)| 1000 + second > 1200 - length).count();
            prop_assert_eq!(window.total(&Filter::default()).calls, inside as u64);
            let groups: u64 = window.groups(By::Workload, &Filter::default()).iter().map(|(_, s)| s.calls).sum();
            prop_assert_eq!(groups, inside as u64);
        }
    }

    #[test]
    fn what_leaves_is_taken_off_and_bars_move() {
        let mut window = Window::new(10);
        window.add(100, kind("a"), &one(1));
        window.add(105, kind("a"), &one(2));
        assert_eq!(window.rate(&Filter::default(), 6), [1, 0, 0, 0, 0, 1]);
        window.advance(111);
        assert_eq!(window.total(&Filter::default()).calls, 1);
        window.advance(200);
        assert_eq!(window.total(&Filter::default()), Sums::default());
        window.set_length(3600);
        assert_eq!(window.total(&Filter::default()).calls, 2);
    }
}
