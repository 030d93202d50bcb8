//! Panels of one quantity in two groups: correct now, and not yet.

use redyn_analysis::{Contrast, Series};

use crate::axis::Axis;
use crate::figure::{Key, Panel, Sign};
use crate::ink::{BLUE, GREEN};
use crate::plot::{Curve, Look, Marker, Plot, Under};
use crate::scene::Pattern;

/// Signs as published: a triangle for correct now, a circle for not yet.
pub(crate) const CORRECT: Look = Look { ink: BLUE, dash: Pattern::Solid, marker: Marker::Triangle };
pub(crate) const NOT_YET: Look = Look { ink: GREEN, dash: Pattern::Dashed, marker: Marker::Circle };

pub(crate) fn key() -> Vec<Key> {
    vec![
        Key { sign: Sign::Curve(CORRECT), words: "correct now (tₛ ≤ t)".into() },
        Key { sign: Sign::Curve(NOT_YET), words: "not yet, but later (tₛ > t)".into() },
    ]
}

pub(crate) fn panel(title: &str, label: &str, contrast: &Contrast) -> Panel {
    Panel::plot(title, 230.0, plot(label, contrast), "no image is stably correct")
}

pub(crate) fn plot(label: &str, contrast: &Contrast) -> Plot {
    two(
        [("correct now", CORRECT, &contrast.correct), ("not yet", NOT_YET, &contrast.not_yet)],
        label,
        &contrast.unit,
    )
}

/// Two curves with the sizes of their groups under the axis.
pub(crate) fn two(curves: [(&str, Look, &Series); 2], label: &str, unit: &str) -> Plot {
    let n_steps = curves[0].2.len();
    let mut plot = Plot::new(Axis::steps(n_steps), Axis::new(label, unit));
    for (name, look, series) in curves {
        plot.curve(Curve::of_series(name, look, series));
        plot.under.push(Under::sizes("n", look.ink, series));
    }
    plot
}
