//! How classifications go, and when they settle.

use redyn_analysis::{Course, FirstOccurrence, MinimumRun, StableRule, StableStep};

use crate::Context;
use crate::axis::{Axis, Ticks, spoken};
use crate::figure::{Figure, Key, Panel, Sign, WIDTH};
use crate::figures::{arranged, images, intervals, missing, notes, table};
use crate::font::{self, Weight};
use crate::ink::{BLUE, Ink, VERMILLION};
use crate::number::{count, percent};
use crate::plot::{Bar, Mark, Plot};
use crate::scene::{Anchor, Paint, Scene, Style, Tags};

pub(crate) fn figure(context: &Context) -> Figure {
    let (mut found, mut panels, mut lacking) = (Vec::new(), Vec::new(), Vec::new());
    for network in &context.networks {
        let name = network.results.name.as_str();
        if let Some(stable) = network.results.get::<StableStep>() {
            lacking.extend(stable.notes.iter().map(|note| (name, note.clone())));
            panels.push(Panel::plot(name, 210.0, steps(stable), "no image is stable"));
            found.push((name, stable));
        } else {
            let reason = missing(network, "stable_step");
            panels.push(Panel::lacking(name, &reason));
            lacking.push((name, reason));
        }
    }
    let mut rows = Vec::new();
    if !found.is_empty() {
        rows.push(vec![Panel::scene("", courses(&found))]);
    }
    rows.extend(arranged(vec![panels]));
    let rule = found.first().map_or_else(String::new, |(_, stable)| spelled(stable.rule));
    let mut tables: Vec<_> = table(context, "stable_step", "courses", "stable_step").into_iter().collect();
    tables.extend(table(context, "stable_step", "by_step", "stable_step_counts"));
    Figure {
        name: "stable_step",
        title: "When networks make up their mind".into(),
        caption: format!(
            "The stable step tₛ is the first step of the final unbroken run of an image's last answer{rule}. Top: \
             how the classification of {} goes. Below: images by stable step. Intervals in the hints: {}",
            images(context),
            intervals(context),
        ),
        source: "Rule and four-way taxonomy as in the notebook of Thorat et al. 2023.",
        notes: notes(lacking),
        key: Course::ALL
            .map(|course| Key { sign: Sign::Box(paint(course)), words: words(course).into() })
            .into(),
        rows: if found.is_empty() {
            vec![vec![Panel::words("", 40.0, "no stable steps were computed")]]
        } else {
            rows
        },
        tables,
    }
}

fn spelled(rule: StableRule) -> String {
    let mut clauses = Vec::new();
    if rule.minimum_run == MinimumRun::Two {
        clauses.push("at least two steps long");
    }
    if rule.first_occurrence == FirstOccurrence::Required {
        clauses.push("not given earlier");
    }
    if clauses.is_empty() { String::new() } else { format!(" ({})", clauses.join(", ")) }
}

fn words(course: Course) -> &'static str {
    match course {
        Course::StableCorrect => "stably correct",
        Course::StableIncorrect => "stably incorrect",
        Course::UnstableCorrect => "unstable, correct at some step",
        Course::UnstableIncorrect => "unstable, never correct",
    }
}

/// Correct is blue, incorrect vermillion; stable is full, unstable pale with an outline.
fn paint(course: Course) -> Paint {
    match course {
        Course::StableCorrect => Paint::fill(BLUE, 0.85),
        Course::StableIncorrect => Paint::fill(VERMILLION, 0.85),
        Course::UnstableCorrect => Paint::fill(BLUE, 0.18).with_line(BLUE, 1.2),
        Course::UnstableIncorrect => Paint::fill(VERMILLION, 0.18).with_line(VERMILLION, 1.2),
    }
}

/// One bar per network, divided into the four ways.
fn courses(found: &[(&str, &StableStep)]) -> Scene {
    const ROW: f64 = 30.0;
    let name_style = Style::new(12.0, Ink::Text);
    let widest = found.iter().map(|(name, _)| font::width(name, 12.0, Weight::Regular)).fold(0.0, f64::max);
    let left = (widest + 16.0).min(260.0);
    let mut scene = Scene::new(WIDTH, ROW * found.len() as f64 + 6.0);
    for (index, (name, stable)) in found.iter().enumerate() {
        let y = ROW * index as f64 + 4.0;
        scene.text(
            [left - 10.0, y + 15.0],
            font::fitted(name, 12.0, 244.0),
            name_style.anchored(Anchor::End),
        );
        let total: usize = stable.courses.iter().map(|course| course.count).sum();
        let mut x = left;
        for course in &stable.courses {
            let width = (WIDTH - left - 8.0) * course.count as f64 / total.max(1) as f64;
            let share = course.share.map_or_else(String::new, |share| {
                let interval = share.interval();
                format!("\nshare {}", spoken(share.value, interval))
            });
            let tip = format!(
                "{name}: {}\n{} of {} images{share}",
                words(course.course),
                count(course.count),
                count(total)
            );
            scene.group(Tags::tip(tip), |scene| {
                scene.rectangle([x, y], [width.max(0.0), ROW - 8.0], paint(course.course));
            });
            let full = matches!(course.course, Course::StableCorrect | Course::StableIncorrect);
            let label = percent(course.count as f64 / total.max(1) as f64);
            if font::width(&label, 11.0, Weight::Regular) + 8.0 < width {
                let ink = if full { Ink::Ground } else { Ink::Text };
                scene.text(
                    [x + width / 2.0, y + 15.0],
                    label,
                    Style::new(11.0, ink).anchored(Anchor::Middle),
                );
            }
            x += width;
        }
    }
    scene
}

fn steps(stable: &StableStep) -> Plot {
    let names = (0..stable.correct_by_step.len()).map(|step| step.to_string()).collect();
    let x = Axis { label: "stable step tₛ".into(), ticks: Ticks::Names(names), include: Vec::new() };
    let mut plot = Plot::new(x, Axis::new("images", "").including(0.0));
    for (offset, counts, course) in [
        (-0.2, &stable.correct_by_step, Course::StableCorrect),
        (0.2, &stable.incorrect_by_step, Course::StableIncorrect),
    ] {
        for (step, &n) in counts.iter().enumerate().filter(|&(_, &n)| n > 0) {
            plot.marks.push(Mark::Bar(Bar {
                x: step as f64 + offset,
                width: 0.38,
                from: 0.0,
                to: n as f64,
                paint: paint(course),
                tip: format!("{}, tₛ={step}\nn = {}", words(course), count(n)),
            }));
        }
    }
    if let Some(mean) = stable.mean_step {
        plot.upright(mean.value, &format!("mean {}", crate::number::significant(mean.value, 3)));
    }
    plot
}
