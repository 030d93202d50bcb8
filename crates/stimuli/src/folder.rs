//! Image folders, `SPLIT/CLASS/FILE`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use redyn_core::nearest;

use crate::decode::{self, Turned};
use crate::files::Files;
use crate::{BadImages, DataSet, OpenOptions, StimuliError, resize};

/// What the folders hold, before anything is decoded.
#[derive(Default)]
struct Listing {
    /// `[split][class folder]` to its image files.
    splits: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    ignored: usize,
}

/// Open an image folder. Classes are the folders of `train`, in alphabetical order;
/// without a `train`, the folders of all splits.
pub(crate) fn open(root: &Path, options: &OpenOptions) -> Result<DataSet, StimuliError> {
    let Listing { splits: listing, ignored } = list(root)?;
    let folders: BTreeSet<&String> = match listing.get("train") {
        Some(train) => train.keys().collect(),
        None => listing.values().flat_map(BTreeMap::keys).collect(),
    };
    let folders: Vec<String> = folders.into_iter().cloned().collect();
    let mut splits = Vec::new();
    for (name, classes) in listing {
        let mut files = Vec::new();
        for (class, images) in classes {
            let label =
                folders.iter().position(|folder| *folder == class).ok_or_else(|| StimuliError::NoClass {
                    data: format!("`train` of {}, unlike `{name}`,", root.display()),
                    name: class.clone(),
                    nearest: nearest(&class, folders.iter().map(String::as_str)).map(str::to_owned),
                })?;
            if images.is_empty() {
                return Err(StimuliError::EmptyClass { path: root.join(&name).join(&class), class });
            }
            files.extend(images.into_iter().map(|file| (label, format!("{class}/{file}"))));
        }
        splits.push(Files {
            root: root.join(&name),
            prefix: format!("{name}/"),
            listed: files,
            path_of: |file| file,
            turned: Turned::AsNoted,
            size: 0,
            frame: options.frame,
        });
    }

    let skipped = match options.bad_images {
        BadImages::Refuse => Vec::new(),
        BadImages::Skip => splits.iter_mut().flat_map(Files::leave_out_bad).collect(),
    };
    if let Some(split) = splits.iter().find(|split| split.listed.is_empty()) {
        return Err(StimuliError::NoImages { place: split.root.display().to_string() });
    }
    for (label, class) in folders.iter().enumerate() {
        let lost = |split: &&Files| !split.listed.iter().any(|file| file.0 == label);
        if let Some(split) = splits.iter().find(|split| split.prefix == "train/" && lost(split)) {
            return Err(StimuliError::EmptyClass { class: class.clone(), path: split.root.join(class) });
        }
    }
    let looked_at = splits.iter().find(|split| split.prefix == "train/").unwrap_or(&splits[0]);
    let size = match options.image_size {
        Some(_) => resize::common_size(options.image_size, "", []),
        None => resize::common_size(None, &root.display().to_string(), looked_at.some_sizes()?),
    }?;

    let mut set = DataSet::new(crate::open::short_name(root), folders.clone(), size, BTreeMap::new(), None);
    if ignored > 0 {
        set.notes.push(format!(
            "{ignored} files that are no JPEG, PNG or WebP were ignored in {}",
            root.display()
        ));
    }
    for mut split in splits {
        split.size = size;
        let absent =
            (0..folders.len()).filter(|&label| !split.listed.iter().any(|file| file.0 == label)).count();
        if absent > 0 {
            set.notes.push(format!(
                "split `{}` has no image of {absent} of the {} classes",
                split.prefix.trim_end_matches('/'),
                folders.len()
            ));
        }
        set.splits.insert(split.prefix.trim_end_matches('/').to_owned(), Arc::new(split));
    }
    set.skipped = skipped;
    Ok(set)
}

fn list(root: &Path) -> Result<Listing, StimuliError> {
    let mut listing = Listing::default();
    let (splits, files) = entries(root)?;
    listing.ignored += files.iter().filter(|file| file.as_str() != "hierarchy.tsv").count();
    for split in splits {
        let folder = root.join(&split);
        let (classes, files) = entries(&folder)?;
        if classes.is_empty() && files.iter().any(|file| is_image(&folder, file).unwrap_or(false)) {
            return Err(StimuliError::NotADataSet {
                path: root.to_owned(),
                found: format!("`{split}` holds images, where class folders are expected"),
            });
        }
        listing.ignored += files.len();
        for class in classes {
            let folder = folder.join(&class);
            let (inner, files) = entries(&folder)?;
            listing.ignored += inner.len();
            let mut images = Vec::new();
            for file in files {
                if is_image(&folder, &file)? {
                    images.push(file);
                } else {
                    listing.ignored += 1;
                }
            }
            listing.splits.entry(split.clone()).or_default().insert(class, images);
        }
    }
    if listing.splits.is_empty() {
        return Err(StimuliError::NotADataSet {
            path: root.to_owned(),
            found: "no folder of the form SPLIT/CLASS in it".into(),
        });
    }
    Ok(listing)
}

/// Names of the folders and of the files in a folder, sorted; hidden ones left out.
fn entries(folder: &Path) -> Result<(Vec<String>, Vec<String>), StimuliError> {
    let failed = |source| StimuliError::Io { path: folder.to_owned(), doing: "read", source };
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else {
            return Err(StimuliError::NotADataSet {
                path: entry.path(),
                found: "a name that is not UTF-8, which no table of ours could hold".into(),
            });
        };
        if name.starts_with('.') {
            continue;
        }
        // Links are followed: data sets are often made of them.
        let is_folder = fs::metadata(entry.path()).map_err(failed)?.is_dir();
        if is_folder { &mut folders } else { &mut files }.push(name);
    }
    folders.sort_unstable();
    files.sort_unstable();
    Ok((folders, files))
}

/// Whether a file is meant as an image: by its ending, or else by its first bytes.
/// One with an image's ending and no image in it is a bad image, not another file.
fn is_image(folder: &Path, file: &str) -> Result<bool, StimuliError> {
    let ending = file.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    if matches!(ending.as_deref(), Some("jpg" | "jpeg" | "png" | "webp")) {
        return Ok(true);
    }
    let path = folder.join(file);
    let mut first = Vec::new();
    fs::File::open(&path)
        .and_then(|file| file.take(32).read_to_end(&mut first))
        .map_err(|source| StimuliError::Io { path, doing: "read", source })?;
    Ok(decode::is_image(&first))
}
