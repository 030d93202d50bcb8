//! Figure 3B: the picture of what happens to a representation, drawn to measure.

use redyn_analysis::{Averages, Cell, Estimate, Schematic, Table};

use crate::Context;
use crate::axis::spoken;
use crate::figure::{Figure, Key, Panel, Sign, panel_width};
use crate::figures::contrast::{CORRECT, NOT_YET};
use crate::figures::{column, intervals, missing, notes, rows_of};
use crate::ink::Ink;
use crate::number::significant;
use crate::plot::Look;
use crate::scene::{Anchor, Paint, Pattern, Scene, Segment, Style, Tags};

const NAME: &str = "schematic";
const HEIGHT: f64 = 270.0;
/// The wider angle to the boundary is drawn about this wide, magnified if need be, in degrees.
const LEGIBLE: f64 = 22.0;

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut panels, mut lacking) = (Vec::new(), Vec::new());
    let columns = context.networks.len().clamp(1, 2);
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(found) = network.results.get::<Schematic>() else {
            let reason = missing(network, NAME);
            panels.push(Panel::lacking(name, &reason));
            lacking.push((name, reason));
            continue;
        };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        panels.push(match Measured::of(found) {
            Some(measured) => Panel::scene(name, measured.draw(panel_width(columns))),
            None => Panel::lacking(name, "there are not two groups, or no angles, to draw"),
        });
    }
    Figure {
        name: NAME,
        title: "What happens to a representation".into(),
        caption: format!(
            "Images that are correct now and those that are not yet, as two arrows drawn to measure: their mean \
             lengths, mean angles to the readout vector of the class they are in (arcs), and mean distances to the \
             boundary of its zone (dotted), averaged over the analysed steps at which both groups hold images. \
             Angles to the boundary are drawn magnified where a panel says so. A drawing has two dimensions: arrow, \
             boundary and readout vector need not lie in one plane. Intervals in the hints: {}",
            intervals(context),
        ),
        source: "After figure 3B of Thorat et al. 2023, which is a sketch.",
        notes: notes(lacking),
        key: vec![
            Key { sign: Sign::Marker(CORRECT), words: "correct now (tₛ ≤ t)".into() },
            Key { sign: Sign::Marker(NOT_YET), words: "not yet, but later (tₛ > t)".into() },
        ],
        rows: rows_of(&panels, columns),
        tables: vec![quantities(context)],
    }
}

/// One group's arrow.
struct Arrow {
    group: &'static str,
    look: Look,
    norm: Estimate,
    distance: Estimate,
    /// To the readout vector, degrees.
    angle: Estimate,
    /// To the boundary, degrees.
    boundary: Estimate,
}

/// One measure of an arrow, with its unit.
type Measure = fn(&Arrow) -> (Estimate, &'static str);

struct Measured([Arrow; 2]);

impl Measured {
    fn of(found: &Schematic) -> Option<Self> {
        let boundary = found.boundary_angle.as_ref()?;
        let arrow = |group, look, of: fn(&Averages) -> Option<Estimate>| {
            Some(Arrow {
                group,
                look,
                norm: of(&found.norm)?,
                distance: of(&found.distance)?,
                angle: of(&found.angle.average)?,
                boundary: of(&boundary.average)?,
            })
        };
        Some(Self([
            arrow("correct now", CORRECT, |averages| averages.correct)?,
            arrow("not yet", NOT_YET, |averages| averages.not_yet)?,
        ]))
    }

    fn draw(&self, width: f64) -> Scene {
        let mut scene = Scene::new(width, HEIGHT);
        let longest = self.0.iter().map(|arrow| arrow.norm.value).fold(f64::MIN_POSITIVE, f64::max);
        let widest = self.0.iter().map(|arrow| arrow.boundary.value.abs()).fold(1e-3, f64::max);
        let magnified = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]
            .into_iter()
            .rev()
            .find(|times| times * widest <= LEGIBLE)
            .unwrap_or(1.0);
        let origin = [0.26 * width, HEIGHT - 40.0];
        let radius = (0.58 * width).min(HEIGHT - 78.0);
        let at = |degrees: f64, length: f64| {
            let angle = degrees.to_radians();
            [origin[0] + length * angle.cos(), origin[1] - length * angle.sin()]
        };
        // The zone, from its boundary on.
        let mut zone = vec![origin];
        zone.extend((0..=60).map(|step| at(2.0 * f64::from(step), 1.06 * radius)));
        scene.polygon(&zone, Paint::fill(Ink::Muted, 0.07));
        let words = Style::new(11.0, Ink::Muted);
        scene.line(origin, at(0.0, 1.06 * radius), Paint::line(Ink::Text, 1.4));
        scene.text(
            [at(0.0, radius)[0], origin[1] + 16.0],
            "boundary of the zone",
            words.anchored(Anchor::End),
        );
        for (index, arrow) in self.0.iter().enumerate() {
            let (tilt, ink) = (magnified * arrow.boundary.value, arrow.look.ink);
            let length = radius * arrow.norm.value / longest;
            let readout = tilt + arrow.angle.value;
            let arc = radius * (0.5 - 0.16 * index as f64);
            scene.group(Tags::tip(arrow.words()), |scene| {
                let tip = at(tilt, length);
                scene.line(tip, [tip[0], origin[1]], Paint::line(ink, 1.3).dashed(Pattern::Dotted));
                scene.line(origin, at(readout, 0.9 * radius), Paint::line(ink, 1.2).dashed(arrow.look.dash));
                let bend = |step: usize| at(tilt + arrow.angle.value * step as f64 / 40.0, arc);
                let arc = (0..=40)
                    .map(|step| if step == 0 { Segment::Move(bend(0)) } else { Segment::Line(bend(step)) });
                scene.path(arc.collect(), Paint::line(ink, 1.2));
                scene.line(origin, tip, Paint::line(ink, 2.6));
                arrow.look.marker.draw(scene, tip, 5.4, Paint::fill(ink, 1.0).with_line(Ink::Ground, 1.0));
            });
            let middle = at(tilt + 0.62 * arrow.angle.value, arc + 5.0);
            let degrees = format!("{}°", significant(arrow.angle.value, 3));
            scene.text(middle, degrees, Style::new(11.0, ink));
        }
        let up = self
            .0
            .iter()
            .map(|arrow| magnified * arrow.boundary.value + arrow.angle.value)
            .fold(0.0, f64::max);
        scene.text(
            [at(up, 0.9 * radius)[0] - 6.0, at(up, 0.9 * radius)[1] + 4.0],
            "readout vector",
            words.anchored(Anchor::End),
        );
        self.legend(&mut scene, [width - 6.0, 16.0], magnified);
        scene
    }

    /// The measures in words, in the corner that the arrows leave free.
    fn legend(&self, scene: &mut Scene, [right, top]: [f64; 2], magnified: f64) {
        let style = Style::new(11.0, Ink::Muted).anchored(Anchor::End);
        let columns = [right - 62.0, right];
        for (x, arrow) in columns.into_iter().zip(&self.0) {
            scene.text([x, top], arrow.group, Style { ink: arrow.look.ink, ..style });
        }
        let lines: [(&str, Measure); 3] = [
            ("length", |arrow| (arrow.norm, "")),
            ("distance to boundary", |arrow| (arrow.distance, "")),
            ("angle to boundary", |arrow| (arrow.boundary, "°")),
        ];
        for (line, (words, of)) in lines.into_iter().enumerate() {
            let y = top + 17.0 * (line + 1) as f64;
            scene.text([columns[0] - 62.0, y], words, style);
            for (x, arrow) in columns.into_iter().zip(&self.0) {
                let (estimate, unit) = of(arrow);
                let value = format!("{}{unit}", significant(estimate.value, 3));
                scene.text([x, y], value, Style { ink: Ink::Text, ..style });
            }
        }
        if magnified > 1.0 {
            let words = format!("angles to the boundary drawn {magnified:.0} times as wide");
            scene.text([6.0, HEIGHT - 4.0], words, Style::new(11.0, Ink::Muted));
        }
    }
}

impl Arrow {
    fn words(&self) -> String {
        let words = |what: &str, estimate: Estimate, unit: &str| {
            format!("\n{what} {}{unit}", spoken(estimate.value, estimate.interval()))
        };
        format!(
            "{}{}{}{}{}\nn = {}",
            self.group,
            words("length", self.norm, ""),
            words("angle to the readout vector", self.angle, "°"),
            words("distance to the boundary", self.distance, ""),
            words("angle to the boundary", self.boundary, "°"),
            crate::number::count(self.norm.n)
        )
    }
}

fn quantities(context: &Context) -> Table {
    let unit = "see column unit";
    let mut table = Table {
        name: NAME.into(),
        columns: vec![
            column("network", "", "short name of the network"),
            column("quantity", "", "what was measured"),
            column("group", "", "images correct now, or not yet"),
            column("unit", "", "unit of value, low and high"),
            column("value", unit, "mean over the analysed steps at which both groups hold images"),
            column("low", unit, "lower end of the bootstrap interval; empty where there is none"),
            column("high", unit, "upper end of the bootstrap interval; empty where there is none"),
            column("n", "images", "number of images that take part"),
        ],
        rows: Vec::new(),
    };
    for network in &context.networks {
        let Some(found) = network.results.get::<Schematic>() else { continue };
        let boundary = found.boundary_angle.as_ref().map(|boundary| boundary.average);
        for (quantity, unit, averages) in [
            ("length", "activation", Some(found.norm)),
            ("distance to the boundary", "activation", Some(found.distance)),
            ("angle to the readout vector", "degree", Some(found.angle.average)),
            ("angle to the boundary", "degree", boundary),
        ] {
            let Some(averages) = averages else { continue };
            for (group, estimate) in [("correct now", averages.correct), ("not yet", averages.not_yet)] {
                let keys = vec![
                    Cell::from(network.results.name.as_str()),
                    quantity.into(),
                    group.into(),
                    unit.into(),
                ];
                table.push_estimate(keys, estimate.as_ref());
            }
        }
    }
    table
}
