//! One file per figure, in the order of the page. Every number was computed elsewhere.

mod accuracy;
mod aggregate;
mod architecture;
mod boundary;
mod category_change;
mod category_neighbours;
mod category_orthogonality;
mod change;
mod contrast;
mod convergence;
mod decomposition;
mod dendrogram;
mod factors;
mod feedforward_norm;
mod flow;
mod future_class;
mod global_geometry;
mod heat;
mod hierarchy;
mod image_properties;
mod lesion;
mod local_geometry;
mod model_brain;
mod now_correct;
mod over_seeds;
mod projection;
mod prototype_shift;
mod rdm_between;
mod rdm_movie;
mod readout_zone_simulation;
mod ridge;
mod robustness;
mod schematic;
mod stability;
mod stable_classes;
mod stable_step;
mod transitions;
mod within_zone;
mod zone_membership;

pub(crate) use model_brain::of as model_brain;
pub(crate) use projection::{Moving, moving};

use redyn_analysis::{Analysis, Finding, Table, Uncertainty};
use redyn_core::TimeAxis;

use crate::figure::{Figure, Key, Panel, Sign};
use crate::plot::Look;
use crate::{Context, Network};

/// What became of a figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    /// It is there.
    Figure(Box<Figure>),
    /// It is not, for a reason.
    Absent { name: &'static str, title: String, reason: String },
}

impl Shown {
    /// The figure, if it is there.
    pub(crate) fn figure(&self) -> Option<&Figure> {
        match self {
            Self::Figure(figure) => Some(figure),
            Self::Absent { .. } => None,
        }
    }
}

/// All figures, in the order of the page.
pub(crate) const FIGURES: &[fn(&Context) -> Figure] = &[
    accuracy::figure,
    stable_step::figure,
    stable_classes::figure,
    change::figure,
    now_correct::figure,
    future_class::figure,
    aggregate::figure,
    schematic::figure,
    over_seeds::figure,
    boundary::figure,
    decomposition::figure,
    within_zone::figure,
    transitions::figure,
    flow::figure,
    hierarchy::figure,
    dendrogram::figure,
    readout_zone_simulation::figure,
    zone_membership::figure,
    feedforward_norm::figure,
    convergence::figure,
    stability::figure,
    lesion::figure,
    image_properties::figure,
    category_change::figure,
    local_geometry::figure,
    global_geometry::figure,
    prototype_shift::figure,
    category_orthogonality::figure,
    category_neighbours::figure,
    factors::figure,
    robustness::figure,
    rdm_movie::figure,
    rdm_between::figure,
    model_brain::figure,
    projection::figure,
    architecture::figure,
];

/// Those of a page without networks.
const WITHOUT_NETWORKS: &[fn(&Context) -> Figure] = &[model_brain::figure];

/// Draw all figures; those without anything to show become a sentence.
pub(crate) fn all(context: &Context) -> Vec<Shown> {
    let time = common_time(context);
    let draw = |figure: &fn(&Context) -> Figure| {
        let mut figure = figure(context);
        if let Some(time) = time {
            figure.in_time(time);
        }
        shown(figure)
    };
    let figures = if context.networks.is_empty() { WITHOUT_NETWORKS } else { FIGURES };
    figures.iter().map(draw).collect()
}

/// The times of the steps, where all that is shown are recordings of the same times.
fn common_time(context: &Context) -> Option<&TimeAxis> {
    let first = context.networks.first()?.results.time.as_ref()?;
    context.networks.iter().all(|network| network.results.time.as_ref() == Some(first)).then_some(first)
}

fn shown(figure: Figure) -> Shown {
    if !figure.is_empty() {
        return Shown::Figure(Box::new(figure));
    }
    let reason =
        if figure.notes.is_empty() { "there is nothing to show".into() } else { figure.notes.join("; ") };
    Shown::Absent { name: figure.name, title: figure.title, reason }
}

/// Why a network has no result of an analysis.
pub(crate) fn missing(network: &Network, analysis: &str) -> String {
    network
        .results
        .omitted
        .iter()
        .find(|omitted| omitted.analysis == analysis)
        .map_or_else(|| format!("`{analysis}` was not run"), |omitted| omitted.reason.clone())
}

/// What an analysis found of a network. Without it the reason stands among what is lacking, and
/// in the network's column, which has one panel in each row, in the first.
pub(crate) fn finding<'a, T: Analysis>(
    network: &'a Network,
    panels: &mut [Vec<Panel>],
    lacking: &mut Vec<(&'a str, String)>,
) -> Option<&'a T>
where
    &'a T: TryFrom<&'a Finding>,
{
    let found = network.results.get::<T>();
    if found.is_none() {
        let (name, reason) = (network.results.name.as_str(), missing(network, T::NAME));
        for (row, panels) in panels.iter_mut().enumerate() {
            let (title, words) = if row == 0 { (name, reason.as_str()) } else { ("", "") };
            panels.push(Panel::lacking(title, words));
        }
        lacking.push((name, reason));
    }
    found
}

/// `NETWORK: note` for every network and note, each note once if all networks share it.
pub(crate) fn notes<'a>(notes: impl IntoIterator<Item = (&'a str, String)>) -> Vec<String> {
    let mut grouped: Vec<(String, Vec<&str>)> = Vec::new();
    for (network, note) in notes {
        match grouped.iter_mut().find(|(known, _)| *known == note) {
            Some((_, networks)) => networks.push(network),
            None => grouped.push((note, vec![network])),
        }
    }
    grouped.into_iter().map(|(note, networks)| format!("{}: {note}", networks.join(", "))).collect()
}

/// A table of an analysis with the rows of all networks, named for the figure.
pub(crate) fn table(context: &Context, analysis: &str, table: &str, name: &str) -> Option<Table> {
    let mut all: Option<Table> = None;
    for network in &context.networks {
        let finding = network.results.findings.iter().find(|finding| finding.name() == analysis);
        let Some(found) = finding.and_then(|finding| named(finding, table)) else { continue };
        let all = all.get_or_insert_with(|| Table {
            name: name.to_owned(),
            columns: std::iter::once(column("network", "", "short name of the network"))
                .chain(found.columns)
                .collect(),
            rows: Vec::new(),
        });
        let label = redyn_analysis::Cell::from(network.results.name.as_str());
        all.rows
            .extend(found.rows.into_iter().map(|row| std::iter::once(label.clone()).chain(row).collect()));
    }
    all
}

fn named(finding: &Finding, table: &str) -> Option<Table> {
    finding.tables().into_iter().find(|found| found.name == table)
}

pub(crate) fn column(name: &str, unit: &str, description: &str) -> redyn_analysis::Column {
    redyn_analysis::Column { name: name.into(), unit: unit.into(), description: description.into() }
}

/// What the intervals are, as a sentence.
pub(crate) fn intervals(context: &Context) -> String {
    intervals_of(&context.options.uncertainty, "over images, resampled within each class")
}

/// The same, of intervals over something else.
pub(crate) fn intervals_of(uncertainty: &Uncertainty, over: &str) -> String {
    if uncertainty.replicates == 0 {
        return "No intervals were asked for.".into();
    }
    format!(
        "{} % bootstrap intervals {over} ({} replicates, seed {}); groups of fewer than {} images have none, and open \
         signs.",
        crate::number::significant(100.0 * uncertainty.level, 3).trim_end_matches(".0"),
        uncertainty.replicates,
        uncertainty.seed,
        redyn_analysis::SMALLEST_GROUP,
    )
}

/// How many images, in words, equal for all networks or one by one.
pub(crate) fn images(context: &Context) -> String {
    let first = context.networks[0].results.n_images;
    if context.networks.iter().all(|network| network.results.n_images == first) {
        return crate::number::counted(first, "image");
    }
    let each = |network: &Network| {
        format!("{} for {}", crate::number::counted(network.results.n_images, "image"), network.results.name)
    };
    context.networks.iter().map(each).collect::<Vec<_>>().join(", ")
}

/// Panels with networks across and quantities down, at most four networks in a row; a single
/// network has its quantities across.
///
/// # Shapes
/// - `panels`: `[quantity][network]`
pub(crate) fn arranged(panels: Vec<Vec<Panel>>) -> Vec<Vec<Panel>> {
    let n_networks = panels.first().map_or(0, Vec::len);
    if n_networks == 1 {
        return vec![panels.into_iter().flatten().collect()];
    }
    let mut rows = Vec::new();
    for from in (0..n_networks).step_by(4) {
        for quantity in &panels {
            rows.push(quantity[from..(from + 4).min(n_networks)].to_vec());
        }
    }
    rows
}

/// Panels in rows of `columns`.
pub(crate) fn rows_of(panels: &[Panel], columns: usize) -> Vec<Vec<Panel>> {
    panels.chunks(columns).map(<[Panel]>::to_vec).collect()
}

/// The widest group of every class, as its index among those that occur, and their names.
pub(crate) fn groups(network: &Network) -> (Vec<usize>, Vec<String>) {
    let n_classes = network.results.classes.len();
    let Some(hierarchy) = &network.hierarchy else { return (vec![0; n_classes], Vec::new()) };
    let mut names: Vec<String> = Vec::new();
    let group = |groups: &Vec<String>| {
        let name = groups.first().cloned().unwrap_or_default();
        names.iter().position(|known| *known == name).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        })
    };
    (hierarchy.groups.iter().map(group).collect(), names)
}

/// Classes in the order of their place in the hierarchy.
pub(crate) fn in_order(network: &Network) -> Vec<usize> {
    let mut order: Vec<usize> = (0..network.results.classes.len()).collect();
    if let Some(hierarchy) = &network.hierarchy {
        order.sort_by(|&a, &b| hierarchy.groups[a].cmp(&hierarchy.groups[b]).then(a.cmp(&b)));
    }
    order
}

/// A key of groups: hue and marker of each.
pub(crate) fn key_of_groups(context: &Context) -> Vec<Key> {
    let (_, names) = groups(&context.networks[0]);
    names
        .into_iter()
        .enumerate()
        .map(|(index, words)| Key { sign: Sign::Marker(Look::of(index)), words })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::axis::Ticks;
    use crate::figure::{Body, each_point};
    use crate::support::{Size, Without, context, context_without};

    const SMALL: Size = Size { images: 320, steps: 7, replicates: 60 };
    static CONTEXT: LazyLock<Context> = LazyLock::new(|| context(SMALL));

    #[test]
    fn every_figure_has_something_to_show_and_says_what() {
        let shown = all(&CONTEXT);
        assert_eq!(shown.len(), FIGURES.len());
        // Robustness needs one network on several sets of images, factors several networks that are said to
        // be made differently, and the last a brain: they have tests of their own.
        let elsewhere = |one: &&Shown| {
            matches!(one, Shown::Absent { name: "robustness" | "factors" | "model_brain", .. })
        };
        for one in shown.iter().filter(|one| !elsewhere(one)) {
            let figure = one.figure().unwrap_or_else(|| panic!("{one:?}"));
            assert!(!figure.title.is_empty() && figure.caption.ends_with('.'), "{}", figure.name);
            assert!(!figure.tables.is_empty(), "{} has no data", figure.name);
            for table in &figure.tables {
                assert!(!table.rows.is_empty(), "{}: {} is empty", figure.name, table.name);
                assert!(table.name.starts_with(figure.name), "{}: {}", figure.name, table.name);
                assert!(table.columns.iter().all(|column| !column.description.is_empty()), "{}", table.name);
            }
            for panel in figure.rows.iter().flatten() {
                assert!(!matches!(panel.body, Body::Words(_)), "{}: {panel:?}", figure.name);
            }
        }
    }

    #[test]
    fn every_axis_has_a_label() {
        for figure in all(&CONTEXT).iter().filter_map(Shown::figure) {
            for panel in figure.rows.iter().flatten() {
                if let Body::Plot(plot) = &panel.body {
                    let named = matches!(plot.x.ticks, Ticks::Names(_));
                    assert!(named || !plot.x.label.is_empty(), "{}", figure.name);
                    assert!(!plot.y.label.is_empty(), "{}", figure.name);
                }
            }
        }
    }

    #[test]
    fn every_figure_stays_inside_its_frame() {
        for figure in all(&CONTEXT).iter().filter_map(Shown::figure) {
            let scene = figure.scene().unwrap();
            let mut n = 0;
            each_point(&scene.items, [0.0, 0.0], &mut |[x, y]| {
                n += 1;
                let inside =
                    (-1.0..=scene.width + 1.0).contains(&x) && (-12.0..=scene.height + 1.0).contains(&y);
                assert!(inside, "{}: {x} {y} is not in {} x {}", figure.name, scene.width, scene.height);
            });
            assert!(n > 50, "{}: {n} points", figure.name);
        }
    }

    #[test]
    fn names_of_figures_and_files_are_unique() {
        let shown = all(&CONTEXT);
        let figures: Vec<_> = shown.iter().filter_map(Shown::figure).collect();
        let mut files: Vec<&str> = figures.iter().flat_map(|f| &f.tables).map(|t| t.name.as_str()).collect();
        let n = files.len();
        files.sort_unstable();
        files.dedup();
        assert_eq!(files.len(), n);
        assert!(figures.iter().enumerate().all(|(i, a)| figures[..i].iter().all(|b| a.name != b.name)));
    }

    #[test]
    fn without_a_readout_a_sentence_says_why() {
        let context = context_without(SMALL, Without::Readout, 1);
        let absent: Vec<(&str, String)> = all(&context)
            .into_iter()
            .filter_map(|shown| match shown {
                Shown::Absent { name, reason, .. } => Some((name, reason)),
                Shown::Figure(_) => None,
            })
            .collect();
        let names: Vec<&str> = absent.iter().map(|(name, _)| *name).collect();
        let expected = [
            "future_class",
            "schematic",
            "boundary",
            "decomposition",
            "dendrogram",
            "zone_membership",
            "image_properties",
            "factors",
            "robustness",
            "rdm_between",
            "model_brain",
        ];
        assert_eq!(names, expected);
        // One network has no other, sees one set of images beside no brain, and nothing is said of its making.
        let alone = ["factors", "robustness", "rdm_between", "model_brain"];
        let readout = |(name, reason): &(&str, String)| alone.contains(name) || reason.contains("readout");
        assert!(absent.iter().all(readout), "{absent:?}");
    }

    #[test]
    fn two_images_are_reported_without_a_fuss() {
        let context = context_without(Size { images: 2, steps: 2, replicates: 20 }, Without::Nothing, 1);
        for figure in all(&context).iter().filter_map(Shown::figure) {
            figure.scene().unwrap();
        }
    }

    #[test]
    fn a_single_network_has_its_quantities_side_by_side() {
        let panel = |title: &str| Panel::words(title, 1.0, "");
        let one = arranged(vec![vec![panel("a")], vec![panel("b")]]);
        assert_eq!(one.iter().map(Vec::len).collect::<Vec<_>>(), [2]);
        let five = arranged(vec![vec![panel("a"); 5], vec![panel("b"); 5]]);
        assert_eq!(five.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 1, 1]);
    }
}
