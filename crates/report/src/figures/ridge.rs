//! Distributions one behind the other, step by step: dark before, light after.

use redyn_analysis::{Distribution, Ridges, Stage};

use crate::axis::{Axis, Scale};
use crate::figure::Panel;
use crate::ink::Ink;
use crate::number::{count, significant};
use crate::scene::{Anchor, Paint, Pattern, Scene, Segment, Style, Tags};

/// Room for the name of a step.
const LEFT: f64 = 44.0;
const RIGHT: f64 = 10.0;
/// Room for the axis.
const UNDER: f64 = 38.0;
/// How much of the height of a ridge the next one may cover.
const OVERLAP: f64 = 1.7;
/// Opacity of the state before and of the last step.
const SHADES: [f64; 2] = [0.85, 0.22];

/// Opacity of step `step`: dark up to the base, lighter with every step after it.
pub(super) fn shade(step: usize, base: usize, n_steps: usize) -> f64 {
    let after = n_steps.saturating_sub(base + 1).max(1) as f64;
    SHADES[0] + (SHADES[1] - SHADES[0]) * step.saturating_sub(base) as f64 / after
}

/// What a panel of ridges is of.
pub(super) struct Ridge<'a> {
    pub(super) found: &'a Ridges,
    pub(super) base: usize,
    pub(super) ink: Ink,
    /// Words under the axis.
    pub(super) label: &'a str,
    /// What the values are of: `pairs`.
    pub(super) of: &'a str,
    /// A value that is marked.
    pub(super) mark: Option<f64>,
}

/// What a stage is called in a panel's title.
pub(super) const fn stage_words(stage: Stage) -> &'static str {
    match stage {
        Stage::Feature => "features",
        Stage::Decision => "logits",
    }
}

/// What stands in place of a stage that has no distances.
pub(super) const NO_DIRECTIONS: &str = "the logits have no directions";

/// The panel of a network at a stage, whose ridges may be missing.
pub(super) fn at_stage(network: &str, stage: Stage, width: f64, ridge: Option<&Ridge>) -> Panel {
    let title = format!("{network}, {}", stage_words(stage));
    ridge.map_or_else(|| Panel::lacking(&title, NO_DIRECTIONS), |ridge| panel(&title, width, ridge))
}

/// Ridges of every step as a panel of some width.
fn panel(title: &str, width: f64, ridge: &Ridge) -> Panel {
    let points = &ridge.found.points;
    let there: Vec<(usize, &Distribution)> = ridge
        .found
        .steps
        .iter()
        .enumerate()
        .filter_map(|(step, found)| Some((step, found.as_ref()?)))
        .collect();
    let (Some(&first), Some(&last), false) = (points.first(), points.last(), there.is_empty()) else {
        return Panel::lacking(title, "there are no distances");
    };
    let n_steps = ridge.found.steps.len();
    let step_height = (150.0 / n_steps as f64).clamp(14.0, 46.0);
    let tall = OVERLAP * step_height;
    let bottom = tall + step_height * (n_steps - 1) as f64 + 6.0;
    let mut scene = Scene::new(width, bottom + UNDER);
    let mark = ridge.mark.into_iter();
    let axis = Axis::new(ridge.label, "");
    let range = [mark.clone().fold(first, f64::min), mark.clone().fold(last, f64::max)];
    let x = Scale { values: range, places: [LEFT, width - RIGHT] };
    let tick = Style::new(11.0, Ink::Muted);
    for (value, words) in axis.marks(range, ((width - LEFT - RIGHT) / 60.0).max(2.0) as usize) {
        let at = x.place(value);
        scene.line([at, 4.0], [at, bottom], Paint::line(Ink::Grid, 1.0));
        scene.text([at, bottom + 15.0], words, tick.anchored(Anchor::Middle));
    }
    scene.line([LEFT, bottom], [width - RIGHT, bottom], Paint::line(Ink::Axis, 1.0));
    let middle = f64::midpoint(LEFT, width - RIGHT);
    scene.text([middle, bottom + 32.0], ridge.label, Style::new(12.0, Ink::Muted).anchored(Anchor::Middle));
    let highest = there.iter().flat_map(|(_, found)| &found.density).copied().fold(0.0, f64::max);
    for (step, found) in there {
        let ground = tall + step_height * step as f64;
        let place = |(&point, &density): (&f64, &f64)| [x.place(point), ground - tall * density / highest];
        let outline: Vec<[f64; 2]> = points.iter().zip(&found.density).map(place).collect();
        let closed: Vec<[f64; 2]> = std::iter::once([x.place(first), ground])
            .chain(outline.iter().copied())
            .chain([[x.place(last), ground]])
            .collect();
        let line: Vec<Segment> = outline
            .iter()
            .enumerate()
            .map(|(at, &to)| if at == 0 { Segment::Move(to) } else { Segment::Line(to) })
            .collect();
        let tip = format!(
            "t={step}: mean {}, standard deviation {}\nhalf of them in {} to {}\nn = {} {}",
            significant(found.mean, 3),
            significant(found.deviation, 2),
            significant(found.quantiles[1], 3),
            significant(found.quantiles[3], 3),
            count(found.n),
            ridge.of
        );
        scene.group(Tags::tip(tip).with("ink", &ridge.ink.name()), |scene| {
            // What lies behind must not shine through.
            scene.polygon(&closed, Paint::fill(Ink::Ground, 1.0));
            scene.polygon(&closed, Paint::fill(ridge.ink, shade(step, ridge.base, n_steps)));
            scene.path(line, Paint::line(ridge.ink, 1.2));
            let at = x.place(found.mean);
            scene.line([at, ground], [at, ground - 0.55 * step_height], Paint::line(Ink::Text, 1.4));
        });
        scene.text([LEFT - 6.0, ground], format!("t={step}"), tick.anchored(Anchor::End));
    }
    for value in mark {
        let at = x.place(value);
        scene.line([at, 4.0], [at, bottom], Paint::line(Ink::Text, 1.2).dashed(Pattern::Dashed));
    }
    Panel::scene(title, scene)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Body;

    #[test]
    fn the_base_is_darkest_and_the_last_step_lightest() {
        let shades: Vec<f64> = (0..5).map(|step| shade(step, 1, 5)).collect();
        assert!(shades[0] == shades[1] && shades.windows(2).all(|pair| pair[0] >= pair[1]));
        assert!((shades[4] - SHADES[1]).abs() < 1e-12);
        assert!((shade(0, 0, 1) - SHADES[0]).abs() < 1e-12);
    }

    #[test]
    fn nothing_to_show_is_a_sentence() {
        let found = Ridges { points: Vec::new(), steps: vec![None, None] };
        let ridge = Ridge { found: &found, base: 0, ink: Ink::Hue(0), label: "", of: "", mark: Some(1.0) };
        assert!(matches!(panel("", 300.0, &ridge).body, Body::Words(_)));
    }
}
