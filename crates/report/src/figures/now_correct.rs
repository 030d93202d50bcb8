//! Figure 2B: norm and alignment, correct now against not yet.

use redyn_analysis::NowCorrect;

use crate::Context;
use crate::figure::{Figure, Panel};
use crate::figures::{arranged, contrast, intervals, missing, notes, table};

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut norms, mut cosines, mut lacking) = (Vec::new(), Vec::new(), Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(found) = network.results.get::<NowCorrect>() else {
            let reason = missing(network, "now_correct");
            norms.push(Panel::lacking(name, &reason));
            cosines.push(Panel::lacking("", ""));
            lacking.push((name, reason));
            continue;
        };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        norms.push(contrast::panel(name, "norm", &found.norm));
        cosines.push(match &found.cosine {
            Some(cosine) => contrast::panel("", "cosine with current class", cosine),
            None => Panel::lacking("", "no cosine without a linear readout"),
        });
    }
    Figure {
        name: "now_correct",
        title: "Correct now, or not yet".into(),
        caption: format!(
            "Stably correct images, split at every step into those already correct and those that will be. Top: \
             length of the representation; below: its cosine with the readout vector of the class it is given. \
             Under the axis: images in each group. Bands: {}",
            intervals(context),
        ),
        source: "After figure 2B of Thorat et al. 2023, whose axis counts steps from 1; here from t = 0.",
        notes: notes(lacking),
        key: contrast::key(),
        rows: arranged(vec![norms, cosines]),
        tables: table(context, "now_correct", "now_correct", "now_correct").into_iter().collect(),
    }
}
