//! Running averages: what batch norms use after training in place of a batch's own statistics.

use redyn_network::{Graph, Weights};

/// Let every running average follow the statistics of a batch:
/// `average ← average + share · (statistic − average)`.
///
/// The statistics are those of [`batch_gradients`](crate::batch_gradients): each part of a batch
/// normalises by its own, as every device of a training on several does by itself, and the
/// averages follow the mean over parts, weighted by their images.
///
/// # Shapes
/// - `statistics`: one for each parameter of the graph, in its order and shape; those of
///   trained parameters are passed over
pub fn follow(graph: &Graph, weights: &mut Weights, statistics: &[Option<Vec<f32>>]) {
    for (parameter, statistic) in graph.parameters().iter().zip(statistics) {
        let (Some(share), Some(statistic)) = (parameter.averaging, statistic) else { continue };
        let averages = &mut weights.0.get_mut(&parameter.name).expect("checked weights").data;
        for (average, &now) in averages.iter_mut().zip(statistic) {
            *average += share as f32 * (now - *average);
        }
    }
}

#[cfg(test)]
mod tests {
    use redyn_engine::{Cpu, Engine, Shape};
    use redyn_network::{Init, Plan, Request, Session, Sketch};

    use super::*;
    use crate::{Passes, Recipe, batch_gradients};

    fn graph() -> Graph {
        let sketch = Sketch::new(Shape::map(4, 4, 3), Init::of_pytorch);
        let normed = sketch.image().batch_norm("norm", 1e-5);
        sketch.tap("normed", normed);
        sketch.tap("readout", normed.average_pool().linear("fc", 3, redyn_engine::Bias::Absent));
        sketch.finish().unwrap()
    }

    fn images(n: usize) -> Vec<f32> {
        (0..n * 48)
            .map(|index| ((index * index) as f32 * 0.37).sin() * (1 + index % 3) as f32 + 2.0)
            .collect()
    }

    #[test]
    fn averages_come_to_describe_the_images_they_follow() {
        let graph = graph();
        let mut weights = Weights::initial(&graph, 1);
        let images = images(6);
        let cpu = Cpu::new();
        let request = Request::readout(1);
        let recipe = Recipe { steps: 1, part: 6, ..Recipe::default() };
        for _ in 0..200 {
            let session =
                Session::new(&cpu, &graph, Plan::training(&graph, &request).unwrap(), &weights).unwrap();
            let found =
                batch_gradients(&session, &recipe, (&images, &[0, 1, 2, 0, 1, 2]), Passes::unscaled(1));
            follow(&graph, &mut weights, &found.gradients);
        }
        // By its averages the network now standardises these images as a batch.
        let plan = Plan::new(&graph, &Request::taps(1, ["normed"])).unwrap();
        let session = Session::new(&cpu, &graph, plan, &weights).unwrap();
        session.run(&images, |emission| {
            let mut values = vec![0.0; images.len()];
            cpu.read(emission.value, &mut values);
            for channel in 0..3 {
                let set: Vec<f64> = values.iter().skip(channel).step_by(3).map(|&x| f64::from(x)).collect();
                let n = set.len() as f64;
                let mean = set.iter().sum::<f64>() / n;
                let variance = set.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
                assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
            }
        });
    }

    #[test]
    fn parts_count_by_their_images_and_not_by_how_many_run_at_once() {
        let graph = graph();
        let weights = Weights::initial(&graph, 1);
        let images = images(5);
        let labels = [0, 1, 2, 0, 1];
        let cpu = Cpu::new();
        let plan = || Plan::training(&graph, &Request::readout(1)).unwrap();
        let session = Session::new(&cpu, &graph, plan(), &weights).unwrap();
        let statistics = |images: &[f32], labels: &[usize], part: usize, at_once: usize| {
            let recipe = Recipe { steps: 1, part, ..Recipe::default() };
            let found = batch_gradients(&session, &recipe, (images, labels), Passes::unscaled(at_once));
            found.gradients[2].clone().unwrap()
        };
        let together = statistics(&images, &labels, 2, 3);
        assert_eq!(together, statistics(&images, &labels, 2, 1));
        for channel in 0..3 {
            let part = |from: usize, to: usize| {
                f64::from(statistics(&images[from * 48..to * 48], &labels[from..to], 2, 1)[channel])
            };
            let expected = (2.0 * part(0, 2) + 2.0 * part(2, 4) + part(4, 5)) / 5.0;
            assert!((f64::from(together[channel]) - expected).abs() < 1e-6);
        }
    }
}
