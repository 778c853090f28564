//! What a process came from [pure]: the titles of those above it, nearest first.
//!
//! Shared between siblings, kept past the ancestors' end, and bounded: a process that forks and ends
//! for ever makes no longer chain than [`MAX_DEPTH`].

use std::sync::Arc;

use crate::event::ProcessKey;

/// Longest chain.
pub const MAX_DEPTH: u8 = 16;
/// What is left of a chain that would be longer.
const KEPT: usize = 8;

#[derive(Debug, PartialEq, Eq)]
pub struct Ancestry {
    pub key: ProcessKey,
    pub title: Arc<str>,
    parent: Option<Arc<Self>>,
    depth: u8,
}

impl Ancestry {
    /// The chain that begins with `key` and goes on with its own ancestors.
    pub fn of(key: ProcessKey, title: Arc<str>, above: Option<&Arc<Self>>) -> Arc<Self> {
        let parent = match above {
            Some(above) if above.depth + 1 >= MAX_DEPTH => shortened(above),
            other => other.cloned(),
        };
        let depth = parent.as_ref().map_or(0, |parent| parent.depth + 1);
        Arc::new(Self { key, title, parent, depth })
    }

    /// From the nearest upwards.
    pub fn iter(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |this| this.parent.as_deref())
    }
}

/// The nearest few of a chain.
fn shortened(chain: &Ancestry) -> Option<Arc<Ancestry>> {
    let nearest: Vec<&Ancestry> = chain.iter().take(KEPT).collect();
    nearest.into_iter().rev().fold(None, |parent: Option<Arc<Ancestry>>, link| {
        let depth = parent.as_ref().map_or(0, |parent| parent.depth + 1);
        Some(Arc::new(Ancestry { key: link.key, title: Arc::clone(&link.title), parent, depth }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::BootTime;

    fn key(tgid: u32) -> ProcessKey {
        ProcessKey { tgid, start: BootTime(u64::from(tgid)) }
    }

    #[test]
    fn an_endless_chain_of_forks_stays_short_and_keeps_the_nearest() {
        let mut chain = Ancestry::of(key(0), "init".into(), None);
        for tgid in 1..10_000 {
            chain = Ancestry::of(key(tgid), format!("p{tgid}").into(), Some(&chain));
            let nearest: Vec<u32> = chain.iter().take(4).map(|link| link.key.tgid).collect();
            let wanted: Vec<u32> = (tgid.saturating_sub(3)..=tgid).rev().collect();
            assert_eq!(nearest, wanted);
            assert!(chain.iter().count() <= usize::from(MAX_DEPTH));
        }
    }
}
