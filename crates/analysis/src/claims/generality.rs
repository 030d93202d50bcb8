//! Figure 3A: the same in all four networks.

use super::{Claim, Rule, Sampling, Verdict};

/// The four networks of the paper.
const NETWORKS: [&str; 4] = ["LA", "TA", "LM", "TM"];
/// What figure 3A shows of each.
const PARTS: [&str; 3] = ["norm_lower_before", "cosine_lower_before", "future_class_shows"];

/// Whether figures 2B and 2C generalise, given the claims of every network under its name.
pub(crate) fn generality<'a>(networks: impl Iterator<Item = (&'a str, &'a [Claim])>) -> Claim {
    let networks: Vec<_> = networks.filter(|(name, _)| NETWORKS.contains(name)).collect();
    let verdicts: Vec<Verdict> = networks
        .iter()
        .flat_map(|(_, claims)| claims.iter().filter(|claim| PARTS.contains(&claim.id.as_str())))
        .map(|claim| claim.verdict)
        .collect();
    let count = |wanted: Verdict| verdicts.iter().filter(|&&verdict| verdict == wanted).count();
    let (holds, reversed) = (count(Verdict::Holds), count(Verdict::Reversed));
    let missing: Vec<&str> =
        NETWORKS.into_iter().filter(|name| networks.iter().all(|(given, _)| given != name)).collect();
    let (verdict, reason) = if reversed > 0 {
        (Verdict::Reversed, format!("{reversed} of {} are reversed", verdicts.len()))
    } else if !missing.is_empty() {
        (Verdict::Undecided, format!("not given: {}", missing.join(", ")))
    } else if holds == verdicts.len() {
        (Verdict::Holds, format!("all {holds} hold"))
    } else {
        (Verdict::Undecided, format!("{holds} of {} hold, the others stay undecided", verdicts.len()))
    };
    Claim {
        id: "generalises".into(),
        figure: "3A".into(),
        wording:
            "lower norm, lower alignment and the future class's signature are there in all four networks"
                .into(),
        statistic: "verdicts of the three claims about figures 2B and 2C in each of LA, TA, LM and TM".into(),
        unit: String::new(),
        rule: Rule::Every,
        effect: None,
        sampling: Sampling::Images,
        by_seed: Vec::new(),
        p: None,
        verdict,
        reason: Some(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Paper;
    use crate::claims::{Entry, entries};

    fn claims(verdicts: [Verdict; 3]) -> Vec<Claim> {
        let entry =
            |id: &str| -> &'static Entry { entries(Paper::Thorat2023).find(|entry| entry.id == id).unwrap() };
        PARTS.iter().zip(verdicts).map(|(id, verdict)| Claim { verdict, ..entry(id).undecided() }).collect()
    }

    #[test]
    fn every_part_counts_and_a_missing_network_leaves_it_open() {
        use Verdict::{Holds, Reversed, Undecided};
        let good = claims([Holds; 3]);
        let judge = |last: [Verdict; 3], names: &[&str]| {
            let last = claims(last);
            let all = names.iter().map(|&name| (name, if name == "TM" { &last[..] } else { &good[..] }));
            let claim = generality(all);
            (claim.verdict, claim.reason.unwrap())
        };
        assert_eq!(judge([Holds; 3], &NETWORKS), (Holds, "all 12 hold".into()));
        assert_eq!(judge([Holds, Undecided, Holds], &NETWORKS).0, Undecided);
        assert_eq!(judge([Holds, Reversed, Holds], &NETWORKS), (Reversed, "1 of 12 are reversed".into()));
        assert_eq!(judge([Holds; 3], &["LA", "TM"]), (Undecided, "not given: TA, LM".into()));
    }
}
