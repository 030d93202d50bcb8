//! Images that a table names: probe images taken from a larger set, such as 50 of each of
//! 100 classes of ImageNet's validation images.
//!
//! A line a picture, `WordNet_ID,filename`. Pictures are looked for as `ROOT/WORDNET_ID/FILE`
//! and as `ROOT/FILE`. They form one split, `test`, ordered by class and file name as
//! torchvision's `ImageFolder` orders them; labels are the places of the WordNet ids among
//! ImageNet's 1,000, as networks trained on ImageNet count their outputs, or among the ids of
//! the table if one of them is none of those. Pictures are not turned by what a camera noted,
//! because torchvision does not turn them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::decode::Turned;
use crate::files::Files;
use crate::{BadImages, DataSet, OpenOptions, StimuliError, resize};

/// How many missing pictures are named.
const NAMED: usize = 3;

/// ImageNet's classes in the order of their numbers.
fn imagenet() -> Vec<&'static str> {
    include_str!("imagenet.txt").lines().collect()
}

/// The table and the folder of pictures that a specification means: `TABLE.csv`, or
/// `TABLE.csv:FOLDER` where the pictures are elsewhere.
pub(crate) fn places(specification: &str) -> Option<(PathBuf, PathBuf)> {
    if let Some((table, root)) = specification.split_once(".csv:") {
        return Some((PathBuf::from(format!("{table}.csv")), root.into()));
    }
    let table = Path::new(specification);
    let is_table = table.extension().is_some_and(|ending| ending == "csv");
    is_table.then(|| (table.to_owned(), table.parent().unwrap_or(Path::new("")).to_owned()))
}

pub(crate) fn open(table: &Path, root: &Path, options: &OpenOptions) -> Result<DataSet, StimuliError> {
    let rows = read(table)?;
    let layouts: [fn(&str) -> &str; 2] = [|name| name, |name| name.rsplit('/').next().unwrap_or(name)];
    let missing = layouts
        .map(|path_of| rows.iter().filter(|name| !root.join(path_of(name)).is_file()).collect::<Vec<_>>());
    let nested = missing[0].len() <= missing[1].len();
    let missing = &missing[usize::from(!nested)];
    if !missing.is_empty() {
        return Err(StimuliError::MissingImages {
            table: table.to_owned(),
            root: root.to_owned(),
            missing: missing.len(),
            of: rows.len(),
            first: missing.iter().take(NAMED).map(|name| (*name).clone()).collect(),
        });
    }

    let class = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
    let named: BTreeSet<String> = rows.iter().map(|name| class(name)).collect();
    let known = imagenet();
    let of_imagenet = named.iter().all(|id| known.binary_search(&id.as_str()).is_ok());
    let classes: Vec<String> = if of_imagenet {
        known.into_iter().map(str::to_owned).collect()
    } else {
        named.iter().cloned().collect()
    };
    let label = |name: &str| classes.binary_search(&class(name)).expect("every class is in the list");
    let files = rows.into_iter().map(|name| (label(&name), name)).collect();
    let mut split = Files {
        root: root.to_owned(),
        prefix: String::new(),
        listed: files,
        path_of: layouts[usize::from(!nested)],
        turned: Turned::Never,
        size: 0,
        frame: options.frame,
    };
    let skipped = match options.bad_images {
        BadImages::Refuse => Vec::new(),
        BadImages::Skip => split.leave_out_bad(),
    };
    let place = table.display().to_string();
    split.size = match options.image_size {
        Some(_) => resize::common_size(options.image_size, "", []),
        None => resize::common_size(None, &place, split.some_sizes()?),
    }?;
    let size = split.size;
    let splits = BTreeMap::from([("test".to_owned(), Arc::new(split) as Arc<dyn crate::Stimuli>)]);
    let (n_named, n_classes) = (named.len(), classes.len());
    let mut set = DataSet::new(crate::open::short_name(table), classes, size, splits, None);
    if n_named < n_classes {
        set.notes.push(format!("images of {n_named} of ImageNet's {n_classes} classes"));
    }
    set.skipped = skipped;
    Ok(set)
}

/// The pictures that a table names, `WORDNET_ID/FILE`, in order.
fn read(table: &Path) -> Result<BTreeSet<String>, StimuliError> {
    let failed = |source| StimuliError::Io { path: table.to_owned(), doing: "read", source };
    let text = std::fs::read_to_string(table).map_err(failed)?;
    let fault =
        |line: usize, why: String| StimuliError::Manifest { path: table.to_owned(), line: line + 1, why };
    let mut rows = BTreeSet::new();
    let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
        let [class, file] = cells[..] else {
            return Err(fault(
                number,
                format!("{} columns, expected a WordNet id and a file name", cells.len()),
            ));
        };
        if number == 0 && class.eq_ignore_ascii_case("WordNet_ID") {
            continue;
        }
        let plain = |name: &str| !name.is_empty() && name != ".." && !name.contains(['/', '\\']);
        if !plain(class) || !plain(file) {
            return Err(fault(
                number,
                format!("`{class},{file}` is not a WordNet id and the name of a file"),
            ));
        }
        if !rows.insert(format!("{class}/{file}")) {
            return Err(fault(number, format!("`{class},{file}` is there twice")));
        }
    }
    if rows.is_empty() {
        return Err(StimuliError::NoImages { place: table.display().to_string() });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imagenets_classes_are_in_the_order_in_which_networks_count_them() {
        let classes = imagenet();
        assert_eq!(classes.len(), 1000);
        assert!(classes.is_sorted());
        // torchvision's ResNet50_Weights.DEFAULT.meta["categories"]: ostrich, barrel, tub, rapeseed.
        for (number, id) in [(9, "n01518878"), (427, "n02795169"), (876, "n04493381"), (984, "n11879895")] {
            assert_eq!(classes[number], id);
        }
    }

    #[test]
    fn a_specification_says_where_the_pictures_are() {
        let place =
            |text| places(text).map(|(table, root)| format!("{} {}", table.display(), root.display()));
        assert_eq!(place("probe/m.csv").as_deref(), Some("probe/m.csv probe"));
        assert_eq!(place("m.csv:/data/val").as_deref(), Some("m.csv /data/val"));
        assert_eq!(place("m.csv").as_deref(), Some("m.csv "));
        assert_eq!(place("photos"), None);
    }
}
