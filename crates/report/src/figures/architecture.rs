//! The networks as they were declared: areas, and what connects them.

use crate::Context;
use crate::figure::{Figure, Key, Panel, Sign, WIDTH};
use crate::figures::column;
use crate::font::{self, Weight};
use crate::ink::{BLUE, GREEN, Ink, VERMILLION};
use crate::scene::{Anchor, Paint, Pattern, Scene, Segment, Style, Tags};
use redyn_analysis::{Cell, Table};
use redyn_core::{Drawing, DrawnArea, DrawnEdge, Kind};

const BOX: f64 = 44.0;

pub(crate) fn figure(context: &Context) -> Figure {
    let mut drawings: Vec<(&Drawing, Vec<&str>)> = Vec::new();
    for network in &context.networks {
        let Some(drawing) = network.drawing.as_ref().filter(|drawing| !drawing.areas.is_empty()) else {
            continue;
        };
        let name = network.results.name.as_str();
        match drawings.iter_mut().find(|(known, _)| *known == drawing) {
            Some((_, names)) => names.push(name),
            None => drawings.push((drawing, vec![name])),
        }
    }
    let rows = drawings.iter().map(|(drawing, names)| vec![Panel::scene(&names.join(", "), draw(drawing))]);
    let rows: Vec<Vec<Panel>> = rows.collect();
    let nothing = rows.is_empty();
    Figure {
        name: "architecture",
        title: "The networks".into(),
        caption:
            "Areas with their shape (height × width × channels), drawn from the graph that was run. t−1 \
                  marks connections that carry the state of the step before."
                .into(),
        source: "",
        notes: if nothing { vec!["no network came with its graph".into()] } else { Vec::new() },
        key: Kind::ALL.map(|kind| Key { sign: Sign::Line(line(kind)), words: kind.to_string() }).into(),
        rows,
        tables: if nothing { Vec::new() } else { vec![connections(context)] },
    }
}

fn line(kind: Kind) -> Paint {
    match kind {
        Kind::BottomUp => Paint::line(BLUE, 2.0),
        Kind::Lateral => Paint::line(GREEN, 2.0).dashed(Pattern::Dashed),
        Kind::TopDown => Paint::line(VERMILLION, 2.0).dashed(Pattern::Dotted),
    }
}

fn ink(kind: Kind) -> Ink {
    match kind {
        Kind::BottomUp => BLUE,
        Kind::Lateral => GREEN,
        Kind::TopDown => VERMILLION,
    }
}

fn shape(area: &DrawnArea) -> String {
    match area.shape {
        [1, 1, channels] => channels.to_string(),
        [height, width, channels] => format!("{height} × {width} × {channels}"),
    }
}

/// How high above or below the boxes a connection passes.
fn reach(span: usize) -> f64 {
    22.0 + 15.0 * span as f64
}

fn draw(drawing: &Drawing) -> Scene {
    let n = drawing.areas.len();
    let index = |name: &str| drawing.areas.iter().position(|area| area.name == name);
    let ends: Vec<(&DrawnEdge, usize, usize)> =
        drawing.edges.iter().filter_map(|edge| Some((edge, index(&edge.from)?, index(&edge.to)?))).collect();
    let depth = |kind: Kind| {
        let spans = ends.iter().filter(|(edge, from, to)| edge.kind == kind && from.abs_diff(*to) != 1);
        spans.map(|(_, from, to)| reach(from.abs_diff(*to))).fold(0.0, f64::max)
    };
    let has = |kind: Kind| ends.iter().any(|(edge, ..)| edge.kind == kind);
    let down = ends.iter().filter(|(edge, ..)| edge.kind == Kind::TopDown);
    let below = down.map(|(_, from, to)| reach(from.abs_diff(*to))).fold(0.0, f64::max)
        + if has(Kind::TopDown) { 16.0 } else { 0.0 };
    let above = depth(Kind::BottomUp).max(if has(Kind::Lateral) { 44.0 } else { 0.0 }) + 6.0;
    let slot = WIDTH / n as f64;
    let width = (slot - 28.0).clamp(30.0, 118.0);
    let mut scene = Scene::new(WIDTH, above + BOX + below + 8.0);
    let middle = |area: usize| slot * (area as f64 + 0.5);
    for &(edge, from, to) in &ends {
        let delay = match edge.delay {
            0 => String::new(),
            steps => format!("t−{steps}"),
        };
        let when =
            if edge.delay == 0 { "same step".to_owned() } else { format!("delay {} step(s)", edge.delay) };
        let tip = format!("{}: {}, {} → {}\n{}, {when}", edge.name, edge.kind, edge.from, edge.to, edge.op);
        scene.group(Tags::tip(tip), |scene| {
            let (paint, ink) = (line(edge.kind), ink(edge.kind));
            let note = Style::new(10.5, Ink::Muted).anchored(Anchor::Middle);
            let (a, b) = (middle(from), middle(to));
            if edge.kind == Kind::BottomUp && to == from + 1 {
                let y = above + BOX / 2.0;
                scene.line([a + width / 2.0, y], [b - width / 2.0 - 7.0, y], paint);
                arrow(scene, [b - width / 2.0, y], [1.0, 0.0], ink);
                scene.text([f64::midpoint(a, b), y - 6.0], delay, note);
            } else if from == to {
                let (left, right, top) = (a - 13.0, a + 13.0, above - 34.0);
                let path = vec![
                    Segment::Move([left, above]),
                    Segment::Cubic([left - 8.0, top], [right + 8.0, top], [right, above - 6.0]),
                ];
                scene.path(path, paint);
                arrow(scene, [right - 1.0, above], [-0.2, 1.0], ink);
                scene.text([a, above - 30.0], delay, note);
            } else {
                let side = if edge.kind == Kind::TopDown { 1.0 } else { -1.0 };
                let edge_y = if side > 0.0 { above + BOX } else { above };
                let y = edge_y + side * 4.0 / 3.0 * reach(from.abs_diff(to));
                let inward = 16.0 * (b - a).signum();
                let path = vec![
                    Segment::Move([a + inward, edge_y]),
                    Segment::Cubic([a + inward, y], [b - inward, y], [b - inward, edge_y + side * 7.0]),
                ];
                scene.path(path, paint);
                arrow(scene, [b - inward, edge_y], [0.0, -side], ink);
                let label = edge_y + side * (reach(from.abs_diff(to)) + if side > 0.0 { 13.0 } else { 5.0 });
                scene.text([f64::midpoint(a, b), label], delay, note);
            }
        });
    }
    for (index, area) in drawing.areas.iter().enumerate() {
        let x = middle(index) - width / 2.0;
        let paint = Paint::fill(Ink::Ground, 1.0).with_line(Ink::Text, 1.4);
        scene.rectangle([x, above], [width, BOX], paint);
        let name = Style::new(12.5, Ink::Text).bold().anchored(Anchor::Middle);
        let size = Style::new(10.5, Ink::Muted).anchored(Anchor::Middle);
        scene.text([middle(index), above + 19.0], font::fitted(&area.name, 12.5, width - 8.0), name);
        let words = shape(area);
        if font::width(&words, 10.5, Weight::Regular) < width - 2.0 {
            scene.text([middle(index), above + 34.0], words, size);
        }
    }
    scene
}

fn arrow(scene: &mut Scene, [x, y]: [f64; 2], [dx, dy]: [f64; 2], ink: Ink) {
    let back = [x - 8.0 * dx, y - 8.0 * dy];
    let side = [-4.5 * dy, 4.5 * dx];
    scene.polygon(
        &[[x, y], [back[0] + side[0], back[1] + side[1]], [back[0] - side[0], back[1] - side[1]]],
        Paint::fill(ink, 1.0),
    );
}

fn connections(context: &Context) -> Table {
    let mut rows = Vec::new();
    for network in &context.networks {
        for edge in network.drawing.iter().flat_map(|drawing| &drawing.edges) {
            let words = [&network.results.name, &edge.name, &edge.from, &edge.to, &edge.op];
            let mut row: Vec<Cell> = words.iter().map(|word| Cell::from(word.as_str())).collect();
            row.extend([edge.kind.to_string().as_str().into(), edge.delay.into()]);
            rows.push(row);
        }
    }
    Table {
        name: "architecture".into(),
        columns: vec![
            column("network", "", "short name of the network"),
            column("connection", "", "name, as interventions use it"),
            column("from", "", "sending area"),
            column("to", "", "receiving area"),
            column("operation", "", "operation on the way"),
            column("kind", "", "bottom-up, lateral or top-down"),
            column("delay", "steps", "steps between sending and arriving"),
        ],
        rows,
    }
}
