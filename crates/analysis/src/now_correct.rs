//! Norm and alignment of images correct by now, against those that will be.

use serde::{Deserialize, Serialize};

use crate::contrast::{Contrast, contrast_table, notes};
use crate::table::Table;
use crate::{Analysis, Error, Material, counts_by_step, timesteps_analyse};

/// Figure 2B: norm and current-class cosine, correct now against not yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NowCorrect {
    /// Averages use `t = 0..timesteps_analyse`.
    pub timesteps_analyse: usize,
    /// `‖r_n(t)‖₂`.
    pub norm: Contrast,
    /// `cos(r_n(t), w_{c_n(t)})`, with the readout vector of the current answer; absent without
    /// a linear readout.
    pub cosine: Option<Contrast>,
    /// What the numbers cannot say.
    pub notes: Vec<String>,
}

impl Analysis for NowCorrect {
    const NAME: &'static str = "now_correct";
    const TITLE: &'static str = "Correct now, or not yet";
    const SUMMARY: &'static str = "norm and alignment with the answer: correct now against not yet";
    const DESCRIPTION: &'static str = "At each step the stably correct images fall into those already correct and \
        those that will be. Compared are the length of their representations and the cosine with the readout \
        vector of the class they are in now: a low cosine means far from the middle of the zone.";
    const REFERENCE: &'static str = "Thorat, Doerig & Kietzmann 2023 (arXiv 2308.12435), figures 2B and 3A";

    fn analyse(material: &Material) -> Result<Self, Error> {
        let rows = material.rows;
        let norm = material.norm().clone();
        let mut notes = notes(&norm);
        let cosine = match rows.need_readout(Self::NAME) {
            Ok(readout) => Some(material.cosine(readout).clone()),
            Err(error) => {
                notes.push(format!("no cosines: {error}"));
                None
            }
        };
        let timesteps_analyse = timesteps_analyse(&counts_by_step(material.outcomes, rows.n_steps()));
        Ok(Self { timesteps_analyse, norm, cosine, notes })
    }

    fn tables(&self) -> Vec<Table> {
        vec![contrast_table("now_correct", [&self.norm].into_iter().chain(&self.cosine))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StableRule;
    use crate::fixture::{Fixture, close, material};

    #[test]
    fn group_means_are_those_of_a_plain_loop() {
        let fixture = Fixture::random(300, 6);
        material(&fixture, |material| {
            let found = NowCorrect::analyse(material).unwrap();
            let rule = StableRule::default();
            let (mut averages, mut steps) = ([0.0; 2], 0.0);
            for step in 0..6 {
                let mut groups = [Vec::new(), Vec::new()];
                for n in 0..300 {
                    let answers: Vec<usize> = (0..6).map(|t| fixture.argmax(n, t)).collect();
                    if let Some(stable) = rule.outcome(&answers, fixture.labels[n]).correct_from() {
                        let cosine = fixture.cosine(n, step, answers[step]);
                        groups[usize::from(stable > step)].push((fixture.norm(n, step), cosine));
                    }
                }
                for (group, (norms, cosines)) in groups.iter().zip([
                    (&found.norm.correct, &found.cosine.as_ref().unwrap().correct),
                    (&found.norm.not_yet, &found.cosine.as_ref().unwrap().not_yet),
                ]) {
                    let n = group.len() as f64;
                    assert_eq!(norms[step].is_some(), n > 0.0);
                    if n > 0.0 {
                        close(norms[step].unwrap().value, group.iter().map(|g| g.0).sum::<f64>() / n);
                        close(cosines[step].unwrap().value, group.iter().map(|g| g.1).sum::<f64>() / n);
                        assert_eq!(norms[step].unwrap().n, group.len());
                    }
                }
                if step < found.timesteps_analyse && groups.iter().all(|group| !group.is_empty()) {
                    for (average, group) in averages.iter_mut().zip(&groups) {
                        *average += group.iter().map(|g| g.0).sum::<f64>() / group.len() as f64;
                    }
                    steps += 1.0;
                }
            }
            assert!(steps > 1.0);
            close(found.norm.average.correct.unwrap().value, averages[0] / steps);
            close(found.norm.average.not_yet.unwrap().value, averages[1] / steps);
            close(found.norm.average.difference.unwrap().value, (averages[0] - averages[1]) / steps);
        });
    }
}
