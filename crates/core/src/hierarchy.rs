//! How classes are related: named levels from the widest to the narrowest.

use crate::{Diagnose, nearest};

/// The place of every class in a category hierarchy.
///
/// Levels run from the widest (`superordinate`) to the narrowest (`subordinate`);
/// the class itself is not a level. Written as a TSV file with a header line: the
/// first column is the class, every other column a level.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hierarchy {
    /// Names of the levels, widest first.
    pub levels: Vec<String>,
    /// `groups[class][level]`: the group the class belongs to.
    pub groups: Vec<Vec<String>>,
}

impl Hierarchy {
    /// Read a hierarchy table, in the order of `classes`.
    ///
    /// # Errors
    /// A table without levels, a line with another number of columns than the header,
    /// a class named twice, or a class of `classes` that the table does not name.
    pub fn from_tsv(text: &str, classes: &[String]) -> Result<Self, HierarchyError> {
        let mut lines = text.lines().map(str::trim_end).enumerate().filter(|(_, line)| !line.is_empty());
        let (_, header) = lines.next().ok_or(HierarchyError::NoLevels)?;
        let levels: Vec<String> = header.split('\t').skip(1).map(str::to_owned).collect();
        if levels.is_empty() {
            return Err(HierarchyError::NoLevels);
        }
        let mut table = std::collections::BTreeMap::new();
        for (index, line) in lines {
            let cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
            if cells.len() != levels.len() + 1 {
                return Err(HierarchyError::Columns {
                    line: index + 1,
                    found: cells.len(),
                    expected: levels.len() + 1,
                });
            }
            let class = cells[0].clone();
            if table.insert(class.clone(), cells[1..].to_vec()).is_some() {
                return Err(HierarchyError::Twice { class });
            }
        }
        let groups = classes
            .iter()
            .map(|class| {
                table.get(class).cloned().ok_or_else(|| HierarchyError::Unnamed {
                    class: class.clone(),
                    nearest: nearest(class, table.keys().map(String::as_str)).map(str::to_owned),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { levels, groups })
    }

    /// The table as TSV, as [`Hierarchy::from_tsv`] reads it.
    pub fn to_tsv(&self, classes: &[String]) -> String {
        let mut text = format!("class\t{}\n", self.levels.join("\t"));
        for (class, groups) in classes.iter().zip(&self.groups) {
            text.extend([class, "\t", &groups.join("\t"), "\n"]);
        }
        text
    }

    /// In how many levels, counted from the narrowest, two classes part.
    ///
    /// 0: same group at every level. `levels.len()`: not even the widest group is
    /// shared. Once two classes have parted they stay apart: equal names below
    /// different groups are different groups.
    pub fn distance(&self, a: usize, b: usize) -> usize {
        let shared = self.groups[a].iter().zip(&self.groups[b]).take_while(|(x, y)| x == y).count();
        self.levels.len() - shared
    }
}

/// Why a hierarchy table cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HierarchyError {
    /// The header has only the class column, or the file is empty.
    #[error("hierarchy table: no level beside the class column")]
    NoLevels,
    /// A line has too few or too many columns.
    #[error("hierarchy table, line {line}: {found} columns, the header has {expected}")]
    Columns {
        /// Line number, from 1.
        line: usize,
        /// Columns found.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// A class stands on two lines.
    #[error("hierarchy table: class `{class}` stands on two lines")]
    Twice {
        /// The class.
        class: String,
    },
    /// A class of the data set is missing.
    #[error("hierarchy table: no line for class `{class}`")]
    Unnamed {
        /// The class.
        class: String,
        /// The most similar class of the table.
        nearest: Option<String>,
    },
}

impl Diagnose for HierarchyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoLevels | Self::Columns { .. } => {
                Some("write a header `class<TAB>superordinate<TAB>basic` and one line per class".into())
            }
            Self::Twice { .. } => Some("keep one of the lines".into()),
            Self::Unnamed { nearest: Some(other), .. } => Some(format!("did you mean `{other}`?")),
            Self::Unnamed { nearest: None, .. } => Some("the first column names the class folders".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "class\tsuperordinate\tbasic\npug\tanimal\tdog\nhusky\tanimal\tdog\ntabby\tanimal\tcat\nmug\tartefact\tcup\n";

    fn classes(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn distance_counts_the_levels_that_part() {
        let hierarchy = Hierarchy::from_tsv(TABLE, &classes(&["pug", "husky", "tabby", "mug"])).unwrap();
        assert_eq!(hierarchy.distance(0, 1), 0);
        assert_eq!(hierarchy.distance(0, 2), 1);
        assert_eq!(hierarchy.distance(0, 3), 2);
    }

    #[test]
    fn what_is_written_is_read() {
        let names = classes(&["mug", "pug", "tabby"]);
        let hierarchy = Hierarchy::from_tsv(TABLE, &names).unwrap();
        assert_eq!(Hierarchy::from_tsv(&hierarchy.to_tsv(&names), &names).unwrap(), hierarchy);
    }

    #[test]
    fn a_missing_class_is_named_with_its_neighbour() {
        let error = Hierarchy::from_tsv(TABLE, &classes(&["huskey"])).unwrap_err();
        assert_eq!(error.to_string(), "hierarchy table: no line for class `huskey`");
        assert_eq!(error.hint().unwrap(), "did you mean `husky`?");
    }

    #[test]
    fn a_short_line_is_located() {
        let error = Hierarchy::from_tsv("class\ta\tb\nx\ty\n", &[]).unwrap_err();
        assert_eq!(error, HierarchyError::Columns { line: 2, found: 2, expected: 3 });
    }
}
