//! What must hold of every analysis of the registry, and of every degenerate input.

use ndarray::{Array2, Array3};
use redyn_core::{Diagnose, Fault, Readout, Stop, TrajectorySource};

use crate::fixture::{Fixture, quick};
use crate::rows::{Plan, Quantities, Rows};
use crate::{
    ANALYSES, Against, Case, Cell, Entry, Error, Finding, NetworkResults, NowCorrect, Options, Paper,
    Request, Results, Selection, Subject, Table, Verdict, analyse, judge,
};

fn run(fixture: &Fixture, options: &Options) -> Result<NetworkResults, Error> {
    run_some(fixture, Selection::All, options)
}

fn run_some(fixture: &Fixture, analyses: Selection, options: &Options) -> Result<NetworkResults, Error> {
    let twin = fixture.twin();
    let control = fixture.control();
    let jacobians = fixture.jacobians(1);
    let (lesioned, properties) = (fixture.lesioned(), fixture.properties());
    let lesions: [(String, &dyn TrajectorySource); 1] = [("a.lateral@2..".into(), &lesioned)];
    let subjects = [Subject {
        trajectories: fixture,
        untrained: Some(&twin),
        controls: &[&control],
        jacobians: Some(&jacobians),
        lesions: &lesions,
        properties: Some(&properties),
        known: None,
    }];
    let stop = Stop::default();
    let request = Request { subjects: &subjects, analyses, options, stop: &stop };
    analyse(&request).map(|mut results| results.networks.remove(0))
}

#[test]
fn blocks_and_threads_never_change_a_bit() {
    let fixture = Fixture::random(90, 5);
    let reference = run(&fixture, &quick()).unwrap();
    assert_eq!(reference.findings.len(), ANALYSES.len());
    let held = ANALYSES.iter().map(|entry| (entry.holds)(fixture.description(), &quick()));
    let enough = held.max().unwrap();
    for (threads, memory) in [(1, 1), (3, 1), (2, enough), (4, 1 << 30)] {
        let options = Options { memory, ..quick() };
        let fits = |entry: &&Entry| (entry.holds)(fixture.description(), &options) <= memory;
        let names: Vec<&str> = ANALYSES.iter().filter(fits).map(|entry| entry.name).collect();
        assert!(names.len() == ANALYSES.len() || memory == 1);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| run_some(&fixture, Selection::Named(&names), &options)).unwrap();
        let sought = reference.findings.iter().filter(|finding| names.contains(&finding.name()));
        let bits = |finding: &Finding| serde_json::to_string(finding).unwrap();
        let same = found.findings.iter().map(bits).eq(sought.map(bits));
        assert!(same, "{threads} threads, {memory} bytes");
    }
}

#[test]
fn parts_read_elsewhere_merge_to_the_same_rows() {
    let fixture = Fixture::random(31, 4);
    let stop = Stop::default();
    let plan = Plan { quantities: Quantities::All, memory: 5000, stop: &stop };
    let read = |images| Rows::read(&fixture, images, &plan).unwrap();
    let whole = read(0..31);
    assert_eq!(Rows::merge([read(0..7), read(7..8), read(8..31)]).unwrap(), Some(whole.clone()));
    let travelled: Rows = serde_json::from_str(&serde_json::to_string(&whole).unwrap()).unwrap();
    assert_eq!(travelled, whole);
    let error = Rows::merge([read(0..7), read(8..31)]).unwrap_err();
    assert_eq!(error.to_string(), "partial rows do not join: a part begins at image 8, expected image 7");
}

/// Rows of a table without what is drawn at random, indices of images translated, sorted.
fn essence(table: &Table, image: impl Fn(usize) -> usize) -> Vec<(String, Vec<f64>)> {
    // Halves are made by the order of images.
    let drawn = ["low", "high", "p", "reliability"];
    let mut rows: Vec<(String, Vec<f64>)> = table
        .rows
        .iter()
        .map(|row| {
            let (mut key, mut numbers) = (Vec::new(), Vec::new());
            for (cell, column) in row.iter().zip(&table.columns) {
                match cell {
                    _ if drawn.contains(&column.name.as_str()) => {}
                    Cell::Integer(index) if column.name == "image" => {
                        key.push(format!("{:06}", image(usize::try_from(*index).unwrap())));
                    }
                    Cell::Missing => key.push("-".to_owned()),
                    Cell::Integer(value) => key.push(format!("{value:06}")),
                    Cell::Text(value) => key.push(value.clone()),
                    Cell::Number(value) => numbers.push(*value),
                }
            }
            (key.join("|"), numbers)
        })
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

#[test]
fn the_order_of_images_does_not_matter() {
    let fixture = Fixture::random(90, 5);
    let order: Vec<usize> = (0..90).map(|image| image * 37 % 90).collect();
    let mut shuffled = fixture.clone();
    for (at, &image) in order.iter().enumerate() {
        shuffled.labels[at] = fixture.labels[image];
        let axis = ndarray::Axis(0);
        let from = fixture.representations.index_axis(axis, image);
        shuffled.representations.index_axis_mut(axis, at).assign(&from);
        shuffled.logits.index_axis_mut(axis, at).assign(&fixture.logits.index_axis(axis, image));
    }
    let mut options = quick();
    options.plane.n_images = 90;
    let (found, expected) = (run(&shuffled, &options).unwrap(), run(&fixture, &options).unwrap());
    for (found, expected) in found.findings.iter().zip(&expected.findings) {
        // Principal axes are found to 1e-10 of the spread, other numbers to the order of sums.
        let tolerance = if found.name() == "projection" { 1e-8 } else { 1e-12 };
        for (found_table, expected_table) in found.tables().iter().zip(expected.tables()) {
            let (found_rows, expected_rows) =
                (essence(found_table, |at| order[at]), essence(&expected_table, |at| at));
            assert_eq!(found_rows.len(), expected_rows.len());
            for ((key, numbers), (expected_key, expected)) in found_rows.iter().zip(&expected_rows) {
                assert_eq!(key, expected_key, "{}", found.name());
                for (a, b) in numbers.iter().zip(expected) {
                    assert!((a - b).abs() <= tolerance * (1.0 + a.abs()), "{}: {key} {a} {b}", found.name());
                }
            }
        }
    }
}

#[test]
fn every_result_has_documented_tables_and_survives_json() {
    let found = run(&Fixture::random(60, 4), &quick()).unwrap();
    for finding in &found.findings {
        for table in finding.tables() {
            assert!(table.columns.iter().all(|column| !column.description.is_empty()), "{}", table.name);
            assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{}", table.name);
            assert!(!table.to_csv().contains("NaN"), "{}", table.name);
        }
    }
    let results = Results { options: quick(), networks: vec![found], between: None };
    let text = serde_json::to_string(&results).unwrap();
    assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
}

/// Inputs with nothing to compare: every analysis answers, none invents a number.
#[test]
fn degenerate_inputs_give_no_estimate_instead_of_a_panic() {
    let weight = Array2::from_shape_fn((3, 4), |(k, u)| if k == u { 1.0 } else { 0.1 });
    let readout = |bias: Option<f32>| {
        let bias = bias.map(|value| ndarray::Array1::from_elem(3, value));
        Some(Readout { weight: weight.clone(), bias })
    };
    let constant = |n: usize, steps: usize| Array3::from_elem((n, steps, 4), 0.5_f32);
    let one_way = Array3::from_shape_fn((12, 3, 4), |(_, t, u)| if u == 1 { 1.0 } else { 0.1 * t as f32 });
    let cases = [
        ("one image", Fixture::new(vec![1], constant(1, 4), readout(None))),
        ("one step", Fixture::new(vec![0, 1, 2], constant(3, 1), readout(None))),
        ("two steps", Fixture::new(vec![0, 1, 2], constant(3, 2), readout(None))),
        ("at the origin", Fixture::new(vec![0, 1], Array3::zeros((2, 3, 4)), readout(None))),
        ("constant logits, bias", Fixture::new(vec![2; 12], Array3::zeros((12, 3, 4)), readout(Some(1.0)))),
        ("one class, always right", Fixture::new(vec![1; 12], one_way.clone(), readout(None))),
        ("never right", Fixture::new(vec![2; 12], one_way, readout(None))),
        ("no readout", Fixture::new(vec![0, 1, 2, 0], constant(4, 3), None)),
    ];
    for (name, fixture) in cases {
        let found = run(&fixture, &quick()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.findings.len() + found.omitted.len(), ANALYSES.len(), "{name}");
        for finding in &found.findings {
            for table in finding.tables() {
                let finite = |cell: &Cell| !matches!(cell, Cell::Number(value) if !value.is_finite());
                assert!(table.rows.iter().flatten().all(finite), "{name}: {} {}", finding.name(), table.name);
            }
        }
        let now_correct = found.get::<NowCorrect>().unwrap();
        assert!(now_correct.norm.average.difference.is_none() && !now_correct.notes.is_empty(), "{name}");
        let subject = Subject::of(&fixture);
        let case = Case {
            network: name.into(),
            subject,
            long: None,
            with_bias: None,
            bias_removed: None,
            random: Vec::new(),
            factors: Vec::new(),
        };
        let judged = |paper| {
            let options = Options { paper, ..quick() };
            judge(std::slice::from_ref(&case), Against::Other, &options, &Stop::default()).unwrap()
        };
        let papers = [Paper::Thorat2023, Paper::Luo2026].map(judged);
        for claim in papers.iter().flat_map(|judged| &judged.networks[0].claims) {
            let interval = claim.effect.and_then(|effect| effect.interval());
            assert_eq!(interval.is_none(), claim.reason.is_some(), "{name}: {claim:?}");
            assert!(interval.is_some() || claim.verdict == Verdict::Undecided, "{name}: {claim:?}");
        }
    }
}

#[test]
fn ties_go_to_the_first_class_as_in_numpy() {
    let mut fixture = Fixture::random(2, 2);
    fixture.logits.fill(0.0);
    fixture.logits[[0, 0, 3]] = 1.0;
    fixture.logits[[0, 0, 5]] = 1.0;
    let stop = Stop::default();
    let plan = Plan { quantities: Quantities::Motion, memory: 1, stop: &stop };
    let rows = Rows::read(&fixture, 0..2, &plan).unwrap();
    assert_eq!((rows.answers(0), rows.answers(1)), (&[3, 0][..], &[0, 0][..]));
}

#[test]
fn data_that_do_not_fit_are_refused_with_their_place() {
    let refused = |change: &dyn Fn(&mut Fixture)| {
        let mut fixture = Fixture::random(8, 3);
        change(&mut fixture);
        let error = run(&fixture, &quick()).unwrap_err();
        (error.to_string(), error.hint().is_some(), error.fault())
    };
    let (message, hint, fault) = refused(&|f| f.representations[[5, 2, 3]] = f32::NAN);
    assert_eq!(message, "`fixture`, image 5, t=2: representation holds a value that is not finite");
    assert!(hint && fault == Fault::User);
    let (message, ..) = refused(&|f| f.logits[[4, 1, 0]] = f32::INFINITY);
    assert_eq!(message, "`fixture`, image 4, t=1: logits holds a value that is not finite");
    let (message, hint, _) = refused(&|f| f.labels[3] = 8);
    assert_eq!(message, "`fixture`, image 3: label 8, but there are 8 classes");
    assert!(hint);
    let (message, ..) = refused(&|f| f.about.n_units = 12);
    assert!(message.contains("readout has shape [8, 11], the data need [8, 12]"), "{message}");
    let (message, _, fault) = refused(&|f| {
        f.about.readout = None;
        f.about.n_units = 12;
    });
    assert!(message.ends_with("shape [8, 3, 11], the description says [8, 3, 12]"), "{message}");
    assert_eq!(fault, Fault::Failure);
    let (message, ..) = refused(&|f| {
        f.about.hierarchy.as_mut().unwrap().groups.pop();
    });
    assert_eq!(message, "`fixture`: the hierarchy places 7 classes, the data have 8");
}

#[test]
fn a_logit_of_minus_infinity_is_the_logarithm_of_zero() {
    let mut fixture = Fixture::random(8, 3);
    let answer = fixture.argmax(2, 1);
    fixture.logits[[2, 1, (answer + 1) % 8]] = f32::NEG_INFINITY;
    assert!(run(&fixture, &quick()).is_ok());
}

#[test]
fn a_readout_that_is_not_the_one_is_noticed() {
    let mut fixture = Fixture::random(40, 3);
    fixture.logits.mapv_inplace(|logit| -logit);
    let found = run(&fixture, &quick()).unwrap();
    let reason = &found.omitted.iter().find(|omitted| omitted.analysis == "boundary").unwrap().reason;
    assert!(reason.contains("readout and logits choose different classes in"), "{reason}");
}

#[test]
fn an_analysis_asked_for_by_name_must_be_possible() {
    let mut fixture = Fixture::random(8, 3);
    fixture.about.readout = None;
    let ask = |name: &str, untrained: Option<&Fixture>, stop: &Stop| {
        let twin = untrained.map(|twin| twin as &dyn redyn_core::TrajectorySource);
        let subjects = [Subject { untrained: twin, ..Subject::of(&fixture) }];
        let names = [name];
        let analyses = Selection::Named(&names);
        analyse(&Request { subjects: &subjects, analyses, options: &quick(), stop })
            .map(|_| ())
            .map_err(|e| e.to_string())
    };
    let stop = Stop::default();
    assert_eq!(ask("accuracy", None, &stop), Ok(()));
    let message = ask("boundary", None, &stop).unwrap_err();
    assert_eq!(message, "`fixture` has no linear readout, which `boundary` reads");
    let longer = Fixture::random(8, 4);
    let message = ask("change", Some(&longer), &stop).unwrap_err();
    assert_eq!(message, "`fixture` cannot be the untrained twin of `fixture`: steps 4, expected 3");
    stop.request();
    assert_eq!(ask("accuracy", None, &stop), Err("stopped before the analyses were done".into()));
}
