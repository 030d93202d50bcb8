//! Curves, points and bars in a frame with axes.

use redyn_analysis::{Estimate, SMALLEST_GROUP, Series};
use redyn_core::TimeAxis;

use crate::axis::{Axis, Scale, Ticks, spoken};
use crate::font::{self, Weight};
use crate::ink::Ink;
use crate::number::{count, significant};
use crate::scene::{Anchor, Paint, Pattern, Scene, Segment, Style, Tags, polygon};

/// Size of the numbers under an axis.
const UNDER: f64 = 8.4;

/// Points of a line that stand closer carry no sign each: the line is enough.
const CROWDED: f64 = 8.0;

/// A frame with axes, and what is in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plot {
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) marks: Vec<Mark>,
    /// Rows of numbers under the axis, such as group sizes.
    pub(crate) under: Vec<Under>,
}

/// A row of numbers under the axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Under {
    pub(crate) label: String,
    pub(crate) ink: Ink,
    pub(crate) values: Vec<(f64, String)>,
}

/// Something in a plot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mark {
    Curve(Curve),
    Bar(Bar),
    Rule(Rule),
}

/// Values along the axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    /// What it is, for hints and, if `labelled`, at its end.
    pub(crate) label: String,
    pub(crate) labelled: Labelled,
    pub(crate) look: Look,
    pub(crate) spread: Spread,
    /// In order of `x`; the line is broken where one is absent.
    pub(crate) samples: Vec<Option<Sample>>,
}

/// Whether a curve carries its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Labelled {
    /// Where it ends.
    AtEnd,
    /// In a list beside the frame, in the order of the curves.
    InList,
    /// Somewhere else.
    InKey,
}

/// How intervals are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// A band behind a line.
    Band,
    /// Whiskers at points that no line joins.
    Whiskers,
    /// None: a path through places in a plane.
    Path,
}

/// How a curve looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Look {
    pub(crate) ink: Ink,
    pub(crate) dash: Pattern,
    pub(crate) marker: Marker,
}

/// Sign at each value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    Circle,
    Triangle,
    Square,
    Diamond,
    Down,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) interval: Option<(f64, f64)>,
    /// Number of images behind it; few of them are drawn as an open sign.
    pub(crate) n: usize,
    /// What to say when pointed at.
    pub(crate) tip: String,
}

/// A bar from `from` to `to` at `x`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) x: f64,
    pub(crate) width: f64,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) paint: Paint,
    pub(crate) tip: String,
}

/// A line across the plot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) at: f64,
    pub(crate) across: Across,
    pub(crate) label: String,
}

/// Which way a [`Rule`] runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Across {
    /// At a value of `y`.
    Level,
    /// At a value of `x`.
    Upright,
}

impl Marker {
    /// The sign of curve `index`.
    pub(crate) fn of(index: usize) -> Self {
        [Self::Circle, Self::Triangle, Self::Square, Self::Diamond, Self::Down][index % 5]
    }

    pub(crate) fn draw(self, scene: &mut Scene, [x, y]: [f64; 2], radius: f64, paint: Paint) {
        let r = radius;
        match self {
            Self::Circle => scene.circle([x, y], r, paint),
            Self::Triangle => scene
                .polygon(&[[x, y - 1.2 * r], [x + 1.1 * r, y + 0.8 * r], [x - 1.1 * r, y + 0.8 * r]], paint),
            Self::Down => scene
                .polygon(&[[x, y + 1.2 * r], [x + 1.1 * r, y - 0.8 * r], [x - 1.1 * r, y - 0.8 * r]], paint),
            Self::Square => scene.rectangle([x - 0.9 * r, y - 0.9 * r], [1.8 * r, 1.8 * r], paint),
            Self::Diamond => {
                let d = 1.25 * r;
                scene.polygon(&[[x, y - d], [x + d, y], [x, y + d], [x - d, y]], paint);
            }
        }
    }
}

impl Look {
    /// A look of its own for curve `index`: hue, dash and marker all differ.
    pub(crate) fn of(index: usize) -> Self {
        Self { ink: Ink::hue(index), dash: Pattern::of(index), marker: Marker::of(index) }
    }
}

impl Curve {
    /// One value per step, with intervals as a band. `scale` multiplies what is drawn, not
    /// what is said (shares drawn as percentages are scaled by their axis instead).
    pub(crate) fn of_series(label: &str, look: Look, series: &Series) -> Self {
        let sample = |(step, estimate): (usize, &Option<Estimate>)| {
            estimate.as_ref().map(|estimate| Sample::of(label, &format!("t={step}"), step as f64, estimate))
        };
        Self {
            label: label.to_owned(),
            labelled: Labelled::InKey,
            look,
            spread: Spread::Band,
            samples: series.iter().enumerate().map(sample).collect(),
        }
    }

    pub(crate) fn labelled(self, words: &str) -> Self {
        Self { label: words.to_owned(), labelled: Labelled::AtEnd, ..self }
    }

    pub(crate) fn listed(self, words: &str) -> Self {
        Self { label: words.to_owned(), labelled: Labelled::InList, ..self }
    }
}

impl Sample {
    /// A value with its interval and group size in words.
    pub(crate) fn of(label: &str, place: &str, x: f64, estimate: &Estimate) -> Self {
        let value = spoken(estimate.value, estimate.interval());
        let tip = format!("{label}\n{place}: {value}\nn = {}", count(estimate.n));
        Self { x, y: estimate.value, interval: estimate.interval(), n: estimate.n, tip }
    }
}

impl Plot {
    pub(crate) fn new(x: Axis, y: Axis) -> Self {
        Self { x, y, marks: Vec::new(), under: Vec::new() }
    }

    pub(crate) fn curve(&mut self, curve: Curve) {
        self.marks.push(Mark::Curve(curve));
    }

    pub(crate) fn level(&mut self, at: f64, label: &str) {
        self.marks.push(Mark::Rule(Rule { at, across: Across::Level, label: label.to_owned() }));
    }

    pub(crate) fn upright(&mut self, at: f64, label: &str) {
        self.marks.push(Mark::Rule(Rule { at, across: Across::Upright, label: label.to_owned() }));
    }

    /// Put steps at their times, if the axis is one of steps; hints then say both.
    pub(crate) fn in_time(&mut self, time: &TimeAxis) {
        self.x.in_time(time);
        if !matches!(self.x.ticks, Ticks::Times(_)) {
            return;
        }
        for mark in &mut self.marks {
            let Mark::Curve(curve) = mark else { continue };
            for sample in curve.samples.iter_mut().flatten() {
                let (step, at) = (format!("\nt={}:", sample.x), sample.x as usize);
                let time = format!("\nt={} ({} {}):", sample.x, significant(time.times[at], 4), time.unit);
                sample.tip = sample.tip.replace(&step, &time);
            }
        }
    }

    /// Whether there is nothing but rules.
    pub(crate) fn is_empty(&self) -> bool {
        self.marks.iter().all(|mark| match mark {
            Mark::Curve(curve) => curve.samples.iter().all(Option::is_none),
            Mark::Bar(_) => false,
            Mark::Rule(_) => true,
        })
    }

    /// The name of a mark that holds NaN or infinity.
    pub(crate) fn not_finite(&self) -> Option<&str> {
        self.marks.iter().find_map(|mark| {
            let (name, finite) = match mark {
                Mark::Curve(curve) => {
                    let ends = |s: &Sample| s.interval.is_none_or(|(a, b)| a.is_finite() && b.is_finite());
                    let finite = |s: &Sample| s.x.is_finite() && s.y.is_finite() && ends(s);
                    (&curve.label, curve.samples.iter().flatten().all(finite))
                }
                Mark::Bar(bar) => (&bar.tip, bar.from.is_finite() && bar.to.is_finite() && bar.x.is_finite()),
                Mark::Rule(rule) => (&rule.label, rule.at.is_finite()),
            };
            (!finite).then_some(name.as_str())
        })
    }

    /// First and last value of the vertical axis.
    pub(crate) fn y_range(&self) -> [f64; 2] {
        let mut values = Vec::new();
        for mark in &self.marks {
            match mark {
                Mark::Curve(curve) => {
                    for sample in curve.samples.iter().flatten() {
                        values.push(sample.y);
                        values.extend(sample.interval.into_iter().flat_map(|(low, high)| [low, high]));
                    }
                }
                Mark::Bar(bar) => values.extend([bar.from, bar.to]),
                Mark::Rule(rule) if rule.across == Across::Level => values.push(rule.at),
                Mark::Rule(_) => {}
            }
        }
        self.y.range(values.into_iter())
    }

    fn x_range(&self) -> [f64; 2] {
        let values = self.marks.iter().flat_map(|mark| match mark {
            Mark::Curve(curve) => curve.samples.iter().flatten().map(|sample| sample.x).collect(),
            Mark::Bar(bar) => vec![bar.x - bar.width / 2.0, bar.x + bar.width / 2.0],
            Mark::Rule(_) => Vec::new(),
        });
        self.x.range(values)
    }

    /// Marks of the horizontal axis: as many as stand side by side.
    fn x_marks(&self, range: [f64; 2], room: f64) -> Vec<(f64, String)> {
        let fits = |marks: &[(f64, String)]| {
            let words = marks.iter().map(|(_, words)| font::width(words, 11.0, Weight::Regular));
            words.fold(0.0, f64::max) + 5.0 <= room / marks.len().max(1) as f64
        };
        let most = (room / 24.0).max(2.0) as usize;
        let fewer = (2..=most).rev().map(|wanted| self.x.marks(range, wanted)).find(|marks| fits(marks));
        fewer.unwrap_or_else(|| self.x.marks(range, 2))
    }

    /// Draw in a box of this size, axes and labels included.
    pub(crate) fn draw(&self, width: f64, height: f64) -> Scene {
        let mut scene = Scene::new(width, height);
        let tick = Style::new(11.0, Ink::Muted);
        let y_range = self.y_range();
        let y_marks = self.y.marks(y_range, ((height - 60.0) / 26.0).max(2.0) as usize);
        let widest =
            y_marks.iter().map(|(_, words)| font::width(words, 11.0, Weight::Regular)).fold(0.0, f64::max);
        let under =
            self.under.iter().map(|row| font::width(&row.label, UNDER, Weight::Regular)).fold(0.0, f64::max);
        let left = (widest + 32.0).max(under + 14.0);
        let labels = self.end_labels();
        let list: Vec<&Curve> = self.curves().filter(|curve| curve.labelled == Labelled::InList).collect();
        let beside = labels.iter().map(|label| (label.words.as_str(), 16.0));
        let beside = beside.chain(list.iter().map(|curve| (curve.label.as_str(), 30.0)));
        let right = beside.map(|(words, room)| font::width(words, 11.0, Weight::Regular) + room);
        let right = right.fold(12.0, f64::max);
        let x_range = self.x_range();
        let inner = width - left - right;
        let x_marks = self.x_marks(x_range, inner);
        let slot = inner / x_marks.len().max(1) as f64;
        let named = matches!(self.x.ticks, Ticks::Names(_));
        let longest =
            x_marks.iter().map(|(_, words)| font::width(words, 11.0, Weight::Regular)).fold(0.0, f64::max);
        let turned = named && longest > slot - 4.0;
        let tick_room = if turned { 12.0 + (0.7 * longest).min(70.0) } else { 18.0 };
        let label_room = if self.x.label.is_empty() { 4.0 } else { 20.0 };
        let bottom = height - tick_room - label_room - 13.0 * self.under.len() as f64;
        let x = Scale { values: x_range, places: [left, width - right] };
        let y = Scale { values: y_range, places: [bottom, 8.0] };

        for (value, words) in &y_marks {
            let at = y.place(*value);
            scene.line([left, at], [width - right, at], Paint::line(Ink::Grid, 1.0));
            scene.text([left - 6.0, at + 3.8], words.clone(), tick.anchored(Anchor::End));
        }
        scene.line([left, bottom], [width - right, bottom], Paint::line(Ink::Axis, 1.0));
        for (value, words) in &x_marks {
            let at = x.place(*value);
            scene.line([at, bottom], [at, bottom + 4.0], Paint::line(Ink::Axis, 1.0));
            if turned {
                let words = font::fitted(words, 11.0, 98.0);
                scene.text([at + 3.0, bottom + 13.0], words, tick.anchored(Anchor::End).turned(-45.0));
            } else {
                scene.text([at, bottom + 16.0], words.clone(), tick.anchored(Anchor::Middle));
            }
        }
        for (index, row) in self.under.iter().enumerate() {
            row.draw(&mut scene, x, [left, bottom + tick_room + 10.0 + 13.0 * index as f64]);
        }
        let label = Style::new(12.0, Ink::Muted).anchored(Anchor::Middle);
        scene.text([left + inner / 2.0, height - 5.0], self.x.label.clone(), label);
        scene.text([12.0, 8.0 + (bottom - 8.0) / 2.0], self.y.label.clone(), label.turned(-90.0));
        self.draw_marks(&mut scene, x, y);
        draw_labels(&mut scene, labels, y, width - right);
        for (index, curve) in list.into_iter().enumerate() {
            let at = [width - right + 16.0, 16.0 + index as f64 * ((bottom - 24.0) / 10.0).clamp(11.0, 17.0)];
            curve.look.marker.draw(&mut scene, at, 3.4, Paint::fill(curve.look.ink, 1.0));
            scene.text([at[0] + 9.0, at[1] + 3.8], curve.label.clone(), Style::new(11.0, curve.look.ink));
        }
        scene
    }

    fn draw_marks(&self, scene: &mut Scene, x: Scale, y: Scale) {
        for mark in &self.marks {
            match mark {
                Mark::Rule(rule) => rule.draw(scene, x, y),
                Mark::Bar(bar) => bar.draw(scene, x, y),
                Mark::Curve(curve) if curve.spread == Spread::Band => curve.draw_band(scene, x, y),
                Mark::Curve(_) => {}
            }
        }
        for mark in &self.marks {
            if let Mark::Curve(curve) = mark {
                curve.draw(scene, x, y);
            }
        }
    }

    fn curves(&self) -> impl Iterator<Item = &Curve> {
        self.marks.iter().filter_map(|mark| match mark {
            Mark::Curve(curve) => Some(curve),
            _ => None,
        })
    }

    fn end_labels(&self) -> Vec<EndLabel> {
        let at_end = self.curves().filter(|curve| curve.labelled == Labelled::AtEnd);
        let label = |curve: &Curve| {
            let last = curve.samples.iter().flatten().last()?;
            Some(EndLabel { words: curve.label.clone(), ink: curve.look.ink, value: last.y })
        };
        at_end.filter_map(label).collect()
    }
}

/// Names at the ends of curves, moved apart where they would overlap.
fn draw_labels(scene: &mut Scene, mut labels: Vec<EndLabel>, y: Scale, edge: f64) {
    labels.sort_by(|a, b| b.value.total_cmp(&a.value));
    let wanted: Vec<f64> = labels.iter().map(|label| y.place(label.value)).collect();
    let places = apart(&wanted, 13.0, [y.places[1], y.places[0]]);
    for ((label, from), to) in labels.iter().zip(wanted).zip(places) {
        scene.line([edge + 2.0, from], [edge + 10.0, to], Paint::line(label.ink, 1.0).faded(0.6));
        scene.text([edge + 12.0, to + 3.8], label.words.clone(), Style::new(11.0, label.ink));
    }
}

struct EndLabel {
    words: String,
    ink: Ink,
    value: f64,
}

/// Places at least `gap` apart, in the same order, within limits where they fit, and close to
/// those wanted (which are in ascending order).
fn apart(wanted: &[f64], gap: f64, [low, high]: [f64; 2]) -> Vec<f64> {
    let mut places = wanted.to_vec();
    for index in 1..places.len() {
        places[index] = places[index].max(places[index - 1] + gap);
    }
    let over = places.last().map_or(0.0, |last| (last - high).max(0.0));
    if over > 0.0 {
        let last = places.len() - 1;
        places[last] -= over;
        for index in (0..last).rev() {
            places[index] = places[index].min(places[index + 1] - gap);
        }
    }
    let under = places.first().map_or(0.0, |first| (low - first).max(0.0));
    places.iter().map(|place| place + under).collect()
}

impl Under {
    /// Group sizes of a series; steps without a group read 0.
    pub(crate) fn sizes(label: &str, ink: Ink, series: &Series) -> Self {
        let size = |estimate: &Option<Estimate>| count(estimate.map_or(0, |estimate| estimate.n));
        let values = series.iter().enumerate().map(|(step, estimate)| (step as f64, size(estimate)));
        Self { label: label.into(), ink, values: values.collect() }
    }

    fn draw(&self, scene: &mut Scene, x: Scale, [left, y]: [f64; 2]) {
        let style = Style::new(UNDER, self.ink);
        scene.text([left - 6.0, y], self.label.clone(), style.anchored(Anchor::End));
        let half = |words: &str| font::width(words, UNDER, Weight::Regular) / 2.0 + 0.8;
        let fits = |stride: usize| {
            let shown: Vec<&(f64, String)> = self.values.iter().step_by(stride).collect();
            shown.windows(2).all(|pair| {
                let [(a, first), (b, second)] = pair else { return true };
                x.place(*b) - x.place(*a) >= half(first) + half(second)
            })
        };
        // All numbers, or every second, third, ...: never some at random.
        let stride = (1..=self.values.len()).find(|&stride| fits(stride)).unwrap_or(1);
        for (value, words) in self.values.iter().step_by(stride) {
            scene.text([x.place(*value), y], words.clone(), style.anchored(Anchor::Middle));
        }
    }
}

impl Rule {
    fn draw(&self, scene: &mut Scene, x: Scale, y: Scale) {
        let paint = Paint::line(Ink::Muted, 1.0).dashed(Pattern::Dashed);
        let style = Style::new(10.5, Ink::Muted);
        match self.across {
            Across::Level => {
                let at = y.place(self.at);
                scene.line([x.places[0], at], [x.places[1], at], paint);
                scene.text([x.places[1] - 2.0, at - 4.0], self.label.clone(), style.anchored(Anchor::End));
            }
            Across::Upright => {
                let at = x.place(self.at);
                scene.line([at, y.places[0]], [at, y.places[1]], paint);
                scene.text([at + 4.0, y.places[1] + 9.0], self.label.clone(), style);
            }
        }
    }
}

impl Bar {
    fn draw(&self, scene: &mut Scene, x: Scale, y: Scale) {
        let (left, right) = (x.place(self.x - self.width / 2.0), x.place(self.x + self.width / 2.0));
        let (from, to) = (y.place(self.from), y.place(self.to));
        scene.group(Tags::tip(self.tip.clone()), |scene| {
            scene.rectangle([left, to.min(from)], [right - left, (from - to).abs()], self.paint);
        });
    }
}

impl Curve {
    /// Runs of neighbouring samples without a gap.
    fn runs(&self) -> impl Iterator<Item = Vec<&Sample>> {
        self.samples
            .split(Option::is_none)
            .filter(|run| !run.is_empty())
            .map(|run| run.iter().flatten().collect())
    }

    fn draw_band(&self, scene: &mut Scene, x: Scale, y: Scale) {
        for run in self.runs() {
            for part in run.split(|sample| sample.interval.is_none()).filter(|part| part.len() > 1) {
                let edge = |high: bool| {
                    part.iter().filter_map(move |sample| {
                        let (a, b) = sample.interval?;
                        Some([x.place(sample.x), y.place(if high { b } else { a })])
                    })
                };
                let mut corners: Vec<[f64; 2]> = edge(true).collect();
                let mut lower: Vec<[f64; 2]> = edge(false).collect();
                lower.reverse();
                corners.extend(lower);
                scene.path(polygon(&corners), Paint::fill(self.look.ink, 0.16));
            }
        }
    }

    fn draw(&self, scene: &mut Scene, x: Scale, y: Scale) {
        let ink = self.look.ink;
        let place = |sample: &Sample| [x.place(sample.x), y.place(sample.y)];
        if self.spread != Spread::Whiskers {
            for run in self.runs() {
                let mut segments: Vec<Segment> =
                    run.iter().map(|sample| Segment::Line(place(sample))).collect();
                segments[0] = Segment::Move(place(run[0]));
                if segments.len() > 1 {
                    scene.path(segments, Paint::line(ink, 1.8).dashed(self.look.dash));
                }
            }
        }
        let here: Vec<&Sample> = self.samples.iter().flatten().collect();
        let crowded = here.windows(2).any(|pair| x.place(pair[1].x) - x.place(pair[0].x) < CROWDED);
        for sample in here {
            let at = place(sample);
            scene.group(Tags::tip(sample.tip.clone()).with("ink", &ink.name()), |scene| {
                // A target larger than the sign.
                scene.circle(at, 8.0, Paint::fill(Ink::Ground, 0.0));
                if let Some((low, high)) = sample.interval
                    && self.spread == Spread::Whiskers
                {
                    scene.line([at[0], y.place(low)], [at[0], y.place(high)], Paint::line(ink, 1.4));
                }
                if crowded && self.spread == Spread::Band && sample.n >= SMALLEST_GROUP {
                    return;
                }
                let radius = if self.spread == Spread::Whiskers { 4.0 } else { 3.0 };
                let paint = if sample.n < SMALLEST_GROUP {
                    Paint::fill(Ink::Ground, 1.0).with_line(ink, 1.2)
                } else {
                    Paint::fill(ink, 1.0).with_line(Ink::Ground, 0.8)
                };
                self.look.marker.draw(scene, at, radius, paint);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(values: &[Option<f64>]) -> Plot {
        let mut plot = Plot::new(Axis::steps(values.len()), Axis::new("norm", "activation"));
        let series: Series = values
            .iter()
            .map(|value| {
                let value = (*value)?;
                Some(Estimate { value, low: Some(value - 0.1), high: Some(value + 0.1), n: 12 })
            })
            .collect();
        plot.curve(Curve::of_series("toy", Look::of(0), &series).labelled("toy"));
        plot
    }

    #[test]
    fn labels_keep_their_distance_and_order() {
        let places = apart(&[10.0, 11.0, 12.0, 60.0], 13.0, [0.0, 60.0]);
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 13.0 - 1e-9), "{places:?}");
        assert!(places[3] <= 60.0);
    }

    #[test]
    fn words_under_an_axis_do_not_run_into_one_another() {
        let plot = Plot::new(Axis::new("x", "").including(-0.034).including(0.034), Axis::new("y", ""));
        let marks = plot.x_marks([-0.034, 0.034], 300.0);
        let widest =
            marks.iter().map(|(_, words)| font::width(words, 11.0, Weight::Regular)).fold(0.0, f64::max);
        assert!(marks.len() > 2 && marks.len() as f64 * widest < 300.0, "{marks:?}");
    }

    #[test]
    fn a_gap_breaks_the_line() {
        let curve = |values: &[Option<f64>]| match &plot(values).marks[0] {
            Mark::Curve(curve) => curve.runs().map(|run| run.len()).collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        assert_eq!(curve(&[Some(1.0), Some(2.0), None, Some(3.0)]), [2, 1]);
        assert!(plot(&[None, None]).is_empty());
    }

    #[test]
    fn values_that_are_not_finite_are_named() {
        assert_eq!(plot(&[Some(1.0)]).not_finite(), None);
        assert_eq!(plot(&[Some(f64::NAN)]).not_finite(), Some("toy"));
    }

    #[test]
    fn everything_is_drawn_inside_the_box() {
        let scene = plot(&[Some(1.0), Some(5.0), Some(-3.0)]).draw(300.0, 200.0);
        let mut points = Vec::new();
        crate::figure::each_point(&scene.items, [0.0, 0.0], &mut |point| points.push(point));
        assert!(points.len() > 30);
        assert!(
            points.iter().all(|[x, y]| (0.0..=300.0).contains(x) && (0.0..=200.0).contains(y)),
            "{points:?}"
        );
    }
}
