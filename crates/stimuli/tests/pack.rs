//! Packed files hold what was packed, and h5py agrees.

use std::fmt::Write as _;
use std::process::Command;

use redyn_core::Stop;
use redyn_stimuli::{DataSet, OpenOptions, StimuliError, contact_sheet, open, pack};

fn set() -> DataSet {
    open("builtin:train=600,test=9", &OpenOptions { image_size: Some(8), ..OpenOptions::default() }).unwrap()
}

#[test]
fn what_is_packed_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("packed.h5");
    let set = set();
    let packed = pack(&set, &path, &Stop::default()).unwrap();
    assert_eq!(packed.bytes, std::fs::metadata(&path).unwrap().len());
    let back = open(path.to_str().unwrap(), &OpenOptions::default()).unwrap();
    assert_eq!((&back.classes, &back.hierarchy), (&set.classes, &set.hierarchy));
    assert_eq!((back.image_size, back.statistics().unwrap()), (8, set.statistics().unwrap()));
    assert_eq!(packed.splits.len(), back.split_names().count());
    for name in set.split_names() {
        let (before, after) = (set.split(name).unwrap(), back.split(name).unwrap());
        assert_eq!(before.labels(), after.labels());
        assert!((0..before.len()).all(|i| before.image(i).unwrap() == after.image(i).unwrap()), "{name}");
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_half_written_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("packed.h5");
    let stop = Stop::default();
    stop.request();
    assert!(matches!(pack(&set(), &path, &stop), Err(StimuliError::Stopped)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(pack(&set(), &path, &Stop::default()), Err(StimuliError::Exists { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn h5py_reads_the_same_arrays() {
    let python = std::env::var("REDYN_PYTHON").unwrap_or_else(|_| "python3".into());
    let has_h5py =
        Command::new(&python).args(["-c", "import h5py"]).output().is_ok_and(|out| out.status.success());
    if !has_h5py {
        eprintln!("skipped: {python} has no h5py");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("packed.h5");
    let set = set();
    pack(&set, &path, &Stop::default()).unwrap();
    let script = "
import sys, h5py
f = h5py.File(sys.argv[1], 'r')
for split in sorted(k for k in f if isinstance(f[k], h5py.Group)):
    data, labels = f[split]['data'], f[split]['labels']
    assert data.chunks is None and data.dtype == 'uint8' and labels.dtype == 'int64'
    weights = sum((i % 251 + 1) * int(v) for i, v in enumerate(data[:].reshape(-1)))
    print(split, *data.shape, weights, int(labels[:].sum()))
print(*(c.decode() for c in f['categories'][:]), sep='|')
print(*(repr(float(v)) for k in ('mean', 'std') for v in f[f'train_img_{k}_channels'][:]))
";
    let out = Command::new(&python).args(["-c", script]).arg(&path).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let mut expected = String::new();
    for name in set.split_names() {
        let split = set.split(name).unwrap();
        let pixels = (0..split.len()).flat_map(|i| split.image(i).unwrap().pixels);
        let weights: usize = pixels.enumerate().map(|(i, value)| (i % 251 + 1) * usize::from(value)).sum();
        let labels: usize = split.labels().iter().sum();
        writeln!(expected, "{name} {} 8 8 3 {weights} {labels}", split.len()).unwrap();
    }
    writeln!(expected, "{}", set.classes.join("|")).unwrap();
    let statistics = set.statistics().unwrap();
    let numbers: Vec<f64> = statistics.mean.iter().chain(&statistics.std).copied().collect();
    let text = String::from_utf8(out.stdout).unwrap();
    let (arrays, last) = text.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(format!("{arrays}\n"), expected);
    assert_eq!(last.split(' ').map(|number| number.parse().unwrap()).collect::<Vec<f64>>(), numbers);
}

#[test]
fn a_summary_counts_and_a_sheet_shows_every_class() {
    let set = set();
    let summary = serde_json::to_value(set.summary().unwrap()).unwrap();
    assert_eq!(summary["splits"][0]["name"], "test");
    assert_eq!(summary["splits"][0]["n_per_class"][8], 1);
    assert_eq!(summary["splits"][0]["n_per_class"][9], 0);
    assert_eq!(summary["splits"][1]["n_images"], 600);
    let options =
        redyn_stimuli::SheetOptions { columns: 3, magnify: 2, ..redyn_stimuli::SheetOptions::new("train") };
    let sheet = contact_sheet(&set, &options).unwrap();
    assert_eq!(&sheet[1..4], b"PNG");
    // Width and height in the header: 3 and 16 squares of 16 pixels, 2 pixels apart, and in front
    // of them the longest name, `floor lamp`, in letters of 8 pixels.
    let (width, height) = (3 * 18 + 2 + 2 + 10 * 8, 16 * 18 + 2);
    assert_eq!(sheet[16..24], [[0, 0, 0, width], [0, 0, (height >> 8) as u8, height as u8]].concat());
}
