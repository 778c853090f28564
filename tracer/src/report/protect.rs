//! Whom to protect if capacity were cut [pure].
//!
//! A workload's worth is its weight (from the rules; 1 where none is given) times how much it depends
//! on what is cut: the share of its calls that no retry or fallback makes good. Asked to cut N %, the
//! workloads of least worth give up first, until N % of the tokens are free.

use serde::Serialize;

/// One workload's figures.
#[derive(Clone, Debug, Default)]
pub(super) struct Stake {
    pub name: String,
    pub weight: f64,
    pub calls: u64,
    pub failed: u64,
    pub retries: u64,
    pub tokens: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Protected {
    /// Of all tokens, percent.
    pub cut_percent: f64,
    /// Most worth first.
    pub keep: Vec<Worth>,
    /// Least worth first: who gives up, and how much.
    pub give_up: Vec<Worth>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worth {
    pub name: String,
    pub weight: f64,
    /// 0..1: how steadily it calls and how few of its calls are repeats.
    pub dependence: f64,
    pub tokens: u64,
    /// Of its own tokens, 0..1.
    pub given_up: f64,
}

/// Calls that are not repeats of failed ones, of all: what would really be missed.
fn dependence(stake: &Stake) -> f64 {
    if stake.calls == 0 {
        return 0.0;
    }
    let useful = stake.calls.saturating_sub(stake.failed.max(stake.retries));
    useful as f64 / stake.calls as f64
}

pub(super) fn protect(mut stakes: Vec<Stake>, cut_percent: f64) -> Protected {
    let worth = |stake: &Stake| stake.weight * dependence(stake);
    stakes.sort_by(|a, b| worth(b).total_cmp(&worth(a)).then(a.name.cmp(&b.name)));
    let all: u64 = stakes.iter().map(|stake| stake.tokens).sum();
    let mut to_free = all as f64 * cut_percent / 100.0;
    let mut out = Protected { cut_percent, keep: Vec::new(), give_up: Vec::new() };
    for stake in stakes.iter().rev() {
        let given = to_free.min(stake.tokens as f64).max(0.0);
        to_free -= given;
        let given_up = if stake.tokens == 0 { 0.0 } else { given / stake.tokens as f64 };
        let line = Worth {
            name: stake.name.clone(),
            weight: stake.weight,
            dependence: dependence(stake),
            tokens: stake.tokens,
            given_up,
        };
        if given_up > 0.0 {
            out.give_up.push(line);
        } else {
            out.keep.insert(0, line);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stake(name: &str, weight: f64, failed: u64, tokens: u64) -> Stake {
        Stake { name: name.into(), weight, calls: 100, failed, retries: 0, tokens }
    }

    #[test]
    fn the_least_worth_gives_up_first_and_no_more_than_asked() {
        let stakes = vec![
            stake("batch", 1.0, 0, 600),
            stake("checkout", 10.0, 0, 300),
            stake("experiment", 1.0, 50, 100),
        ];
        let out = protect(stakes, 20.0);
        let names: Vec<_> = out.give_up.iter().map(|w| &*w.name).collect();
        assert_eq!(names, ["experiment", "batch"]);
        assert!((out.give_up[1].given_up - 100.0 / 600.0).abs() < 1e-9);
        assert_eq!(out.keep[0].name, "checkout");
    }

    #[test]
    fn nothing_to_cut_keeps_all() {
        let out = protect(vec![stake("a", 1.0, 0, 5)], 0.0);
        assert!(out.give_up.is_empty() && out.keep.len() == 1);
        assert!(protect(Vec::new(), 50.0).keep.is_empty());
    }
}
