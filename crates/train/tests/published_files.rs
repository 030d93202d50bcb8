//! BLT networks from files in the authors' layout, written by PyTorch with the closed-form
//! weights: what such a file gives is what the weights give, to the bit. `REDYN_TORCH` names
//! a Python with PyTorch (default `python3`); without one the test says so and passes.

mod closed_form;

use std::path::Path;
use std::process::Command;

use redyn_engine::{Cpu, Engine};
use redyn_network::{Plan, Request, Session, Weights};
use redyn_zoo::{Fit, Missing, Network, Unexpected, build};

/// Golden cases by the names of their published files, with the network each name and its keys tell.
const FILES: [(&str, &str, &str); 4] = [
    ("blt64_LA", "b64_l_1_t_0_ltinteract_additive_T_10_ltposition_all_num_1", "blt64"),
    (
        "blt64_TM",
        "b64_l_0_t_1_ltinteract_multiplicative_T_10_ltposition_all_num_1_epoch_29",
        "blt64:lateral=0,top_down=1,interaction=multiplicative",
    ),
    ("blt64_LT_A", "b64_l_1_t_1_ltinteract_additive_T_10_ltposition_all_num_2_epoch_-1", "blt64:top_down=1"),
    // No recurrence, so its interaction is of no consequence; the name says what the flag was.
    (
        "blt64_BNet",
        "b64_l_0_t_0_ltinteract_None_T_1_ltposition_None_num_1",
        "blt64:lateral=0,interaction=multiplicative",
    ),
];

const SCRIPT: &str = "
import json, sys
from collections import OrderedDict
sys.path.insert(0, sys.argv[1])
import closed_form, torch
for case, name in zip(sys.argv[3::2], sys.argv[4::2]):
    tensors = json.load(open(f'{sys.argv[1]}/{case}.param_shapes.json'))['tensors']
    weights = OrderedDict()
    for tensor in tensors:
        values = closed_form.tensor(tensor['name'], tensor['shape'], tensor['kind'])
        weights[tensor['name']] = torch.from_numpy(values)
    torch.save(weights, f'{sys.argv[2]}/{name}.pth', _use_new_zipfile_serialization=case.endswith('A'))
";

/// Logits and representations of one image at every step.
fn run(network: &Network, weights: &Weights, steps: usize) -> Vec<f32> {
    let engine = Cpu::default();
    let plan = Plan::new(&network.graph, &Request::taps(steps, ["readout", "gap"])).unwrap();
    let session = Session::new(&engine, &network.graph, plan, weights).unwrap();
    let mut all = Vec::new();
    session.run(&closed_form::images(1, 64, 8, closed_form::Input::Blt), |emission| {
        let mut values = vec![0.0; emission.shape.len()];
        engine.read(emission.value, &mut values);
        all.append(&mut values);
    });
    all
}

#[test]
fn files_in_the_authors_layout_give_the_bits_of_the_weights_in_them() {
    let interpreter = std::env::var("REDYN_TORCH").unwrap_or_else(|_| "python3".into());
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let folder = tempfile::tempdir().unwrap();
    let there = Command::new(&interpreter).args(["-c", "import numpy, torch"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {interpreter} has no numpy and torch");
        return;
    }
    let output = Command::new(&interpreter)
        .args(["-B", "-c", SCRIPT])
        .args([&golden, folder.path()])
        .args(FILES.iter().flat_map(|(case, name, _)| [case, name]))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (_, name, spec) in FILES {
        let fit = Fit::of(&folder.path().join(format!("{name}.pth")), None).unwrap();
        assert_eq!(fit.network.spec, build(spec).unwrap().spec, "{name}");
        let weights = fit.load(Missing::Refuse, Unexpected::Refuse).unwrap();
        let direct = closed_form::weights(&fit.network.graph, 1.0);
        assert!(weights == direct, "{name}");
        let steps = fit.network.card.steps.min(3);
        let (ours, theirs) = (run(&fit.network, &weights, steps), run(&fit.network, &direct, steps));
        assert_eq!(ours.len(), steps * (512 + 100));
        assert!(ours.iter().zip(&theirs).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}");
    }
}
