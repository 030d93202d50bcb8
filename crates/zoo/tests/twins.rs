//! Networks of which no reference's outputs are at hand, against their equations written plainly.

mod naive;

use naive::{Map, Tensor, lively};
use redyn_engine::{Cpu, Engine, Kernels};
use redyn_network::{Plan, Request, Session, Weights};
use redyn_zoo::{Network, Parity, build};

/// Rounding of f32 through some twenty layers, relative to the largest logit.
const ROUNDING: f64 = 2e-5;

fn image(side: usize) -> Map {
    Map::of(side, 3, |row, column, channel| {
        f64::from((((row * side + column) * 3 + channel) as f32 * 0.37).sin() + (row as f32 * 0.21).cos())
    })
}

/// Logits of the network at every step equal those of a twin.
fn check(network: &Network, weights: &Weights, theirs: &[Map]) {
    let card = &network.card;
    assert_eq!(card.parity, Parity::Unverified, "{}", card.network);
    let cpu = Cpu::with(Kernels::Direct);
    let plan = Plan::new(&network.graph, &Request::readout(theirs.len())).unwrap();
    let image: Vec<f32> = image(card.image_size).values.iter().map(|&value| value as f32).collect();
    let mut compared = 0;
    Session::new(&cpu, &network.graph, plan, weights).unwrap().run(&image, |emission| {
        let mut ours = vec![0.0; card.classes];
        cpu.read(emission.value, &mut ours);
        let theirs = &theirs[emission.step].values;
        let largest = theirs.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        assert!(largest > 0.01, "{}: the twin says something", card.network);
        for (ours, theirs) in ours.iter().zip(theirs) {
            let distance = (f64::from(*ours) - theirs).abs();
            assert!(distance < ROUNDING * largest, "{}: {ours} instead of {theirs}", card.network);
        }
        compared += 1;
    });
    assert_eq!(compared, theirs.len());
}

/// Convolution, batch norm and ReLU, layer by layer; a pool before every stage but the first.
fn controls_logits(weights: &Weights, image: Map, layers: usize, copies: usize) -> Map {
    let weight = |name: String| Tensor::of(weights, &name);
    let mut x = image;
    for layer in 0..layers {
        if layer > 0 && layer % copies == 0 {
            x = x.max_pool(2, 2);
        }
        let kernel = weight(format!("Conv_Layer_{layer}/kernel"));
        x = x.conv(&kernel, None, 1, kernel.shape[2] / 2);
        let [gamma, beta, mean, variance] = ["gamma", "beta", "moving_mean", "moving_variance"]
            .map(|word| weight(format!("BatchNorm_Layer_{layer}/{word}")).values);
        let unit = |x: f64, c: usize| (x - mean[c]) / (variance[c] + 1e-3).sqrt() * gamma[c] + beta[c];
        x = Map::of(x.side, x.channels, |row, column, c| unit(x.at(row, column, c), c)).relu();
    }
    x.mean().conv(&weight("ReadoutDense/kernel".into()), Some(&weight("ReadoutDense/bias".into())), 1, 0)
}

#[test]
fn the_feed_forward_controls_do_what_their_equations_say() {
    for (name, layers, copies) in [("b_k", 7, 1), ("b_f", 7, 1), ("b_d", 14, 2)] {
        let network = build(&format!("{name}:width=0.03,image_size=64,classes=5")).unwrap();
        let weights = lively(&network.graph);
        let theirs = controls_logits(&weights, image(64), layers, copies);
        check(&network, &weights, &[theirs]);
    }
    // What tells each of them from B.
    let kernel = |spec: &str, name: &str| {
        let graph = build(spec).unwrap().graph;
        graph.parameters().iter().find(|p| p.name == format!("{name}/kernel")).unwrap().shape.clone()
    };
    for (layer, side) in [11, 7, 5, 5, 5, 5, 3].into_iter().enumerate() {
        assert_eq!(kernel("b_k", &format!("Conv_Layer_{layer}"))[2..], [side; 2]);
    }
    assert_eq!(kernel("b_f", "Conv_Layer_6")[..2], [4096, 2048]);
    assert_eq!(kernel("b_d", "Conv_Layer_13")[..2], [2048, 2048]);
}

/// Sources of feedback as they are in one pass, by name.
type Sources = Vec<(&'static str, Map)>;

/// One pass of AlexNet in which convolutions receive additive feedback from the pass before.
fn lra3_pass(weights: &Weights, image: &Map, before: Option<&Sources>) -> (Map, Sources) {
    let weight = |name: String| Tensor::of(weights, &name);
    let layer = |x: &Map, name: &str, stride: usize, padding: usize| {
        let [kernel, bias] = ["weight", "bias"].map(|word| weight(format!("backbone.{name}.{word}")));
        let y = x.conv(&kernel, Some(&bias), stride, padding);
        let Some(before) = before else { return y };
        let feedback: Vec<Map> = [
            ("classifier.6", "features.8"),
            ("features.9", "features.0"),
            ("classifier.6", "features.10"),
            ("features.12", "features.3"),
            ("classifier.2", "features.6"),
        ]
        .into_iter()
        .filter(|(_, to)| *to == name)
        .map(|(from, to)| {
            let source = &before.iter().find(|(known, _)| *known == from).unwrap().1;
            let word = |name: &str| name.replace('.', "_");
            let scope = format!("lrm.{0}_modulation.from_{1}_to_{0}", word(to), word(from));
            let part = |part: &str| weight(format!("{scope}.{part}"));
            // Scale and shift lie on the destination's map.
            let [scale, shift] = ["weight", "bias"]
                .map(|word| part(&format!("rescale.norm.{word}")).map().resize(source.side));
            let unit = source.standardise(1e-5).with(&scale, |a, b| a * b).with(&shift, |a, b| a + b);
            let [below, above] = ["neg_scale", "pos_scale"].map(|word| part(word).values[0]);
            let sent = unit.each(f64::tanh).resize(y.side).each(|x| x * if x < 0.0 { below } else { above });
            sent.conv(&part("modulation.weight"), Some(&part("modulation.bias")), 1, 0)
        })
        .collect();
        // A destination has one source; what has none keeps what its convolution gave.
        feedback.iter().fold(y, |y, f| y.with(f, |y, f| (y + f).max(0.0)))
    };
    let x = layer(image, "features.0", 4, 2).relu().max_pool(3, 2);
    let x = layer(&x, "features.3", 1, 2).relu().max_pool(3, 2);
    let x = layer(&x, "features.6", 1, 1).relu();
    let conv4 = layer(&x, "features.8", 1, 1).relu();
    let pooled = layer(&conv4, "features.10", 1, 1).relu().max_pool(3, 2);
    // 6 × 6 means that cover a map of one pixel; then channel by channel.
    assert_eq!(pooled.side, 1);
    let flat = Map::of(1, 36 * pooled.channels, |_, _, place| pooled.values[place / 36]);
    let fc6 = layer(&flat, "classifier.1", 1, 0).relu();
    let fc7 = layer(&fc6, "classifier.4", 1, 0).relu();
    let logits = layer(&fc7, "classifier.6", 1, 0);
    let sources = vec![
        ("features.9", conv4),
        ("features.12", pooled),
        ("classifier.2", fc6),
        ("classifier.6", logits.clone()),
    ];
    (logits, sources)
}

#[test]
fn lra3_does_what_its_equations_say() {
    let network = build("lra3:width=0.03,image_size=64,classes=5").unwrap();
    let weights = lively(&network.graph);
    let image = image(64);
    let mut logits = Vec::new();
    let mut before = None;
    for _ in 0..3 {
        let (now, sources) = lra3_pass(&weights, &image, before.as_ref());
        logits.push(now);
        before = Some(sources);
    }
    let moved = logits[1].with(&logits[0], |a, b| (a - b).abs()).values.into_iter().fold(0.0, f64::max);
    assert!(moved > 0.01, "feedback does something");
    check(&network, &weights, &logits);
}
