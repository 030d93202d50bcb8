//! The feed-forward controls without a golden case against torchvision itself, on closed-form
//! weights. `REDYN_TORCH` names a Python with torchvision (default `python3`); without one the
//! test says so and passes.

mod closed_form;
mod goldens;

use std::path::Path;
use std::process::Command;

use closed_form::Input;
use goldens::{assert_close, largest};
use redyn_engine::{Cpu, Engine, Kernels};
use redyn_network::{Plan, Request, Session};

/// Logits, relative to the largest: those of `networks.rs` without normalisation.
const LOGITS: f64 = 2e-5;

/// Network, its spec here, side of the image, gain of kernels and matrices. VGG-16 a quarter as wide:
/// its matrices are most of what takes time.
const CASES: [(&str, &str, usize, f64); 4] = [
    ("resnet18", "resnet18:image_size=40", 40, 1.0),
    ("resnet50", "resnet50:image_size=40", 40, 1.0),
    ("resnet101", "resnet101:image_size=40", 40, 1.0),
    ("vgg16", "vgg16:width=0.25,image_size=40", 40, 1.5),
];

const SCRIPT: &str = "
import sys
sys.path.insert(0, sys.argv[1])
import closed_form, numpy, torch, torchvision
from torchvision.models import vgg
def network(name):
    if name != 'vgg16':
        return getattr(torchvision.models, name)(weights=None)
    layers = [layer if layer == 'M' else layer // 4 for layer in vgg.cfgs['D']]
    model = vgg.VGG(vgg.make_layers(layers), init_weights=False)
    for place, sizes in [(0, (49 * 128, 1024)), (3, (1024, 1024)), (6, (1024, 1000))]:
        model.classifier[place] = torch.nn.Linear(*sizes)
    return model
for name, side, gain in zip(*[iter(sys.argv[3:])] * 3):
    # Whatever is drawn at random is replaced, all of it.
    model = network(name).eval()
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    weights = closed_form.state_dict(shapes, float(gain))
    weights = {key: torch.from_numpy(numpy.asarray(value)) for key, value in weights.items()}
    model.load_state_dict(weights)
    images = closed_form.normalise(closed_form.images(1, 3, int(side), int(side), 8),
                                   closed_form.IMAGENET_MEAN, closed_form.IMAGENET_STD)
    with torch.no_grad():
        logits = model(torch.from_numpy(images))
    logits.numpy().astype('<f4').tofile(f'{sys.argv[2]}/{name}')
";

#[test]
fn resnets_and_vgg_are_torchvisions() {
    let interpreter = std::env::var("REDYN_TORCH").unwrap_or_else(|_| "python3".into());
    let there = Command::new(&interpreter).args(["-c", "import numpy, torchvision"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {interpreter} has no numpy and torchvision");
        return;
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let folder = tempfile::tempdir().unwrap();
    let engine = Cpu::with(Kernels::Accurate);
    let arguments =
        CASES.iter().flat_map(|&(name, _, side, gain)| [name.to_owned(), side.to_string(), gain.to_string()]);
    let output = Command::new(&interpreter)
        .args(["-B", "-c", SCRIPT])
        .args([golden.as_path(), folder.path()])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (name, spec, side, gain) in CASES {
        let bytes = std::fs::read(folder.path().join(name)).unwrap();
        let theirs: Vec<f64> =
            bytes.as_chunks().0.iter().map(|&bytes| f64::from(f32::from_le_bytes(bytes))).collect();
        let network = redyn_zoo::build(spec).unwrap();
        let weights = closed_form::weights(&network.graph, gain);
        let plan = Plan::new(&network.graph, &Request::readout(1)).unwrap();
        let session = Session::new(&engine, &network.graph, plan, &weights).unwrap();
        session.run(&closed_form::images(1, side, 8, Input::ImageNet), |emission| {
            let mut logits = vec![0.0; emission.shape.len()];
            engine.read(emission.value, &mut logits);
            let ours: Vec<f64> = logits.iter().map(|&value| f64::from(value)).collect();
            assert_close(name, &ours, &theirs, LOGITS * largest(&theirs));
        });
        println!("ran {name}");
    }
}
