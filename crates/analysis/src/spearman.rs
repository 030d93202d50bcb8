//! Rank correlation.

/// Positions in ascending order of their values, of equal ones the first first.
pub(crate) fn ascending(values: &[f64]) -> Vec<u32> {
    let mut order: Vec<(f64, u32)> = values.iter().copied().zip(0..).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order.into_iter().map(|(_, at)| at).collect()
}

/// Ranks from 1, ties sharing their mean rank.
pub(crate) fn ranks(values: &[f64]) -> Vec<f64> {
    let order = ascending(values);
    let value = |at: u32| values[at as usize];
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&a, &b| value(a) == value(b)) {
        for &at in tied {
            ranks[at as usize] = f64::midpoint((before + 1) as f64, (before + tied.len()) as f64);
        }
        before += tied.len();
    }
    ranks
}

/// Pearson's correlation; `None` where either side is constant.
pub(crate) fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let n = a.len() as f64;
    let (mean_a, mean_b) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let (mut aa, mut ab, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - mean_a, y - mean_b);
        aa += x * x;
        ab += x * y;
        bb += y * y;
    }
    (aa > 0.0 && bb > 0.0).then(|| ab / (aa * bb).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_mean_rank() {
        // scipy 1.17: scipy.stats.rankdata([3, 1, 3, 0, 3])
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 0.0, 3.0]), [4.0, 2.0, 4.0, 1.0, 4.0]);
    }

    #[test]
    fn correlations_of_ranks_are_those_of_scipy() {
        // scipy 1.17: scipy.stats.spearmanr([1, 2, 2, 4, 5], [2, 1, 3, 5, 4]) -> 0.7181848464596079
        let (a, b) = (ranks(&[1.0, 2.0, 2.0, 4.0, 5.0]), ranks(&[2.0, 1.0, 3.0, 5.0, 4.0]));
        assert!((correlation(&a, &b).unwrap() - 0.718_184_846_459_607_9).abs() < 1e-14);
        assert_eq!(correlation(&[1.0, 1.0], &[1.0, 2.0]), None);
    }
}
