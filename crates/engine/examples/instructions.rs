//! One operation again and again, for counting its instructions: see `scripts/instructions`.
//!
//! `instructions CASE KERNELS TIMES`, with a case of [`Case`] and `direct`, `accurate` or `fast`
//! kernels; instructions of more times less those of fewer are those of the operation.

use redyn_engine::{Bias, Conv, ConvTranspose, Cpu, Engine, Kernels, Op, Saved, Shape};

/// One image through an operation.
struct Case {
    op: Op,
    input: Shape,
    /// Whether the gradient of the weight is computed, and not the output.
    gradient: bool,
}

impl Case {
    fn named(name: &str) -> Option<Self> {
        let conv = |kernel| Op::Conv(Conv::same(64, kernel, Bias::Absent));
        let (op, side, gradient) = match name {
            "3x3" => (conv(3), 16, false),
            "5x5" => (conv(5), 8, false),
            "transposed" => (
                Op::ConvTranspose(ConvTranspose { channels: 64, kernel: 3, stride: 2, bias: Bias::Absent }),
                8,
                false,
            ),
            "gradient" => (conv(3), 16, true),
            _ => return None,
        };
        Some(Self { op, input: Shape::map(side, side, 64), gradient })
    }

    fn run(&self, kernels: Kernels, times: usize) {
        let wave = |n: usize| -> Vec<f32> { (0..n).map(|index| (index as f32 * 0.37).sin()).collect() };
        let cpu = Cpu::with(kernels);
        let shape = &self.op.weights(self.input)[0];
        let weight = cpu.weight(shape, &wave(shape.iter().product()));
        let x = cpu.value(self.input, 1, &wave(self.input.len()));
        let output = self.op.output(&[self.input]).expect("a shape that fits");
        let mut sum = cpu.gradient(&weight);
        for _ in 0..times {
            if self.gradient {
                let (inputs, dy) = (vec![Some(&x)], cpu.value(output, 1, &wave(output.len())));
                let saved = Saved { inputs, output: None, shapes: vec![self.input], batches: vec![1] };
                cpu.backward(&self.op, &[&weight], &saved, dy, &[false], &mut [&mut sum]);
            } else {
                std::hint::black_box(cpu.forward(&self.op, &[&weight], &[&x]));
            }
        }
        println!("{}", cpu.path());
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [case, kernels, times] = &arguments[..] else { panic!("instructions CASE KERNELS TIMES") };
    let case = Case::named(case).expect("a case there is");
    let kernels = match kernels.as_str() {
        "direct" => Kernels::Direct,
        "accurate" => Kernels::Accurate,
        "fast" => Kernels::Fast,
        other => panic!("no kernels named `{other}`"),
    };
    let times = times.parse().expect("a number of times");
    // Inside the pool of threads, as the command line works.
    rayon::scope(|_| case.run(kernels, times));
}
