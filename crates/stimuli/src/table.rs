//! Hierarchy tables beside a data set.
//!
//! A TSV file with a header. `label` numbers the classes and `name` gives the name to
//! show, where they are there; the first other column names the class as the data do
//! (its folder, its category); every further column is a level, widest first.

use std::path::Path;

use redyn_core::{Hierarchy, HierarchyError, nearest};

use crate::{DataSet, StimuliError};

/// Read a table and give the data set its hierarchy and, where the table has a `name`
/// for every class and no two are equal, its names.
pub(crate) fn attach(set: &mut DataSet, path: &Path) -> Result<(), StimuliError> {
    let text = std::fs::read_to_string(path).map_err(|source| StimuliError::Io {
        path: path.to_owned(),
        doing: "read",
        source,
    })?;
    let (hierarchy, names) = read(&text, &set.classes)
        .map_err(|source| StimuliError::Hierarchy { path: path.to_owned(), source })?;
    set.hierarchy = Some(hierarchy);
    if let Some(names) = names {
        set.classes = names;
    }
    Ok(())
}

/// The hierarchy of `classes`, and their names to show.
fn read(text: &str, classes: &[String]) -> Result<(Hierarchy, Option<Vec<String>>), HierarchyError> {
    let mut lines = text.lines().map(str::trim_end).enumerate().filter(|(_, line)| !line.is_empty());
    let header: Vec<&str> = lines.next().ok_or(HierarchyError::NoLevels)?.1.split('\t').collect();
    let place = |wanted: &str| header.iter().position(|&column| column == wanted);
    let (label, name) = (place("label"), place("name"));
    let mut others = (0..header.len()).filter(|&column| Some(column) != label && Some(column) != name);
    let key = others.next().or(name).ok_or(HierarchyError::NoLevels)?;
    let levels: Vec<usize> = others.collect();
    if levels.is_empty() {
        return Err(HierarchyError::NoLevels);
    }
    let mut rows: Vec<Vec<&str>> = Vec::new();
    for (index, line) in lines {
        let cells: Vec<&str> = line.split('\t').collect();
        if cells.len() != header.len() {
            return Err(HierarchyError::Columns {
                line: index + 1,
                found: cells.len(),
                expected: header.len(),
            });
        }
        if rows.iter().any(|row| row[key] == cells[key]) {
            return Err(HierarchyError::Twice { class: cells[key].to_owned() });
        }
        rows.push(cells);
    }
    // By the class column first; a file of categories is named by `name` instead.
    let find = |class: &String| {
        rows.iter()
            .find(|row| row[key] == class)
            .or_else(|| rows.iter().find(|row| Some(class.as_str()) == name.map(|n| row[n])))
    };
    let found: Vec<&Vec<&str>> = classes
        .iter()
        .map(|class| {
            find(class).ok_or_else(|| HierarchyError::Unnamed {
                class: class.clone(),
                nearest: nearest(class, rows.iter().map(|row| row[key])).map(str::to_owned),
            })
        })
        .collect::<Result<_, _>>()?;
    let hierarchy = Hierarchy {
        levels: levels.iter().map(|&level| header[level].to_owned()).collect(),
        groups: found.iter().map(|row| levels.iter().map(|&level| row[level].to_owned()).collect()).collect(),
    };
    let names: Option<Vec<String>> = name.map(|name| found.iter().map(|row| row[name].to_owned()).collect());
    let distinct = |names: &Vec<String>| names.iter().enumerate().all(|(i, a)| !names[..i].contains(a));
    Ok((hierarchy, names.filter(distinct)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "label\twnid\tname\tanimacy\tbasic\n0\tn01\tgoldfish\tanimate\tfish\n1\tn02\tpug\tanimate\tdog\n2\tn03\tmug\tinanimate\tcup\n";

    fn named(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn folders_find_their_line_and_get_the_names_to_show() {
        let (hierarchy, names) = read(TABLE, &named(&["n03", "n01"])).unwrap();
        assert_eq!(hierarchy.levels, ["animacy", "basic"]);
        assert_eq!(hierarchy.groups, [["inanimate", "cup"], ["animate", "fish"]]);
        assert_eq!(names.unwrap(), ["mug", "goldfish"]);
    }

    #[test]
    fn categories_find_their_line_by_name() {
        let (hierarchy, _) = read(TABLE, &named(&["pug"])).unwrap();
        assert_eq!(hierarchy.groups, [["animate", "dog"]]);
    }

    #[test]
    fn the_plain_form_is_that_of_the_core() {
        let text = "class\tsuperordinate\tbasic\na\tx\ty\nb\tx\tz\n";
        let classes = named(&["b", "a"]);
        assert_eq!(read(text, &classes).unwrap(), (Hierarchy::from_tsv(text, &classes).unwrap(), None));
    }

    #[test]
    fn a_class_without_a_line_is_named() {
        let error = read(TABLE, &named(&["n04"])).unwrap_err();
        assert!(matches!(error, HierarchyError::Unnamed { class, .. } if class == "n04"));
    }
}
