//! Representations in a plane, moving through readout zones.

use redyn_analysis::{Plane, Projection, Shown, ZoneGrid};
use serde::Serialize;

use crate::axis::Scale;
use crate::figure::{Figure, Panel, panel_width};
use crate::figures::{groups, key_of_groups, missing, notes, rows_of, table};
use crate::font::{self, Weight};
use crate::ink::Ink;
use crate::number::{percent, significant};
use crate::plot::Look;
use crate::scene::{Anchor, Paint, Pattern, Scene, Segment, Stroke, Style, Tags};
use crate::{Context, Network};

pub(crate) const NAME: &str = "projection";

pub(crate) fn figure(context: &Context) -> Figure {
    let columns = context.networks.len().clamp(1, 2);
    let (mut panels, mut lacking) = (Vec::new(), Vec::new());
    for (index, network) in context.networks.iter().enumerate() {
        let name = network.results.name.as_str();
        let Some(found) = network.results.get::<Projection>() else {
            let reason = missing(network, NAME);
            panels.push(Panel::lacking(name, &reason));
            lacking.push((name, reason));
            continue;
        };
        lacking.extend(found.notes.iter().map(|note| (name, note.clone())));
        let frame = Frame::new(found, panel_width(columns));
        panels.push(Panel::scene(name, frame.draw(found, &groups(network).0, index)));
    }
    let agree = |network: &Network| {
        let agreement = network.results.get::<Projection>()?.agreement?;
        Some(format!("{} ({})", percent(agreement), network.results.name))
    };
    let agreements: Vec<String> = context.networks.iter().filter_map(agree).collect();
    let agreements = if agreements.is_empty() {
        String::new()
    } else {
        format!(" Points drawn in the zone of the class they are given: {}.", agreements.join(", "))
    };
    let plane =
        context.networks.iter().find_map(|network| network.results.get::<Projection>()).map(|p| &p.plane);
    let plane = match plane {
        Some(Plane::Readouts { .. }) => "the plane in which the readout vectors of some classes spread most",
        _ => "the plane of their first two principal components (all steps pooled)",
    };
    Figure {
        name: NAME,
        title: "Watching representations move".into(),
        caption: format!(
            "Representations of a balanced choice of images, projected onto {plane}; each network has a plane of \
             its own. Sign and hue mark the widest group of the true class; full: correct at this step, hollow: \
             not. Lines: the way since t = 0. Tiles: the readout's zones in the slice through the mean, as far as \
             a grid resolves them, the gaps between tiles being where it does not; points lie off that slice.{agreements} \
             In print: the last step."
        ),
        source: "",
        notes: notes(lacking),
        key: key_of_groups(context),
        rows: rows_of(&panels, columns),
        tables: table(context, NAME, "projection", NAME).into_iter().collect(),
    }
}

/// What the script moves: one entry per drawn network.
#[derive(Serialize)]
pub(crate) struct Moving<'a> {
    network: usize,
    name: &'a str,
    classes: &'a [String],
    n_steps: usize,
    width: f64,
    height: f64,
    who: Vec<Who<'a>>,
}

#[derive(Serialize)]
struct Who<'a> {
    image: usize,
    label: usize,
    answers: &'a [usize],
    /// `x0, y0, x1, y1, ...` in the panel, a tenth of a pixel exact.
    places: Vec<f64>,
}

/// Places of all points at all steps, as the page's script needs them.
pub(crate) fn moving(context: &Context) -> Vec<Moving<'_>> {
    let columns = context.networks.len().clamp(1, 2);
    let tenth = |value: f64| (10.0 * value).round() / 10.0;
    context
        .networks
        .iter()
        .enumerate()
        .filter_map(|(index, network)| {
            let found = network.results.get::<Projection>()?;
            let frame = Frame::new(found, panel_width(columns));
            let who = |shown: &'_ Shown| {
                shown.points.iter().flat_map(|&point| frame.place(point)).map(tenth).collect::<Vec<f64>>()
            };
            Some(Moving {
                network: index,
                name: &network.results.name,
                classes: &found.classes,
                n_steps: network.results.n_steps,
                width: frame.width,
                height: frame.height,
                who: found
                    .shown
                    .iter()
                    .map(|shown| Who {
                        image: shown.image,
                        label: shown.label,
                        answers: &shown.answers,
                        places: who(shown),
                    })
                    .collect(),
            })
        })
        .collect()
}

/// Where the plane is drawn; both axes have the same scale.
struct Frame {
    width: f64,
    height: f64,
    x: Scale,
    y: Scale,
}

/// A plane alone in its row is not drawn taller.
const TALLEST: f64 = 620.0;
const LEFT: f64 = 24.0;
const BOTTOM: f64 = 26.0;

impl Frame {
    fn new(found: &Projection, width: f64) -> Self {
        let all = || found.shown.iter().flat_map(|shown| &shown.points);
        let around = |axis: usize| {
            let low = all().map(|point| point[axis]).fold(f64::INFINITY, f64::min);
            let high = all().map(|point| point[axis]).fold(f64::NEG_INFINITY, f64::max);
            let room = if high > low { 0.1 * (high - low) } else { 1.0 };
            if low > high { [-1.0, 1.0] } else { [low - room, high + room] }
        };
        let (x, y) = found.zones.as_ref().map_or_else(|| (around(0), around(1)), |zones| (zones.x, zones.y));
        let inner = width - LEFT - 8.0;
        let unit = inner / (x[1] - x[0]);
        let tall = (unit * (y[1] - y[0])).clamp(0.3 * inner, inner.min(TALLEST));
        // Where the plane is taller or flatter than the panel may be, show it whole.
        let unit = unit.min(tall / (y[1] - y[0]));
        let (wide, high) = (unit * (x[1] - x[0]), unit * (y[1] - y[0]));
        let left = LEFT + (inner - wide) / 2.0;
        let height = high + BOTTOM + 6.0;
        Self {
            width,
            height,
            x: Scale { values: x, places: [left, left + wide] },
            y: Scale { values: y, places: [6.0 + high, 6.0] },
        }
    }

    fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.x.place(x), self.y.place(y)]
    }

    fn draw(&self, found: &Projection, groups: &[usize], network: usize) -> Scene {
        let mut scene = Scene::new(self.width, self.height);
        let ([left, right], [bottom, top]) = (self.x.places, self.y.places);
        if let Some(zones) = &found.zones {
            self.draw_zones(&mut scene, zones, found, groups);
        }
        scene.rectangle([left, top], [right - left, bottom - top], Paint::line(Ink::Grid, 1.0));
        let style = Style::new(11.0, Ink::Muted).anchored(Anchor::Middle);
        let axis = |which: usize, word: &str| {
            format!("{word} axis ({} of variance)", percent(found.explained[which]))
        };
        scene.text([f64::midpoint(left, right), self.height - 7.0], axis(0, "first"), style);
        scene.text([left - 9.0, f64::midpoint(top, bottom)], axis(1, "second"), style.turned(-90.0));
        self.draw_scale(&mut scene);
        scene.group(Tags::class("moving").with("network", &network), |scene| {
            for shown in &found.shown {
                self.draw_shown(scene, shown, found, groups);
            }
        });
        scene
    }

    /// A length in the plane, since the axes carry no numbers.
    fn draw_scale(&self, scene: &mut Scene) {
        let unit = (self.x.places[1] - self.x.places[0]) / (self.x.values[1] - self.x.values[0]);
        let wanted = 60.0 / unit;
        let decade = 10_f64.powf(wanted.log10().floor());
        let length =
            [5.0, 2.0, 1.0].into_iter().map(|round| round * decade).find(|&l| l <= wanted).unwrap_or(decade);
        let (x, y) = (self.x.places[1] - 10.0, self.y.places[0] + 11.0);
        scene.line([x - length * unit, y], [x, y], Paint::line(Ink::Muted, 1.6));
        let words = format!("{} activation", significant(length, 1));
        scene.text(
            [x - length * unit - 5.0, y + 3.6],
            words,
            Style::new(10.0, Ink::Muted).anchored(Anchor::End),
        );
    }

    fn draw_zones(&self, scene: &mut Scene, zones: &ZoneGrid, found: &Projection, groups: &[usize]) {
        let at =
            |[low, high]: [f64; 2], index: usize| low + (high - low) * index as f64 / (zones.n - 1) as f64;
        let cell = (self.x.places[1] - self.x.places[0]) / (zones.n - 1) as f64;
        for class in 0..found.classes.len() {
            let members = (0..zones.n * zones.n).filter(|&point| zones.classes[point] == class);
            let points: Vec<[f64; 2]> = members
                .map(|point| self.place([at(zones.x, point % zones.n), at(zones.y, point / zones.n)]))
                .collect();
            if points.is_empty() {
                continue;
            }
            let ink = Ink::hue(groups[class]);
            let opacity = if class % 2 == 0 { 0.13 } else { 0.2 };
            let corners = hull(points.clone());
            // A rounded edge of half a grid cell, less the gap that shows where zones meet.
            let edge = Stroke { ink, width: 0.5 * cell, opacity, dash: Pattern::Solid };
            let paint = if corners.len() < 3 {
                Paint { fill: None, stroke: Some(edge) }
            } else {
                Paint { fill: Some((ink, opacity)), stroke: None }
            };
            scene.group(Tags::tip(format!("zone of {}", found.classes[class])), |scene| {
                scene.polygon(&corners, paint);
            });
            let n = points.len() as f64;
            let centre = [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f64>() / n);
            let name = &found.classes[class];
            let wide = points.iter().map(|p| p[0]).fold(f64::NEG_INFINITY, f64::max)
                - points.iter().map(|p| p[0]).fold(f64::INFINITY, f64::min);
            if font::width(name, 11.0, Weight::Regular) < 0.9 * wide && n * cell * cell > 900.0 {
                let style = Style::new(11.0, Ink::Muted).anchored(Anchor::Middle);
                scene.text([centre[0], centre[1] + 3.8], name.clone(), style);
            }
        }
    }

    fn draw_shown(&self, scene: &mut Scene, shown: &Shown, found: &Projection, groups: &[usize]) {
        let look = Look::of(groups[shown.label]);
        let places: Vec<[f64; 2]> = shown.points.iter().map(|&point| self.place(point)).collect();
        let last = places[places.len() - 1];
        let answer = shown.answers[shown.answers.len() - 1];
        let tip = format!(
            "image {}: {}\nt={}: {}",
            shown.image,
            found.classes[shown.label],
            places.len() - 1,
            found.classes[answer]
        );
        scene.group(Tags { class: "tip who", ..Tags::tip(tip) }, |scene| {
            let trail = places
                .iter()
                .enumerate()
                .map(|(step, &to)| if step == 0 { Segment::Move(to) } else { Segment::Line(to) });
            scene.path(trail.collect(), Paint::line(look.ink, 1.0).faded(0.35));
            let mut sign = Scene::default();
            let fill = if answer == shown.label { look.ink } else { Ink::Ground };
            look.marker.draw(&mut sign, [0.0, 0.0], 4.0, Paint::fill(fill, 1.0).with_line(look.ink, 1.5));
            let tags = Tags::class("sign").with("ink", &look.ink.name());
            scene.place(sign, last, tags);
        });
    }
}

/// Corners of the convex hull (Andrew's monotone chain).
fn hull(mut points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let turns =
        |a: [f64; 2], b: [f64; 2], c: [f64; 2]| (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    let chain = |points: &mut dyn Iterator<Item = [f64; 2]>| {
        let mut corners: Vec<[f64; 2]> = Vec::new();
        for point in points {
            while let [.., a, b] = corners[..] {
                if turns(a, b, point) > 1e-9 {
                    break;
                }
                corners.pop();
            }
            corners.push(point);
        }
        corners.pop();
        corners
    };
    let mut corners = chain(&mut points.iter().copied());
    corners.extend(chain(&mut points.iter().rev().copied()));
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hull_keeps_the_corners_only() {
        let grid: Vec<[f64; 2]> = (0..25).map(|point| [f64::from(point % 5), f64::from(point / 5)]).collect();
        assert_eq!(hull(grid), [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]]);
        assert_eq!(hull(vec![[1.0, 2.0], [1.0, 2.0]]), [[1.0, 2.0]]);
    }
}
