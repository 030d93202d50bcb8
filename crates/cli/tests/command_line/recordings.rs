//! Recordings of brains: analysed in time, and compared with networks.

use std::fs;

use redyn_core::random::Stream;

use crate::common::{Room, npy};

const N_CONDITIONS: usize = 12;
const N_TRIALS: usize = 6;
const N_STEPS: usize = 6;
const N_UNITS: usize = 10;
/// The first step at which conditions differ.
const ONSET: usize = 2;

/// An array of doubles as NumPy writes it.
fn doubles(shape: &[usize], values: &[f64]) -> Vec<u8> {
    let shape: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    npy("<f8", &format!("({shape})"), &bytes)
}

/// Noise before the onset, and a pattern of its own for every condition after it:
/// `[trial, step, unit]`, conditions taking turns.
fn trials() -> Vec<f64> {
    let mut stream = Stream::new(3, &[]);
    let patterns: Vec<f64> = (0..N_CONDITIONS * N_UNITS).map(|_| 5.0 * stream.normal()).collect();
    let mut values = Vec::new();
    for trial in 0..N_CONDITIONS * N_TRIALS {
        for step in 0..N_STEPS {
            for unit in 0..N_UNITS {
                let pattern = patterns[trial % N_CONDITIONS * N_UNITS + unit];
                values.push(20.0 + stream.normal() + if step < ONSET { 0.0 } else { pattern });
            }
        }
    }
    values
}

fn room_with_recording() -> Room {
    let room = Room::new();
    let n = N_CONDITIONS * N_TRIALS;
    fs::write(room.path("it.npy"), doubles(&[n, N_STEPS, N_UNITS], &trials())).unwrap();
    let labels: Vec<f64> = (0..n).map(|trial| (trial % N_CONDITIONS) as f64).collect();
    fs::write(room.path("labels.npy"), doubles(&[n], &labels)).unwrap();
    let manifest = r#"{ "name": "monkey", "network": "a recording",
        "taps": { "it": { "file": "it.npy", "axes": ["image", "step", "unit"] } },
        "labels": { "file": "labels.npy" },
        "time": { "unit": "ms", "times": [-50, 0, 50, 100, 150, 200] } }"#;
    fs::write(room.path("monkey.json"), manifest).unwrap();
    room
}

/// A column of a table, where another column has some value.
fn column(csv: &str, wanted: &str, keys: &[(&str, &str)]) -> Vec<f64> {
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let place = |name: &str| header.iter().position(|&column| column == name).unwrap();
    lines
        .filter(|row| keys.iter().all(|(key, value)| row[place(key)] == *value))
        .map(|row| row[place(wanted)].parse().unwrap())
        .collect()
}

#[test]
fn a_recording_is_decoded_in_time_and_reported_in_milliseconds() {
    let room = room_with_recording();
    room.fine("analyze monkey.json --replicates 40 --out found");
    let table =
        |name: &str| fs::read_to_string(room.path(&format!("found/tables/monkey/{name}.csv"))).unwrap();
    let accuracy = column(&table("accuracy"), "value", &[]);
    assert!(accuracy[..ONSET].iter().all(|&share| share < 0.3), "{accuracy:?}");
    assert!(accuracy[ONSET..N_STEPS].iter().all(|&share| share > 0.95), "{accuracy:?}");
    // Most settle when the patterns come, at 50 ms; some guessed right before.
    let stable = column(&table("stable_classes"), "value", &[("quantity", "stable time")]);
    assert_eq!(stable.len(), N_CONDITIONS);
    assert!(stable.iter().all(|&time| (0.0..=50.0).contains(&time)), "{stable:?}");
    let halves = column(&table("rdm_reliability"), "reliability", &[]);
    assert!(halves[0].abs() < 0.5 && halves[ONSET..].iter().all(|&rho| rho > 0.9), "{halves:?}");
    let same =
        column(&table("rdm_movie"), "value", &[("level", "classes"), ("time", "100"), ("other_time", "150")]);
    assert!(same.len() == 1 && same[0] > 0.9, "{same:?}");
    room.fine("report found --out page");
    let page = fs::read_to_string(room.path("page/report.html")).unwrap();
    assert!(page.contains("time (ms)") && !page.contains(">step t<"));
    let (sentence, hint) = room.refused(2, "import monkey.json --out monkey.zarr");
    assert!(sentence.ends_with("neither `outputs` nor a `readout` to compute them"), "{sentence} {hint}");
}

/// The RDM of a step's mean patterns, correlation distance.
fn rdm(values: &[f64], step: usize) -> Vec<f64> {
    let at = |item: usize, unit: usize| values[(item * N_STEPS + step) * N_UNITS + unit];
    let n = N_CONDITIONS;
    let centred = |item: usize| -> Vec<f64> {
        let mean = (0..N_UNITS).map(|unit| at(item, unit)).sum::<f64>() / N_UNITS as f64;
        let centred: Vec<f64> = (0..N_UNITS).map(|unit| at(item, unit) - mean).collect();
        let length = centred.iter().map(|x| x * x).sum::<f64>().sqrt();
        centred.into_iter().map(|x| x / length).collect()
    };
    let product = |a: usize, b: usize| centred(a).iter().zip(centred(b)).map(|(x, y)| x * y).sum::<f64>();
    (0..n * n).map(|at| if at / n == at % n { 0.0 } else { 1.0 - product(at / n, at % n) }).collect()
}

#[test]
fn a_network_meets_a_brain_at_the_steps_the_brain_goes_through() {
    let room = Room::new();
    // One image per condition: the first trials, with steps that differ by their noise.
    let values = trials()[..N_CONDITIONS * N_STEPS * N_UNITS].to_vec();
    fs::write(room.path("it.npy"), doubles(&[N_CONDITIONS, N_STEPS, N_UNITS], &values)).unwrap();
    fs::write(room.path("labels.npy"), doubles(&[N_CONDITIONS], &[0.0; N_CONDITIONS])).unwrap();
    let manifest = r#"{ "name": "net", "network": "made up",
        "taps": { "it": { "file": "it.npy", "axes": ["image", "step", "unit"] } },
        "labels": { "file": "labels.npy" } }"#;
    fs::write(room.path("net.json"), manifest).unwrap();
    let course = [4, 2, 0];
    let mut stream = Stream::new(8, &[]);
    let mut brain = Vec::new();
    for _subject in 0..3 {
        for step in course {
            let mut square = rdm(&values, step);
            for a in 0..N_CONDITIONS {
                for b in a + 1..N_CONDITIONS {
                    let noise = 0.01 * stream.normal();
                    square[a * N_CONDITIONS + b] += noise;
                    square[b * N_CONDITIONS + a] = square[a * N_CONDITIONS + b];
                }
            }
            brain.extend(square);
        }
    }
    fs::write(room.path("brain.npy"), doubles(&[3, 3, N_CONDITIONS, N_CONDITIONS], &brain)).unwrap();
    fs::write(room.path("times.npy"), doubles(&[3], &[100.0, 200.0, 300.0])).unwrap();
    room.fine(
        "compare net.json --brain brain.npy:subject,time --times times.npy --replicates 50 --out found",
    );
    let table = fs::read_to_string(room.path("found/tables/model_brain.csv")).unwrap();
    for (time, step) in ["100", "200", "300"].into_iter().zip(course) {
        let values = column(&table, "value", &[("time", time)]);
        assert_eq!(values.len(), N_STEPS);
        let best = (0..N_STEPS).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap();
        assert!(best == step && values[best] > 0.95, "{time}: {values:?}");
    }
    let ceilings = fs::read_to_string(room.path("found/tables/noise_ceiling.csv")).unwrap();
    assert!(column(&ceilings, "value", &[("bound", "lower")]).iter().all(|&bound| bound > 0.9));
    let figure = String::from_utf8(room.read("found/figures/model_brain.svg")).unwrap();
    assert!(figure.contains("brain: net it") && figure.contains("noise ceiling"));
    // A comparison has a page of its own, or a place in that of the analyses.
    room.fine("report found --out alone");
    room.fine("analyze net.json --only accuracy --replicates 10 --out results");
    room.fine("report results found");
    for folder in ["alone", "results/report"] {
        let page = String::from_utf8(room.read(&format!("{folder}/report.html"))).unwrap();
        assert!(page.contains("(12 images; brain: 3 subjects)"), "{page}");
        let table = fs::read_to_string(room.path(&format!("{folder}/data/model_brain_noise_ceiling.csv")));
        assert_eq!(table.unwrap(), ceilings);
        assert!(room.exists(&format!("{folder}/figures/model_brain.pdf")));
        assert_eq!(page.contains("id=\"accuracy\""), folder != "alone");
    }
    room.mistake(
        "report found found --out twice",
        "found/comparison.json and found/comparison.json cannot stand on one page",
    );
    let other = doubles(&[3, 9, 9], &[0.5; 243]);
    fs::write(room.path("other.npy"), other).unwrap();
    room.mistake("compare net.json --brain other.npy", "RDMs of 12 items cannot be compared with RDMs of 9");
}
