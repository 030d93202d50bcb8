//! The study with the authors' files: their HDF5 layout, their `.pth` files under their names,
//! written by h5py and PyTorch themselves, in small. Weights and images are those of the closed
//! form of `tests/golden`: nothing is trained, so the numbers mean nothing, but the way is theirs.
//!
//! `REDYN_TORCH` names a Python with PyTorch, `REDYN_PYTHON` one with h5py; without either the
//! test says so and passes.

use std::process::Command;

use crate::common::Room;

/// Settings of the four networks and the names of their files.
const NETWORKS: [(&str, &str); 5] = [
    ("lateral=1,top_down=0", "b64_l_1_t_0_ltinteract_additive_T_4_ltposition_all_num_1"),
    ("lateral=0,top_down=1", "b64_l_0_t_1_ltinteract_additive_T_4_ltposition_all_num_1"),
    (
        "lateral=1,top_down=0,interaction=multiplicative",
        "b64_l_1_t_0_ltinteract_multiplicative_T_4_ltposition_all_num_1",
    ),
    (
        "lateral=0,top_down=1,interaction=multiplicative",
        "b64_l_0_t_1_ltinteract_multiplicative_T_4_ltposition_all_num_1",
    ),
    ("lateral=0,top_down=0", "b64_l_0_t_0_ltinteract_None_T_1_ltposition_None_num_1"),
];

const WEIGHTS: &str = "
import json, os, sys
sys.path.insert(0, sys.argv[1])
import closed_form, torch
for line in open('networks'):
    name, shapes = line.split(' ', 1)
    shapes = dict((key, tuple(shape)) for key, shape in json.loads(shapes))
    os.makedirs(f'net_params/{name}', exist_ok=True)
    # Before training another gain, so that the files differ.
    for file, gain in [(f'{name}_epoch_-1', 0.5), (f'{name}_epoch_29', 0.7), (name, 1.0)]:
        state = closed_form.state_dict(shapes, gain)
        torch.save({key: torch.from_numpy(value.copy()) for key, value in state.items()}, f'net_params/{name}/{file}.pth')
";

const IMAGES: &str = "
import sys
sys.path.insert(0, sys.argv[1])
import closed_form, h5py, numpy
with h5py.File('miniecoset_16px.h5', 'w') as file:
    for split, n in [('train', 100), ('val', 100), ('test', 100), ('testplus', 300)]:
        images = closed_form.images(n, 3, 16, 16, 4).transpose(0, 2, 3, 1)
        file.create_dataset(f'{split}/data', data=images)
        file.create_dataset(f'{split}/labels', data=numpy.arange(n) % 100)
    file['categories'] = numpy.array([b'class %d' % k for k in range(100)])
    file['train_img_mean_channels'] = numpy.array([127.2, 119.9, 103.3])
    file['train_img_std_channels'] = numpy.array([69.1, 67.2, 71.7])
";

/// Run a script where its modules are; whether they are.
fn python(room: &Room, variable: &str, modules: &str, script: &str) -> bool {
    let interpreter = std::env::var(variable).unwrap_or_else(|_| "python3".into());
    let there = Command::new(&interpreter).args(["-c", &format!("import {modules}")]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {interpreter} has no {modules} ({variable} may name one that has)");
        return false;
    }
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden");
    let output = Command::new(&interpreter)
        .args(["-c", script, golden])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(room.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

#[test]
fn the_authors_files_give_the_published_numbers_beside_ours() {
    let room = Room::new();
    let mut networks = String::new();
    for (settings, name) in NETWORKS {
        let shown = room.fine(&format!("models show blt64:{settings},width=0.0625,image_size=16 --json"));
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        networks.push_str(&format!("{name} {}\n", shown["weights"]));
    }
    room.write("networks", networks);
    if !python(&room, "REDYN_TORCH", "numpy, torch", WEIGHTS)
        || !python(&room, "REDYN_PYTHON", "h5py, numpy", IMAGES)
    {
        return;
    }
    let study = "reproduce thorat2023 --data miniecoset_16px.h5 --weights net_params --out study";
    let printed = room.fine(study);
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].contains("published") && lines[0].contains("tolerance"), "{printed}");
    // 27 numbers of LA, six of each other.
    assert_eq!(lines.len(), 1 + 27 + 3 * 6, "{printed}");
    let accuracy = lines.iter().find(|line| line.contains("highest accuracy")).unwrap();
    assert!(accuracy.contains("0.53344") && accuracy.ends_with("  no"), "{accuracy}");
    // What needs a network with a bias is not there, and says so.
    assert!(lines.iter().any(|line| line.contains("length of the bias") && line.ends_with("  -")));
    let table = String::from_utf8(room.read("study/results/tables/published.csv")).unwrap();
    let numbers: Vec<&str> = table.lines().nth(1).unwrap().split(',').collect();
    let difference: f64 = numbers[6].parse().unwrap();
    let ours: f64 = numbers[5].parse().unwrap();
    assert!((difference - (ours - 0.53344)).abs() < 1e-12, "{numbers:?}");
    let page = String::from_utf8(room.read("study/report/report.html")).unwrap();
    assert!(page.contains("published: MiniEcoset") && page.contains(">difference<"));
    // Trained and untrained are told apart, and the file without an epoch is the last.
    let store = |name: &str| room.fine(&format!("store study/stores/{name}.zarr"));
    assert!(store("LA-1-untrained").contains("epoch -1") && !store("LA-1").contains("epoch 29"));
    // The same images under another name are not the published ones.
    std::fs::rename(room.path("miniecoset_16px.h5"), room.path("other.h5")).unwrap();
    let printed = room.fine("reproduce thorat2023 --data other.h5 --weights net_params --out other");
    assert_eq!(printed, "");
    let page = String::from_utf8(room.read("other/report/report.html")).unwrap();
    assert!(page.contains("published: MiniEcoset") && !page.contains(">difference<"));
}

#[test]
fn a_folder_without_the_studys_weights_is_refused() {
    let room = Room::new();
    room.write("empty/readme.txt", "nothing");
    let hint = room.mistake(
        "reproduce thorat2023 --data builtin:train=64,test=64 --image-size 16 --weights empty",
        "empty holds no weights of a network of the study",
    );
    assert!(hint.contains(".pth"), "{hint}");
}
