//! The stores as Python's own tools see them. `REDYN_PYTHON` names the interpreter (default
//! `python3`); a test whose modules are not installed says so and passes.

use std::process::Command;

use redyn_core::TrajectorySource;
use redyn_store::{Published, Spatial, Store, Work, export_npz, import, import_npz};

use crate::common::{toy_plan, toy_value, write_toy};

/// Run a script with some arguments; none if a module is missing.
fn python(modules: &[&str], script: &str, arguments: &[&std::path::Path]) -> Option<String> {
    let interpreter = std::env::var("REDYN_PYTHON").unwrap_or_else(|_| "python3".into());
    let imports = format!("import {}", modules.join(", "));
    let there = Command::new(&interpreter).args(["-c", &imports]).output();
    if !there.as_ref().is_ok_and(|output| output.status.success()) {
        let reason = there.map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned(),
        );
        eprintln!("skipped: {interpreter}: {reason}");
        return None;
    }
    // Warnings are errors: a store that opens with complaints does not open as it is.
    let output = Command::new(&interpreter)
        .args(["-W", "error", "-c", &format!("import sys\n{imports}\n{script}")])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The values of the toy store, in f32 as there.
const TOY: &str = r"
def toy(array, image, step, unit):
    place = (array * 7919 + image * 104729 + step * 1299 + unit * 31) % 10007
    return place.astype('f4') / numpy.float32(100) - numpy.float32(50)
";

#[test]
fn zarr_python_opens_a_store_and_reads_the_same_values() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a.zarr");
    write_toy(&root, &toy_plan(7, 3));
    let script = format!(
        r"{TOY}
for consolidated in [None, False, True]:
    g = zarr.open_group(sys.argv[1], mode='r', use_consolidated=consolidated)
    assert g.attrs['format'] == 'redyn.trajectories' and g.attrs['complete'], dict(g.attrs)
    assert g.attrs['classes'] == ['pug', 'mug', 'kite']
    assert g['labels'][:].tolist() == [i % 3 for i in range(7)]
    assert g['image_id'][:].tolist() == [f'photo/ü{{i}}.jpg' for i in range(7)]
    numpy.testing.assert_array_equal(g['taps/it'][:], toy(0, *numpy.indices((7, 3, 4))))
    i, t, u = numpy.indices((7, 2, 12))
    maps = g['taps/v2']
    numpy.testing.assert_array_equal(maps[:].reshape(7, 2, 12), toy(1, i, t + 1, u))
    assert maps.attrs['steps'] == [1, 2] and maps.chunks == (3, 2, 3, 2, 2)
    assert maps.metadata.dimension_names == ('image', 'v2_step', 'v2_channel', 'v2_height', 'v2_width')
    numpy.testing.assert_array_equal(g['logits'][:], toy(2, *numpy.indices((7, 3, 3))))
    assert g['logits'].metadata.dimension_names == ('image', 'step', 'class')
    k, u = numpy.indices((3, 4))
    assert g['readout/weight'][:].tolist() == ((k - u) / 8).tolist()
    assert g['readout/bias'][:].tolist() == [.5, -.5, 0]
    assert sorted(g) == ['image_id', 'labels', 'logits', 'readout', 'taps'], sorted(g)
    assert sorted(g['taps']) == ['it', 'v2']
"
    );
    python(&["numpy", "zarr"], &script, &[&root]);
}

#[test]
fn a_store_that_zarr_python_wrote_reads_as_ours() {
    let folder = tempfile::tempdir().unwrap();
    let (root, theirs) = (folder.path().join("a.zarr"), folder.path().join("b.zarr"));
    write_toy(&root, &toy_plan(7, 3));
    let script = r"
import warnings
# Zarr's own words about text, which has no specification yet.
warnings.simplefilter('ignore')
there = zarr.open_group(sys.argv[1], mode='r')
zarr.create_group(sys.argv[2], attributes=there.attrs.asdict())
for path, member in there.members(max_depth=None):
    if isinstance(member, zarr.Array):
        zarr.from_array(sys.argv[2], data=member, name=path)
zarr.consolidate_metadata(sys.argv[2])
";
    if python(&["zarr"], script, &[&root, &theirs]).is_none() {
        return;
    }
    let (ours, theirs) = (Store::open(&root).unwrap(), Store::open(&theirs).unwrap());
    assert_eq!((theirs.about(), theirs.labels()), (ours.about(), ours.labels()));
    assert_eq!((theirs.image_ids(), theirs.readout()), (ours.image_ids(), ours.readout()));
    for area in ["it", "v2"] {
        let read =
            |store: &Store| store.trajectories(area, Spatial::Flatten).unwrap().read_images(0..7).unwrap();
        assert_eq!(read(&theirs), read(&ours), "{area}");
    }
}

#[test]
fn zarr_python_notices_a_flipped_byte() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a.zarr");
    write_toy(&root, &toy_plan(7, 3));
    let chunk = root.join("taps/it/c.1.0.0");
    let mut bytes = std::fs::read(&chunk).unwrap();
    bytes[5] ^= 1;
    std::fs::write(chunk, bytes).unwrap();
    let script = r"
array = zarr.open_group(sys.argv[1], mode='r')['taps/it']
array[:3]
try:
    array[3]
except ValueError as error:
    assert 'checksum' in str(error), error
else:
    raise SystemExit('read a damaged chunk')
";
    python(&["zarr"], script, &[&root]);
}

#[test]
fn xarray_opens_every_group() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a.zarr");
    write_toy(&root, &toy_plan(7, 3));
    let script = format!(
        r"{TOY}
root = xarray.open_zarr(sys.argv[1])
assert dict(root.sizes) == {{'image': 7, 'step': 3, 'class': 3}}, root
numpy.testing.assert_array_equal(root.logits.isel(step=2).max('class'), toy(2, *numpy.indices((7, 3, 3)))[:, 2].max(1))
taps = xarray.open_zarr(sys.argv[1], group='taps')
assert taps.v2.mean(['v2_height', 'v2_width']).dims == ('image', 'v2_step', 'v2_channel')
assert float(taps.it[6, 2, 3]) == float(toy(0, *numpy.array([6, 2, 3])))
tree = xarray.open_datatree(sys.argv[1], engine='zarr')
assert set(tree.groups) == {{'/', '/taps', '/readout'}}, tree.groups
"
    );
    python(&["numpy", "xarray", "zarr"], &script, &[&root]);
}

/// The toy store's `it`, outputs, labels and readout in the published layout.
const PUBLISHED: &str = r"
step_major = lambda *shape: numpy.moveaxis(numpy.indices(shape), 1, 2)
representations = toy(0, *step_major(7, 3, 4)).astype(float)
z = toy(2, *step_major(7, 3, 3)).astype(float)
p = numpy.exp(z) / numpy.exp(z).sum(-1, keepdims=True)
outputs = numpy.log(p.clip(1e-10, 1))
labels = numpy.arange(7.) % 3
k, u = numpy.indices((3, 4))
weight = ((k - u) / 8).astype('f4')
";

#[test]
fn numpy_reads_an_export_in_the_published_layout() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a.zarr");
    write_toy(&root, &toy_plan(7, 3));
    let store = Store::open(&root).unwrap();
    let npz = folder.path().join("a.npz");
    let it = store.trajectories("it", Spatial::Flatten).unwrap();
    export_npz(&it, &npz, &Work::within(1 << 20)).unwrap();
    let script = format!(
        r"{TOY}{PUBLISHED}
npz = numpy.load(sys.argv[1])
assert sorted(npz) == ['labels_all', 'outputs_all', 'readout_bias', 'readout_weight', 'representations_all']
assert all(npz[key].dtype == 'f8' for key in ['labels_all', 'outputs_all', 'representations_all'])
numpy.testing.assert_array_equal(npz['representations_all'], representations)
numpy.testing.assert_allclose(npz['outputs_all'], outputs, rtol=0, atol=1e-14)
numpy.testing.assert_array_equal(npz['labels_all'], labels)
numpy.testing.assert_array_equal(npz['readout_weight'], weight)
assert npz['readout_weight'].dtype == npz['readout_bias'].dtype == 'f4'
assert npz['readout_bias'].tolist() == [.5, -.5, 0]
"
    );
    python(&["numpy"], &script, &[&npz]);
}

#[test]
fn what_numpy_saved_is_imported_in_either_order_and_precision() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        r"{TOY}{PUBLISHED}
empty = numpy.zeros(0)
f, F = numpy.float32, numpy.asfortranarray
def save(how, name, representations, outputs):
    how(f'{{sys.argv[1]}}/{{name}}.npz', representations_all=representations, outputs_all=outputs,
        labels_all=labels, readout_weight=weight, readout_bias=empty)
save(numpy.savez, 'plain', representations, outputs)
save(numpy.savez, 'single', representations.astype(f), outputs.astype(f))
save(numpy.savez, 'fortran', F(representations), F(outputs))
save(numpy.savez_compressed, 'packed', representations.astype('>f8'), F(outputs.astype(f)))
"
    );
    if python(&["numpy"], &script, &[folder.path()]).is_none() {
        return;
    }
    for name in ["plain", "single", "fortran", "packed"] {
        // A budget of two images at a time.
        let work = Work::within(2 * (4 * 3 * (4 + 3) + 16 * 3 * 4));
        let out = folder.path().join(format!("{name}.zarr"));
        let npz = folder.path().join(format!("{name}.npz"));
        let store = import_npz(&npz, &out, &Published::default(), &work).unwrap();
        let gap = store.trajectories("gap", Spatial::Flatten).unwrap();
        let block = gap.read_images(0..7).unwrap();
        for ((image, step, unit), &value) in block.representations.indexed_iter() {
            assert_eq!(value, toy_value(0, image, step, unit), "{name}");
        }
        for ((image, step, class), &value) in block.logits.indexed_iter() {
            let z = |class| f64::from(toy_value(2, image, step, class));
            let log = z(class) - (0..3).map(|class| z(class).exp()).sum::<f64>().ln();
            assert!((f64::from(value) - log.max(1e-10_f64.ln())).abs() < 1e-6, "{name}");
        }
        let readout = gap.description().readout.clone().unwrap();
        assert_eq!((readout.weight[[2, 3]], readout.bias), (-0.125, None));
        assert_eq!(block.labels, [0, 1, 2, 0, 1, 2, 0]);
    }
    // One flipped byte in the middle of the numbers.
    let npz = folder.path().join("plain.npz");
    let mut bytes = std::fs::read(&npz).unwrap();
    bytes[700] ^= 1;
    std::fs::write(&npz, bytes).unwrap();
    let work = Work::within(1 << 20);
    let error = import_npz(&npz, &folder.path().join("x.zarr"), &Published::default(), &work).unwrap_err();
    let damaged = "`representations_all`: its checksum does not match: the file is damaged";
    assert!(error.to_string().ends_with(damaged), "{error}");
}

#[test]
fn the_documented_manifest_imports_what_python_wrote() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("manifest.json"), include_str!("../../src/import/manifest.json"))
        .unwrap();
    std::fs::write(folder.path().join("images.txt"), "a\nb\nc\nd\n").unwrap();
    std::fs::write(
        folder.path().join("hierarchy.tsv"),
        "class\tkind\npug\tanimal\nmug\tthing\nkite\tthing\n",
    )
    .unwrap();
    let script = r"
import h5py, safetensors.numpy, os
os.chdir(sys.argv[1])
numpy.save('it.npy', numpy.asfortranarray(numpy.arange(5 * 4 * 6.).reshape(5, 4, 6)))
with h5py.File('v4.h5', 'w') as h5:
    v4 = numpy.arange(4 * 3 * 2 * 3 * 2, dtype='f4').reshape(4, 3, 2, 3, 2)
    h5.create_dataset('rates/v4', data=v4, chunks=(3, 2, 1, 3, 2), compression='gzip', shuffle=True)
tensors = {'logits': numpy.arange(60, dtype='f2').reshape(4, 5, 3),
           'fc.weight': numpy.arange(18, dtype='f4').reshape(3, 6), 'fc.bias': numpy.ones(3, 'f8')}
safetensors.numpy.save_file(tensors, 'out.safetensors')
numpy.save('labels.npy', numpy.array([2, 1, 0, 2], 'u1'))
";
    if python(&["numpy", "h5py", "safetensors"], script, &[folder.path()]).is_none() {
        return;
    }
    // Three images at a time, so that HDF5 chunks and batches do not coincide.
    let per_image = 4 * (5 * 6 + 3 * 12 + 5 * 3) + 16 * 36;
    let out = folder.path().join("out.zarr");
    let store = import(&folder.path().join("manifest.json"), &out, &Work::within(3 * per_image)).unwrap();
    assert_eq!((store.image_ids().join(""), store.labels()), ("abcd".into(), &[2, 1, 0, 2][..]));
    assert_eq!(store.about().hierarchy.as_ref().unwrap().distance(1, 2), 0);
    let it = store.trajectories("it", Spatial::Flatten).unwrap();
    let block = it.read_images(0..4).unwrap();
    for ((image, step, unit), &value) in block.representations.indexed_iter() {
        assert_eq!(value, (step * 24 + image * 6 + unit) as f32);
    }
    assert_eq!(block.logits[[3, 4, 2]], 59.0);
    assert_eq!(it.description().readout.as_ref().unwrap().bias.as_ref().unwrap()[2], 1.0);
    let v4 = store.trajectories("v4", Spatial::Flatten).unwrap();
    let block = v4.read_images(0..4).unwrap();
    assert_eq!(
        (v4.steps(), &v4.description().time.as_ref().unwrap().times[..]),
        (vec![2, 3, 4], &[20.0, 30.0, 40.0][..])
    );
    for ((image, place, unit), &value) in block.representations.indexed_iter() {
        assert_eq!(value, (image * 36 + place * 12 + unit) as f32);
    }
}
