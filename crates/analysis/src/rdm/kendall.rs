//! Kendall's tau-a of weighted values.

use super::compare::Seen;

/// `(concordant − discordant) / all` pairs of values, when value `p` stands `w_p` times.
///
/// A sweep in the order of `a`, with sums of weights by rank of `b` in a binary indexed tree:
/// `n log n`. Copies of one value are tied with one another, and count among all pairs.
pub(super) fn tau_a(a: &Seen, b: &Seen, weights: &[f64]) -> Option<f64> {
    let total: f64 = weights.iter().sum();
    let all = total * (total - 1.0) / 2.0;
    if all <= 0.0 {
        return None;
    }
    let (rank, n_ranks) = dense_ranks(b);
    let mut seen = Tree::new(n_ranks);
    let (mut before, mut sum) = (0.0, 0.0);
    for tied in a.order.chunk_by(|&x, &y| a.values[x as usize] == a.values[y as usize]) {
        for &at in tied {
            let (own, weight) = (rank[at as usize], weights[at as usize]);
            let (below, to_own) = (seen.below(own), seen.below(own + 1));
            // Those before that are smaller, less those before that are larger.
            sum += weight * (below - (before - to_own));
        }
        for &at in tied {
            seen.add(rank[at as usize], weights[at as usize]);
            before += weights[at as usize];
        }
    }
    Some(sum / all)
}

/// Rank of every value, from 0, equal values having one; and the number of ranks.
fn dense_ranks(seen: &Seen) -> (Vec<usize>, usize) {
    let mut ranks = vec![0; seen.values.len()];
    let mut n_ranks = 0;
    let values = &seen.values;
    for tied in seen.order.chunk_by(|&x, &y| values[x as usize] == values[y as usize]) {
        for &at in tied {
            ranks[at as usize] = n_ranks;
        }
        n_ranks += 1;
    }
    (ranks, n_ranks)
}

/// Sums over all ranks below one, in logarithmic time (Fenwick 1994).
struct Tree(Vec<f64>);

impl Tree {
    fn new(n: usize) -> Self {
        Self(vec![0.0; n + 1])
    }

    fn add(&mut self, rank: usize, weight: f64) {
        let mut at = rank + 1;
        while at < self.0.len() {
            self.0[at] += weight;
            at += at & at.wrapping_neg();
        }
    }

    fn below(&self, rank: usize) -> f64 {
        let (mut at, mut sum) = (rank, 0.0);
        while at > 0 {
            sum += self.0[at];
            at &= at - 1;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spearman::ascending;

    fn tau(a: &[f64], b: &[f64]) -> Option<f64> {
        let seen = |values: &[f64]| Seen { values: values.to_vec(), order: ascending(values) };
        tau_a(&seen(a), &seen(b), &vec![1.0; a.len()])
    }

    #[test]
    fn order_reversed_order_and_ties() {
        let up = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(tau(&up, &[10.0, 20.0, 30.0, 40.0]), Some(1.0));
        assert_eq!(tau(&up, &[4.0, 3.0, 2.0, 1.0]), Some(-1.0));
        // One tie of six pairs, five concordant.
        assert_eq!(tau(&up, &[1.0, 1.0, 2.0, 3.0]), Some(5.0 / 6.0));
        assert_eq!(tau(&[1.0], &[1.0]), None);
    }
}
