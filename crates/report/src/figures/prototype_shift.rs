//! Where prototypes go: arrows from base to after, in the plane of the base.

use redyn_analysis::{GlobalGeometry, GlobalStage, Stage};

use super::ridge::{NO_DIRECTIONS, shade, stage_words};
use crate::Context;
use crate::axis::Scale;
use crate::figure::{Figure, Panel, panel_width};
use crate::figures::{arranged, finding, intervals, notes, table};
use crate::ink::Ink;
use crate::look::looks;
use crate::number::{percent, significant};
use crate::plot::Look;
use crate::scene::{Paint, Scene, Segment, Style, Tags};

const NAME: &str = "prototype_shift";

pub(crate) fn figure(context: &Context) -> Figure {
    let n = context.networks.len();
    let width = panel_width(if n == 1 { 2 } else { n.min(4) });
    let (mut panels, mut lacking) = (vec![Vec::new(); 2], Vec::new());
    for (network, Look { ink, .. }) in context.networks.iter().zip(looks(&context.networks)) {
        let name = network.results.name.as_str();
        let Some(found) = finding::<GlobalGeometry>(network, &mut panels, &mut lacking) else { continue };
        for (row, stage) in Stage::ALL.into_iter().enumerate() {
            let title = format!("{name}, {}", stage_words(stage));
            panels[row].push(match found.stages.iter().find(|one| one.stage == stage) {
                Some(one) => panel(&title, width, one, found.states, ink),
                None => Panel::lacking(&title, NO_DIRECTIONS),
            });
            lacking.extend(found.stages.iter().filter(|one| one.stage == stage).map(|one| {
                let [x, y] = one.explained.map(percent);
                (
                    name,
                    format!(
                        "the axes hold {x} and {y} of the prototypes' variance at the base ({})",
                        stage_words(stage)
                    ),
                )
            }));
        }
    }
    Figure {
        name: NAME,
        title: "Where prototypes go".into(),
        caption: format!(
            "Means of classes in the plane of their first two principal components at the base: dark where they are \
             then, light where they are after, and their way between. Distances in the plane are shorter than in \
             full. The shift of every prototype has an interval in the table and at its arrow: {}",
            intervals(context),
        ),
        source: "",
        notes: notes(lacking),
        key: Vec::new(),
        rows: arranged(panels),
        tables: [("global_geometry_prototypes", NAME), ("global_geometry_plane", "prototype_shift_plane")]
            .into_iter()
            .filter_map(|(from, to)| table(context, "global_geometry", from, to))
            .filter(|table| !table.rows.is_empty())
            .collect(),
    }
}

fn panel(title: &str, width: f64, one: &GlobalStage, [base, after]: [usize; 2], ink: Ink) -> Panel {
    let height = width.min(300.0);
    let of = |axis: usize| {
        let places =
            || one.prototypes.iter().flat_map(|p| &p.points[base..=after]).map(move |point| point[axis]);
        [places().fold(f64::INFINITY, f64::min), places().fold(f64::NEG_INFINITY, f64::max)]
    };
    let ([x0, x1], [y0, y1]) = (of(0), of(1));
    if !(x1 > x0 || y1 > y0) {
        return Panel::lacking(title, "the prototypes lie on one point");
    }
    // One scale for both axes: lengths compare.
    let (across, up) = (width - 24.0, height - 24.0);
    let scale = (across / (x1 - x0).max(1e-300)).min(up / (y1 - y0).max(1e-300));
    let reach = |low: f64, high: f64, room: f64| {
        let (middle, half) = (f64::midpoint(low, high), room / scale / 2.0);
        [middle - half, middle + half]
    };
    let x = Scale { values: reach(x0, x1, across), places: [12.0, width - 12.0] };
    let y = Scale { values: reach(y0, y1, up), places: [height - 12.0, 12.0] };
    let mut scene = Scene::new(width, height);
    scene.rectangle([0.5, 0.5], [width - 1.0, height - 1.0], Paint::line(Ink::Grid, 1.0));
    let few = one.prototypes.len() <= 20;
    for prototype in &one.prototypes {
        let places: Vec<[f64; 2]> =
            prototype.points[base..=after].iter().map(|&[a, b]| [x.place(a), y.place(b)]).collect();
        let (from, to) = (places[0], places[places.len() - 1]);
        let shift = prototype.shift.map_or_else(
            || "one state only".to_owned(),
            |shift| {
                let interval = shift.interval().map_or_else(String::new, |(low, high)| {
                    format!(" [{}, {}]", significant(low, 2), significant(high, 2))
                });
                format!("shift {}{interval}\nn = {}", significant(shift.value, 2), shift.n)
            },
        );
        scene.group(Tags::tip(format!("{}\n{shift}", prototype.class)).with("ink", &ink.name()), |scene| {
            let way: Vec<Segment> = places
                .iter()
                .enumerate()
                .map(|(at, &place)| if at == 0 { Segment::Move(place) } else { Segment::Line(place) })
                .collect();
            if places.len() > 1 {
                scene.path(way, Paint::line(ink, 1.4));
            }
            head(scene, &places, ink);
            scene.circle(to, 3.4, Paint::fill(ink, shade(after, base, after + 1)).with_line(ink, 0.8));
            scene.circle(
                from,
                3.8,
                Paint::fill(ink, shade(base, base, after + 1)).with_line(Ink::Ground, 0.6),
            );
        });
        if few {
            let at = [(from[0] + 6.0).min(width - 30.0), (from[1] - 5.0).max(12.0)];
            let words = crate::font::fitted(&prototype.class, 8.4, width - 6.0 - at[0]);
            scene.text(at, words, Style::new(8.4, Ink::Muted));
        }
    }
    Panel::scene(title, scene)
}

/// The head of an arrow along its last piece.
fn head(scene: &mut Scene, places: &[[f64; 2]], ink: Ink) {
    let [.., from, to] = places else { return };
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let length = dx.hypot(dy);
    if length < 3.0 {
        return;
    }
    let (ux, uy) = (dx / length, dy / length);
    let back = [to[0] - 8.0 * ux, to[1] - 8.0 * uy];
    let corners = [*to, [back[0] - 3.2 * uy, back[1] + 3.2 * ux], [back[0] + 3.2 * uy, back[1] - 3.2 * ux]];
    scene.polygon(&corners, Paint::fill(ink, 0.9));
}
