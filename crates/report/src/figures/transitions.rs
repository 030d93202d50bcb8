//! The graph of transitions between classes.

use std::collections::BTreeMap;
use std::f64::consts::{PI, TAU};

use redyn_analysis::Zones;

use crate::Context;
use crate::Network;
use crate::figure::{Figure, Panel, panel_width};
use crate::figures::{groups, in_order, key_of_groups, missing, notes, rows_of, table};
use crate::font;
use crate::ink::Ink;
use crate::number::{count, counted};
use crate::plot::Look;
use crate::scene::{Anchor, Paint, Scene, Segment, Style, Tags};

/// Edges drawn per network, the heaviest first.
const MOST: usize = 150;
/// Class names are written out up to this many classes.
const NAMED: usize = 48;
/// Size of class names, and how far from the circle they begin.
const NAME_SIZE: f64 = 10.5;
const TO_NAME: f64 = 14.0;
/// Widest line.
const WIDEST: f64 = 7.0;

pub(crate) fn figure(context: &Context) -> Figure {
    let columns = context.networks.len().min(2);
    let (mut panels, mut lacking) = (Vec::new(), Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        let Some(zones) = network.results.get::<Zones>() else {
            let reason = missing(network, "zones");
            panels.push(Panel::lacking(name, &reason));
            lacking.push((name, reason));
            continue;
        };
        if zones.transitions.is_empty() {
            let reason = "no image changes its class".to_owned();
            panels.push(Panel::lacking(name, &reason));
            lacking.push((name, reason));
            continue;
        }
        let graph = Graph::new(network, zones);
        if graph.left_out > 0 {
            let left_out = counted(graph.left_out, "connection");
            lacking.push((
                name,
                format!("{left_out} with the fewest images are in the data, not in the picture"),
            ));
        }
        panels.push(Panel::scene(name, graph.draw(panel_width(columns))));
    }
    Figure {
        name: "transitions",
        title: "From class to class".into(),
        caption: "Images that go from one class to another between two steps, all steps together. Classes stand \
                  in the order of the category hierarchy, the widest groups apart, marked by hue and sign; the \
                  area of a sign grows with the images in its class at the last step, the width of a line with \
                  the images that take it, and lines bend to the left of their direction. Coloured lines stay \
                  within a group, grey ones leave it."
            .into(),
        source: "",
        notes: notes(lacking),
        key: key_of_groups(context),
        rows: rows_of(&panels, columns.max(1)),
        tables: table(context, "zones", "transitions", "transitions").into_iter().collect(),
    }
}

struct Graph<'a> {
    classes: &'a [String],
    order: Vec<usize>,
    groups: Vec<usize>,
    /// Images at the last step, per class.
    weights: Vec<usize>,
    /// `(from, to)`, images per step before, images in all; lightest first.
    edges: Vec<((usize, usize), Vec<usize>, usize)>,
    left_out: usize,
}

impl<'a> Graph<'a> {
    fn new(network: &'a Network, zones: &'a Zones) -> Self {
        let n_steps = network.results.n_steps;
        let mut counts: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for transition in &zones.transitions {
            let steps = counts.entry((transition.from, transition.to)).or_insert_with(|| vec![0; n_steps]);
            steps[transition.step] += transition.n;
        }
        let mut edges: Vec<_> = counts
            .into_iter()
            .map(|(pair, steps)| {
                let all: usize = steps.iter().sum();
                (pair, steps, all)
            })
            .collect();
        edges.sort_by(|a, b| a.2.cmp(&b.2).then(b.0.cmp(&a.0)));
        let left_out = edges.len().saturating_sub(MOST);
        Self {
            classes: &zones.classes,
            order: in_order(network),
            groups: groups(network).0,
            weights: zones.occupancy.last().cloned().unwrap_or_default(),
            edges: edges.split_off(left_out),
            left_out,
        }
    }

    /// Angle of every class on the circle; groups are set apart by one place.
    fn angles(&self) -> Vec<f64> {
        let mut at = 0.0;
        let mut places = vec![0.0; self.classes.len()];
        let mut before = None;
        for &class in &self.order {
            if before.is_some_and(|group| group != self.groups[class]) {
                at += 0.8;
            }
            places[class] = at;
            before = Some(self.groups[class]);
            at += 1.0;
        }
        let apart = self.groups.iter().any(|&group| group != self.groups[0]);
        let round = at + if apart { 0.8 } else { 0.0 };
        places.iter().map(|place| TAU * place / round.max(1.0) - PI / 2.0).collect()
    }

    fn draw(&self, width: f64) -> Scene {
        let height = width.min(560.0) * 0.88;
        let mut scene = Scene::new(width, height);
        let names: Vec<String> =
            self.classes.iter().map(|name| font::fitted(name, NAME_SIZE, 88.0)).collect();
        let widest =
            names.iter().map(|name| font::width(name, NAME_SIZE, font::Weight::Regular)).fold(0.0, f64::max);
        let (centre, radius) =
            ([width / 2.0, height / 2.0], (height / 2.0 - 30.0).min(width / 2.0 - TO_NAME - widest));
        let angles = self.angles();
        let at = |class: usize, radius: f64| {
            [centre[0] + radius * angles[class].cos(), centre[1] + radius * angles[class].sin()]
        };
        let most = self.edges.last().map_or(1, |edge| edge.2).max(1) as f64;
        scene.group(Tags::class("edges").with("most", &most), |scene| {
            for ((from, to), steps, all) in &self.edges {
                self.edge(scene, (*from, *to), (steps, *all), (most, centre), |class| at(class, radius));
            }
        });
        let largest = self.weights.iter().copied().max().unwrap_or(1).max(1) as f64;
        for &class in &self.order {
            let look = Look::of(self.groups[class]);
            let n = self.weights[class];
            let size = 3.0 + 6.0 * (n as f64 / largest).sqrt();
            let tip = format!("{}\n{} at the last step", self.classes[class], counted(n, "image"));
            scene.group(Tags::tip(tip), |scene| {
                let paint = Paint::fill(look.ink, 1.0).with_line(Ink::Ground, 1.5);
                look.marker.draw(scene, at(class, radius), size, paint);
            });
            if self.classes.len() <= NAMED {
                let [x, y] = at(class, radius + TO_NAME);
                let style = Style::new(NAME_SIZE, Ink::Text).anchored(match angles[class].cos() {
                    cos if cos > 0.25 => Anchor::Start,
                    cos if cos < -0.25 => Anchor::End,
                    _ => Anchor::Middle,
                });
                scene.text([x, y + 3.8 + 4.0 * angles[class].sin()], names[class].clone(), style);
            }
        }
        scene
    }

    fn edge(
        &self,
        scene: &mut Scene,
        (from, to): (usize, usize),
        (steps, all): (&[usize], usize),
        (most, centre): (f64, [f64; 2]),
        at: impl Fn(usize) -> [f64; 2],
    ) {
        let (a, b) = (at(from), at(to));
        // Towards the centre, and a little to the left of the direction of travel.
        let middle = [f64::midpoint(a[0], b[0]), f64::midpoint(a[1], b[1])];
        let way = [b[0] - a[0], b[1] - a[1]];
        let control = [0, 1].map(|axis| {
            let left = if axis == 0 { way[1] } else { -way[0] };
            middle[axis] + 0.35 * (centre[axis] - middle[axis]) + 0.16 * left
        });
        let third = |end: [f64; 2]| [0, 1].map(|axis| end[axis] + 2.0 / 3.0 * (control[axis] - end[axis]));
        let share = all as f64 / most;
        let ink = if self.groups[from] == self.groups[to] { Ink::hue(self.groups[to]) } else { Ink::Axis };
        let tip = format!("{} → {}\n{}", self.classes[from], self.classes[to], counted(all, "image"));
        let counts = steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let tags = Tags { class: "tip edge", ..Tags::tip(tip) };
        let tags = tags
            .with("steps", &counts)
            .with("name", &format!("{} → {}", self.classes[from], self.classes[to]));
        scene.group(tags.with("all", &count(all)), |scene| {
            let paint = Paint::line(ink, (WIDEST * share).max(0.4)).faded(0.25 + 0.55 * share.sqrt());
            scene.path(vec![Segment::Move(a), Segment::Cubic(third(a), third(b), b)], paint);
        });
    }
}
