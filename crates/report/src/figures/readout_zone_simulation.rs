//! Figure 4: simulated readout zones; in the page readouts can be dragged and the norm moved.

use redyn_analysis::{Estimate, ReadoutZoneSimulation, ZoneScene};

use crate::Context;
use crate::axis::{Axis, Scale, Ticks};
use crate::figure::{Figure, Panel, panel_width};
use crate::figures::{missing, notes, table};
use crate::ink::{BLUE, Ink};
use crate::number::significant;
use crate::plot::{Curve, Labelled, Look, Marker, Plot, Sample, Spread};
use crate::scene::{Anchor, Paint, Pattern, Scene, Segment, Style, Tags};

pub(crate) const NAME: &str = "readout_zone_simulation";
/// Side of a window.
const SIDE: f64 = 258.0;
const LEFT: f64 = 38.0;
const TOP: f64 = 6.0;

pub(crate) fn figure(context: &Context) -> Figure {
    // The same for all networks: it depends on the seed alone.
    let found = context.networks.iter().find_map(|network| network.results.get::<ReadoutZoneSimulation>());
    let mut lacking = Vec::new();
    let mut rows = Vec::new();
    if let Some(found) = found {
        let titles = ["Without bias", "With bias", "With bias, large norms"];
        let panel = |(title, scene): (&str, &ZoneScene)| Panel::scene(title, draw(found, scene));
        rows.push(titles.into_iter().zip(&found.scenes).map(panel).collect());
        rows.push(vec![Panel::plot("", 190.0, effect(found), "nothing was simulated")]);
    } else {
        let network = &context.networks[0];
        lacking.push((network.results.name.as_str(), missing(network, NAME)));
        rows.push(vec![Panel::words("", 40.0, "nothing was simulated")]);
    }
    let seed = found.map_or_else(String::new, |found| format!(" (seed {})", found.seed));
    let tables = [NAME, "readout_zone_simulation_bias"].into_iter().filter_map(|name| {
        // One network's rows: the others' are the same.
        let mut table = table(context, NAME, name, name)?;
        table.columns.remove(0);
        table.rows.iter_mut().for_each(|row| drop(row.remove(0)));
        let n = table.rows.len() / context.networks.len().max(1);
        table.rows.truncate(n.max(1));
        Some(table)
    });
    Figure {
        name: NAME,
        title: "Readout zones in two dimensions".into(),
        caption: format!(
            "A simulation: four readout vectors of two units (arrows, to scale) and the zones in which each scores \
             highest; entries of vectors and biases from N(0, 1){seed}. Without a bias zones are cones, and only the \
             direction of a representation decides; a bias moves their boundaries, which matters less the longer \
             the representation. Below: share of directions in which the bias does not change the class."
        ),
        source: "After figure 4 of Thorat et al. 2023.",
        notes: notes(lacking),
        key: Vec::new(),
        rows,
        tables: tables.collect(),
    }
}

fn draw(found: &ReadoutZoneSimulation, zones: &ZoneScene) -> Scene {
    let extent = zones.extent;
    let x = Scale { values: [-extent, extent], places: [LEFT, LEFT + SIDE] };
    let y = Scale { values: [-extent, extent], places: [TOP + SIDE, TOP] };
    let place = |[a, b]: [f64; 2]| [x.place(a), y.place(b)];
    let mut scene = Scene::new(panel_width(3), TOP + SIDE + 40.0);
    let tags = Tags::class("simulation")
        .with("biased", &zones.biased)
        .with("extent", &extent)
        .with("left", &LEFT)
        .with("top", &TOP)
        .with("side", &SIDE);
    scene.group(tags, |scene| {
        scene.group(Tags::class("zones"), |scene| {
            for (index, corners) in zones.zones.iter().enumerate() {
                let corners: Vec<[f64; 2]> = corners.iter().map(|&corner| place(corner)).collect();
                let paint = Paint::fill(Ink::hue(index), 0.2).with_line(Ink::Ground, 1.5);
                scene.polygon(&corners, paint);
            }
        });
        for (index, &readout) in found.readouts.iter().enumerate() {
            let words = format!(
                "readout {}\nw = ({}, {}){}",
                index + 1,
                significant(readout[0], 3),
                significant(readout[1], 3),
                if zones.biased {
                    format!("\nb = {}", significant(found.bias[index], 3))
                } else {
                    String::new()
                }
            );
            let tags = Tags { class: "tip readout", ..Tags::tip(words) };
            scene.group(tags, |scene| arrow(scene, place([0.0, 0.0]), place(readout), index));
        }
        scene.rectangle([LEFT, TOP], [SIDE, SIDE], Paint::line(Ink::Grid, 1.0));
        let style = Style::new(11.0, Ink::Muted);
        let end = format!("{extent}");
        let (middle, bottom) = (SIDE / 2.0, TOP + SIDE);
        scene.group(Tags::class("ends"), |scene| {
            for (share, words) in [(0.0, format!("−{end}")), (1.0, end.clone())] {
                let (across, up) = (LEFT + share * SIDE, bottom - share * SIDE);
                scene.text([across, bottom + 15.0], words.clone(), style.anchored(Anchor::Middle));
                scene.text([LEFT - 6.0, up + 3.8], words, style.anchored(Anchor::End));
            }
        });
        scene.text([LEFT + middle, bottom + 15.0], "0", style.anchored(Anchor::Middle));
        scene.text([LEFT - 6.0, TOP + middle + 3.8], "0", style.anchored(Anchor::End));
        let label = Style::new(12.0, Ink::Muted).anchored(Anchor::Middle);
        scene.text([LEFT + middle, bottom + 33.0], "unit 1 (activation)", label);
        scene.text([11.0, TOP + middle], "unit 2 (activation)", label.turned(-90.0));
    });
    scene
}

/// A line, a head and a name; the script redraws all three.
fn arrow(scene: &mut Scene, from: [f64; 2], to: [f64; 2], index: usize) {
    let way = [to[0] - from[0], to[1] - from[1]];
    let length = way[0].hypot(way[1]).max(1e-9);
    let along = way.map(|part| part / length);
    let head = 8.0_f64.min(0.8 * length);
    let foot = [0, 1].map(|axis| to[axis] - head * along[axis]);
    let side = [-0.45 * head * along[1], 0.45 * head * along[0]];
    let ink = Ink::hue(index);
    scene.path(vec![Segment::Move(from), Segment::Line(foot)], Paint::line(ink, 2.2));
    let corners = [to, [foot[0] + side[0], foot[1] + side[1]], [foot[0] - side[0], foot[1] - side[1]]];
    scene.polygon(&corners, Paint::fill(ink, 1.0));
    let name = [to[0] + 11.0 * along[0], to[1] + 11.0 * along[1] + 4.0];
    scene.text(name, (index + 1).to_string(), Style::new(12.0, ink).bold().anchored(Anchor::Middle));
}

fn effect(found: &ReadoutZoneSimulation) -> Plot {
    let x = Axis::new("length of the representation, log₁₀", "");
    let y = Axis::new("same class", "% of directions").ticks(Ticks::Percent).including(0.0).including(1.0);
    let mut plot = Plot::new(x, y);
    let sample = |effect: &redyn_analysis::BiasEffect| {
        let share = Estimate::point(effect.same, usize::MAX);
        let tip = format!(
            "length {}\nthe same class in {} of directions",
            significant(effect.norm, 3),
            crate::number::percent(effect.same)
        );
        Some(Sample { tip, ..Sample::of("", "", effect.norm.log10(), &share) })
    };
    plot.curve(Curve {
        label: "same class with bias as without".into(),
        labelled: Labelled::InKey,
        look: Look { ink: BLUE, dash: Pattern::Solid, marker: Marker::Circle },
        spread: Spread::Band,
        samples: found.bias_effect.iter().map(sample).collect(),
    });
    plot
}
