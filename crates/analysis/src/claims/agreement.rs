//! Whether networks agree more on how categories lie at the features than at the logits.

use rayon::prelude::*;
use redyn_core::random::Stream;

use super::families::Family;
use super::{Claim, Rule, Sampling, Verdict};
use crate::Uncertainty;
use crate::categories::Stage;
use crate::resample::Draws;
use crate::spearman::{correlation, ranks};

/// Mean rank correlation between networks of the distances between prototypes, features minus
/// logits. Classes are resampled: replicate `b` draws at `(seed, [b, 7])`; pairs of a class with
/// itself do not count.
pub(crate) fn agreement(families: &[Family], uncertainty: &Uncertainty) -> Claim {
    let claim = Claim {
        id: "agree_at_features".into(),
        figure: "cross-network".into(),
        wording: "networks agree on how categories lie at the features and part at the logits".into(),
        statistic: "mean over pairs of networks of Spearman's correlation of raw distances between prototypes after, \
                    features minus logits"
            .into(),
        unit: String::new(),
        rule: Rule::Above(0.0),
        effect: None,
        sampling: Sampling::Classes,
        by_seed: Vec::new(),
        p: None,
        verdict: Verdict::Undecided,
        reason: None,
    };
    let of_stage = |stage| families.iter().filter_map(|family| family.rdm(stage)).collect::<Vec<_>>();
    let (features, logits) = (of_stage(Stage::Feature), of_stage(Stage::Decision));
    let n_pairs = features.first().map_or(0, Vec::len);
    let alike = features.iter().chain(&logits).all(|rdm| rdm.len() == n_pairs);
    if features.len() < 2 || logits.len() < 2 || !alike {
        let reason = Some("it takes two networks or more that saw images of the same classes".into());
        return Claim { reason, ..claim };
    }
    // n (n − 1) / 2 pairs of n classes.
    let n = (f64::midpoint(1.0, (1.0 + 8.0 * n_pairs as f64).sqrt())).round() as usize;
    let statistic =
        |times: &[usize]| Some(mean_agreement(&features, times)? - mean_agreement(&logits, times)?);
    let replicate = |b: usize| {
        let mut stream = Stream::new(uncertainty.seed, &[b as u64, 7]);
        let mut times = vec![0; n];
        (0..n).for_each(|_| times[stream.below(n)] += 1);
        statistic(&times)
    };
    let Some(value) = statistic(&vec![1; n]) else {
        let reason = Some("the distances between prototypes do not vary".into());
        return Claim { reason, ..claim };
    };
    let replicates = (0..uncertainty.replicates).into_par_iter().map(replicate).collect();
    let effect = Draws { value, n, replicates }.estimate(uncertainty.level);
    let verdict = effect.interval().map_or(Verdict::Undecided, |interval| claim.rule.verdict(interval));
    let reason = effect.interval().is_none().then(|| "there are too few classes for an interval".into());
    Claim { effect: Some(effect), verdict, reason, ..claim }
}

/// Mean over pairs of condensed RDMs of their rank correlation, every class as often as it is drawn.
fn mean_agreement(rdms: &[Vec<f64>], times: &[usize]) -> Option<f64> {
    let n = times.len();
    let pairs = (0..n).flat_map(|k| (k + 1..n).map(move |l| times[k] * times[l]));
    let drawn: Vec<usize> =
        pairs.enumerate().flat_map(|(pair, times)| std::iter::repeat_n(pair, times)).collect();
    let ranked: Vec<Vec<f64>> =
        rdms.iter().map(|rdm| ranks(&drawn.iter().map(|&pair| rdm[pair]).collect::<Vec<_>>())).collect();
    let both = (0..ranked.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    let all: Option<Vec<f64>> = both.map(|(a, b)| correlation(&ranked[a], &ranked[b])).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.iter().sum::<f64>() / all.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Geometry;
    use crate::fixture::close;
    use crate::readout_similarity::pairs;

    /// Distances of 12 classes on a line, with noise of its own for every network.
    fn rdm(noise: f64, network: u64) -> Vec<f64> {
        let mut stream = Stream::new(network, &[]);
        pairs(12).map(|(k, l)| (l - k) as f64 + noise * stream.between(-1.0, 1.0)).collect()
    }

    fn judged(features: f64, logits: f64) -> Claim {
        let seeds: Vec<Geometry> = (0..3)
            .map(|network| Geometry::of_rdms([rdm(features, network), rdm(logits, network + 7)]))
            .collect();
        let families: Vec<Family> = seeds
            .iter()
            .map(|seed| Family { name: String::new(), factors: Vec::new(), seeds: vec![seed] })
            .collect();
        agreement(&families, &Uncertainty { replicates: 200, ..Uncertainty::default() })
    }

    #[test]
    fn agreement_at_the_features_holds_and_the_contrary_is_reversed() {
        assert_eq!(judged(1.0, 20.0).verdict, Verdict::Holds);
        assert_eq!(judged(20.0, 1.0).verdict, Verdict::Reversed);
        assert_eq!(judged(5.0, 5.0).verdict, Verdict::Undecided);
        let effect = judged(1.0, 20.0).effect.unwrap();
        assert_eq!(effect.n, 12);
    }

    #[test]
    fn a_class_drawn_twice_counts_as_if_it_stood_there_twice() {
        let (a, b) = (rdm(3.0, 1), rdm(3.0, 2));
        let mut times = vec![1; 12];
        (times[4], times[9]) = (2, 0);
        let drawn: Vec<usize> =
            times.iter().enumerate().flat_map(|(k, &n)| std::iter::repeat_n(k, n)).collect();
        let index = |k: usize, l: usize| pairs(12).position(|pair| pair == (k.min(l), k.max(l))).unwrap();
        let of = |rdm: &[f64]| -> Vec<f64> {
            let both = pairs(drawn.len()).map(|(i, j)| (drawn[i], drawn[j])).filter(|(k, l)| k != l);
            both.map(|(k, l)| rdm[index(k, l)]).collect()
        };
        let plain = correlation(&ranks(&of(&a)), &ranks(&of(&b))).unwrap();
        close(mean_agreement(&[a, b], &times).unwrap(), plain);
        assert!(agreement(&[], &Uncertainty::default()).reason.is_some());
    }
}
