//! Speed of convolutions by shape: what the choice of kernels rests on.
//!
//! `cargo run --release -p redyn-engine --example conv_speed -- [batch] [small|large]`
//!
//! Prints, for each shape and kind of kernel, billions of multiplications and additions
//! of the definition per second (so that a method that needs fewer shows more), in the best
//! of several rounds, as neighbours on the machine only ever take away: forward, gradient of the input, gradient of the weight.

use std::time::Instant;

use redyn_engine::cpu::{Gradient, Value, Weight};
use redyn_engine::{Bias, Conv, ConvTranspose, Cpu, Engine, Kernels, Op, Saved, Shape};

const ROUNDS: usize = 12;
const KERNELS: [Kernels; 3] = [Kernels::Direct, Kernels::Accurate, Kernels::Fast];

/// One engine with everything it needs to run an operation.
struct Bench<'a> {
    cpu: Cpu,
    op: &'a Op,
    input: Shape,
    batch: usize,
    weight: Weight,
    x: Value,
    dy: Vec<f32>,
    sum: Gradient,
}

impl<'a> Bench<'a> {
    fn new(kernels: Kernels, op: &'a Op, input: Shape, batch: usize) -> Self {
        let wave = |n: usize| -> Vec<f32> { (0..n).map(|index| (index as f32 * 0.37).sin()).collect() };
        let cpu = Cpu::with(kernels);
        let shape = &op.weights(input)[0];
        let weight = cpu.weight(shape, &wave(shape.iter().product()));
        let x = cpu.value(input, batch, &wave(input.len() * batch));
        let output = op.output(&[input]).expect("a shape that fits");
        let sum = cpu.gradient(&weight);
        Self { cpu, op, input, batch, weight, x, dy: wave(output.len() * batch), sum }
    }

    /// Seconds for forward, gradient of the input, gradient of the weight.
    fn round(&mut self) -> [f64; 3] {
        let output = self.op.output(&[self.input]).expect("a shape that fits");
        [0, 1, 2].map(|direction| {
            let dy = self.cpu.value(output, self.batch, &self.dy);
            let saved = Saved {
                inputs: vec![Some(&self.x)],
                output: None,
                shapes: vec![self.input],
                batches: vec![self.batch],
            };
            let weights = [&self.weight];
            let start = Instant::now();
            match direction {
                0 => drop(self.cpu.forward(self.op, &weights, &[&self.x])),
                1 => drop(self.cpu.backward(self.op, &weights, &saved, dy, &[true], &mut [])),
                _ => drop(self.cpu.backward(self.op, &weights, &saved, dy, &[false], &mut [&mut self.sum])),
            }
            start.elapsed().as_secs_f64()
        })
    }
}

/// Best times of every kind of kernels, taken in turn so that all meet the same neighbours.
fn measure(op: &Op, input: Shape, batch: usize) -> [[f64; 3]; 3] {
    let mut benches = KERNELS.map(|kernels| Bench::new(kernels, op, input, batch));
    let mut best = [[f64::INFINITY; 3]; 3];
    let rough: f64 = benches.iter_mut().map(|bench| bench.round().iter().sum::<f64>()).sum();
    let rounds = ROUNDS.max((0.1 / rough) as usize);
    for _ in 0..rounds {
        for (bench, best) in benches.iter_mut().zip(&mut best) {
            best.iter_mut().zip(bench.round()).for_each(|(best, seconds)| *best = best.min(seconds));
        }
    }
    best
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let batch = arguments.first().and_then(|batch| batch.parse().ok()).unwrap_or(16);
    let which = arguments.get(1).map(String::as_str);
    let conv = |channels, kernel| Op::Conv(Conv::same(channels, kernel, Bias::Absent));
    let transposed = |channels, kernel| {
        Op::ConvTranspose(ConvTranspose { channels, kernel, stride: 2, bias: Bias::Absent })
    };
    let large = [
        (conv(32, 3), Shape::map(64, 64, 3)),
        (conv(64, 3), Shape::map(64, 64, 32)),
        (conv(128, 3), Shape::map(32, 32, 64)),
        (conv(128, 3), Shape::map(32, 32, 128)),
        (conv(256, 3), Shape::map(16, 16, 128)),
        (conv(256, 3), Shape::map(16, 16, 256)),
        (conv(512, 3), Shape::map(8, 8, 256)),
        (conv(512, 3), Shape::map(8, 8, 512)),
        (transposed(128, 3), Shape::map(16, 16, 256)),
        (transposed(256, 3), Shape::map(8, 8, 512)),
        (conv(128, 5), Shape::map(64, 64, 128)),
        (transposed(128, 5), Shape::map(32, 32, 256)),
        (conv(96, 7), Shape::map(128, 128, 96)),
    ];
    let small = [
        (conv(8, 3), Shape::map(32, 32, 3)),
        (conv(8, 3), Shape::map(32, 32, 8)),
        (conv(16, 3), Shape::map(32, 32, 8)),
        (conv(16, 3), Shape::map(16, 16, 16)),
        (conv(32, 3), Shape::map(16, 16, 16)),
        (conv(32, 3), Shape::map(8, 8, 32)),
        (conv(64, 3), Shape::map(8, 8, 32)),
        (conv(64, 3), Shape::map(8, 8, 64)),
        (conv(64, 3), Shape::map(4, 4, 64)),
        (transposed(16, 3), Shape::map(8, 8, 32)),
        (transposed(32, 3), Shape::map(4, 4, 64)),
    ];
    let cases = large.iter().filter(|_| which != Some("small"));
    let cases = cases.chain(small.iter().filter(|_| which != Some("large")));
    println!(
        "batch {batch}, {} threads; GFLOP/s forward / input gradient / weight gradient",
        rayon::current_num_threads()
    );
    for (op, input) in cases {
        let output = op.output(&[*input]).expect("a shape that fits");
        print!("{:>15} {input:>9} -> {output:<9}", op.name());
        let operations = 2.0 * op.multiply_accumulates(*input, output) as f64 * batch as f64;
        for (kernels, seconds) in KERNELS.iter().zip(measure(op, *input, batch)) {
            let [forward, input, weight] = seconds.map(|seconds| operations / seconds / 1e9);
            print!("   {kernels:?} {forward:>5.0} {input:>5.0} {weight:>5.0}");
        }
        println!();
    }
}
