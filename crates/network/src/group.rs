//! Which values of a plan an engine computes together.

use redyn_engine::{Activation, Interaction, Op};

use crate::plan::Plan;
use crate::unroll::{Key, Value, ValueId};

/// Values computed together, at the place of the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// One value.
    One(ValueId),
    /// What follows the convolutions of an area.
    Stage(Stage),
}

/// A layer norm with what precedes and follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    /// The combined drives, if nobody else reads them.
    pub(crate) combined: Option<(ValueId, Interaction)>,
    pub(crate) normalised: ValueId,
    pub(crate) activation: Activation,
    /// The pooled map and the side of the windows.
    pub(crate) pooled: Option<(ValueId, usize)>,
}

impl Group {
    /// The values, in their order.
    pub(crate) fn values(&self) -> impl Iterator<Item = ValueId> + use<> {
        let values = match *self {
            Self::One(value) => [Some(value), None, None],
            Self::Stage(stage) => [
                stage.combined.map(|(value, _)| value),
                Some(stage.normalised),
                stage.pooled.map(|(value, _)| value),
            ],
        };
        values.into_iter().flatten()
    }

    /// The values that are there afterwards; combined drives are only if they are kept on purpose.
    pub(crate) fn results(&self) -> impl Iterator<Item = ValueId> + use<> {
        let combined = match self {
            Self::Stage(Stage { combined: Some((value, _)), .. }) => Some(*value),
            _ => None,
        };
        self.values().filter(move |&value| Some(value) != combined)
    }
}

fn op(value: &Value) -> Option<Op> {
    value.op().map(|(op, _)| *op)
}

/// Every value in one group, in an order in which inputs come before their readers.
///
/// What becomes of an image alone is grouped; what is the same for all images is computed
/// once and can take its time.
pub(crate) fn groups(plan: &Plan) -> Vec<Group> {
    let values = &plan.values;
    let mut readers: Vec<Vec<ValueId>> = vec![Vec::new(); values.len()];
    for (id, value) in values.iter().enumerate() {
        for &input in value.inputs() {
            readers[input].push(id);
        }
    }
    let mut taken = vec![false; values.len()];
    let mut stages = vec![None; values.len()];
    for (id, value) in values.iter().enumerate().filter(|(_, value)| value.per_image) {
        let Some(Op::LayerNorm(activation)) = op(value) else { continue };
        let input = value.inputs()[0];
        let alone = readers[input] == [id] && plan.outputs.iter().all(|output| output.value != input);
        let combined = match op(&values[input]) {
            Some(Op::Combine(how)) if alone => Some((input, how)),
            _ => None,
        };
        let pooled = readers[id].iter().find_map(|&reader| match values[reader].key {
            Key::Apply { op: Op::MaxPool(windows), .. } => windows.tile().map(|size| (reader, size)),
            _ => None,
        });
        let stage = Stage { combined, normalised: id, activation, pooled };
        let group = Group::Stage(stage);
        group.values().for_each(|value| taken[value] = true);
        let first = group.values().next().expect("a stage has values");
        stages[first] = Some(group);
    }
    (0..values.len()).filter_map(|id| stages[id].or_else(|| (!taken[id]).then_some(Group::One(id)))).collect()
}

#[cfg(test)]
mod tests {
    use redyn_engine::{Bias, Cpu, Engine, Interaction, Shape};

    use crate::{Init, Plan, Request, Session, Sketch, Weights};

    #[test]
    fn a_map_that_is_read_beside_its_pool_is_kept_until_then() {
        let sketch = Sketch::new(Shape::map(8, 8, 3), |_, _, _| Init::default_of(9));
        let map = sketch.image().conv("conv", 4, 3, Bias::Absent).layer_norm("norm");
        // Read before the pool in the order of the plan, after it in the order of the groups.
        let beside = map.average_pool().linear("beside", 5, Bias::Absent);
        let pooled = map.max_pool().average_pool().linear("pooled", 5, Bias::Absent);
        sketch.tap("readout", beside.combine(Interaction::Additive, &[Some(pooled)]));
        let graph = sketch.finish().unwrap();
        let (cpu, weights) = (Cpu::default(), Weights::initial(&graph, 1));
        let images: Vec<f32> = (0..2 * 8 * 8 * 3).map(|index| (index as f32 * 0.7).sin()).collect();
        let request = Request::readout(2);
        let bits = [Plan::new(&graph, &request), Plan::published(&graph, &request)].map(|plan| {
            let mut bits = Vec::new();
            Session::new(&cpu, &graph, plan.unwrap(), &weights).unwrap().run(&images, |emission| {
                let mut values = vec![0.0; 2 * emission.shape.len()];
                cpu.read(emission.value, &mut values);
                bits.extend(values.into_iter().map(f32::to_bits));
            });
            bits
        });
        assert_eq!(bits[0], bits[1]);
        assert_eq!(bits[0].len(), 2 * 2 * 5);
    }
}
