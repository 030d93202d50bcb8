//! Figure 1B: which classes the readout holds alike.

use redyn_analysis::{Linkage, ReadoutSimilarity, Tree};

use crate::axis::{Axis, Scale};
use crate::figure::{Figure, Panel, panel_width};
use crate::figures::{groups, key_of_groups, missing, notes, rows_of, table};
use crate::font::{self, Weight};
use crate::ink::Ink;
use crate::number::{probability, significant};
use crate::plot::Look;
use crate::scene::{Anchor, Paint, Scene, Segment, Style, Tags};
use crate::{Context, Network};

const HEIGHT: f64 = 170.0;

pub(crate) fn figure(context: &Context) -> Figure {
    let widest = context.networks.iter().map(|network| network.results.classes.len()).max().unwrap_or(0);
    let columns = if widest <= 30 { context.networks.len().clamp(1, 2) } else { 1 };
    let (mut panels, mut lacking) = (Vec::new(), Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        let found = network.results.get::<ReadoutSimilarity>();
        let tree = found.and_then(|found| found.trees.iter().find(|tree| tree.linkage == Linkage::Ward));
        let (Some(found), Some(tree)) = (found, tree) else {
            let reason = missing(network, "readout_similarity");
            panels.push(Panel::lacking(name, &reason));
            lacking.push((name, reason));
            continue;
        };
        if tree.merges.is_empty() {
            panels.push(Panel::lacking(name, "a single class makes no tree"));
            lacking.push((name, "a single class makes no tree".into()));
            continue;
        }
        for tree in &found.trees {
            if let Some(agreement) = tree.hierarchy {
                let linkage = if tree.linkage == Linkage::Ward { "Ward" } else { "average" };
                let p = agreement.p.map_or_else(String::new, |p| format!(", p = {}", probability(p)));
                let rho = significant(agreement.spearman, 3);
                lacking.push((
                    name,
                    format!("{linkage} tree against the category hierarchy: Spearman's ρ = {rho}{p}"),
                ));
            }
        }
        panels.push(Panel::scene(name, draw(network, found, tree, panel_width(columns))));
    }
    let mut tables: Vec<_> =
        table(context, "readout_similarity", "merges", "dendrogram").into_iter().collect();
    tables.extend(table(context, "readout_similarity", "pairs", "dendrogram_pairs"));
    tables.extend(table(context, "readout_similarity", "norms", "dendrogram_norms"));
    Figure {
        name: "dendrogram",
        title: "Which classes the readout holds alike".into(),
        caption: "Ward's clustering of the readout vectors by half of one minus their cosine, as published \
                  (formally, Ward asks for Euclidean distances; average linkage is in the data). Hue and sign \
                  mark the widest groups of the category hierarchy. ρ: rank correlation, over pairs of classes, \
                  of the height at which they join with their distance in the hierarchy, p by shuffling classes."
            .into(),
        source: "After figure 1B of Thorat et al. 2023.",
        notes: notes(lacking),
        key: key_of_groups(context),
        rows: rows_of(&panels, columns),
        tables,
    }
}

fn draw(network: &Network, found: &ReadoutSimilarity, tree: &Tree, width: f64) -> Scene {
    let (group_of, _) = groups(network);
    let n = found.classes.len();
    let size = if n <= 60 { 10.5 } else { 7.0 };
    let names = found
        .classes
        .iter()
        .map(|name| font::width(name, size, Weight::Regular))
        .fold(0.0, f64::max)
        .min(110.0);
    let mut scene = Scene::new(width, HEIGHT + names + 30.0);
    let top = tree.merges.iter().map(|merge| merge.height).fold(0.0, f64::max);
    let axis = Axis::new("dissimilarity (Ward)", "").including(0.0);
    let range = axis.range(std::iter::once(top));
    let y = Scale { values: range, places: [HEIGHT, 8.0] };
    let left = 52.0;
    let slot = (width - left - 8.0) / n as f64;
    for (value, words) in axis.marks(range, 4) {
        let at = y.place(value);
        scene.line([left, at], [width - 8.0, at], Paint::line(Ink::Grid, 1.0));
        scene.text([left - 6.0, at + 3.8], words, Style::new(11.0, Ink::Muted).anchored(Anchor::End));
    }
    let label = Style::new(12.0, Ink::Muted).anchored(Anchor::Middle).turned(-90.0);
    scene.text([12.0, HEIGHT / 2.0 + 4.0], axis.label.clone(), label);
    // Place, height and group (if all members share one) of every cluster.
    let mut clusters: Vec<(f64, f64, Option<usize>)> = vec![(0.0, 0.0, None); n];
    for (place, &class) in tree.leaves.iter().enumerate() {
        clusters[class] = (left + slot * (place as f64 + 0.5), 0.0, Some(group_of[class]));
    }
    for merge in &tree.merges {
        let (a, b) = (clusters[merge.first], clusters[merge.second]);
        let group = a.2.filter(|_| a.2 == b.2);
        let height = y.place(merge.height);
        let ink = group.map_or(Ink::Muted, Ink::hue);
        let tip = format!("{} classes join at {}", merge.size, significant(merge.height, 3));
        scene.group(Tags::tip(tip), |scene| {
            let path = vec![
                Segment::Move([a.0, y.place(a.1)]),
                Segment::Line([a.0, height]),
                Segment::Line([b.0, height]),
                Segment::Line([b.0, y.place(b.1)]),
            ];
            scene.path(path, Paint::line(ink, 1.6));
        });
        clusters.push((f64::midpoint(a.0, b.0), merge.height, group));
    }
    for &class in &tree.leaves {
        let (x, look) = (clusters[class].0, Look::of(group_of[class]));
        look.marker.draw(&mut scene, [x, HEIGHT + 9.0], 3.4, Paint::fill(look.ink, 1.0));
        let name = font::fitted(&found.classes[class], size, 110.0);
        let style = Style::new(size, Ink::Text).anchored(Anchor::End).turned(-90.0);
        scene.text([x + 0.35 * size, HEIGHT + 18.0], name, style);
    }
    scene
}
