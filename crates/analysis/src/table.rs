//! Tidy tables: one row per observation, every column with its unit and meaning.

use serde::{Deserialize, Serialize};

use crate::Estimate;

/// What stands in one column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Name, as in the header.
    pub name: String,
    /// Unit; empty for labels and counts.
    pub unit: String,
    /// What it means, in a sentence.
    pub description: String,
}

/// One value of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// No value: an empty field in CSV, `null` in JSON.
    Missing,
    /// A count or an index.
    Integer(i64),
    /// A finite number.
    Number(f64),
    /// A name.
    Text(String),
}

/// A count as a signed number.
pub(crate) fn integer(count: usize) -> i64 {
    i64::try_from(count).expect("no machine holds 2⁶³ of anything")
}

impl From<usize> for Cell {
    fn from(value: usize) -> Self {
        Self::Integer(integer(value))
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Missing, Into::into)
    }
}

/// A tidy table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Short name, fit for a file name.
    pub name: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// One per observation, as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table with columns `(name, unit, description)`.
    pub(crate) fn new(name: &str, columns: &[(&str, &str, &str)]) -> Self {
        let column = |&(name, unit, description): &(&str, &str, &str)| Column {
            name: name.into(),
            unit: unit.into(),
            description: description.into(),
        };
        Self { name: name.into(), columns: columns.iter().map(column).collect(), rows: Vec::new() }
    }

    /// A table whose last columns are an estimate: `value`, `low`, `high`, `n`.
    pub(crate) fn of_estimates(name: &str, keys: &[(&str, &str, &str)], (unit, value): (&str, &str)) -> Self {
        let mut columns = keys.to_vec();
        columns.extend([
            ("value", unit, value),
            ("low", unit, "lower end of the bootstrap interval over images; empty where there is none"),
            ("high", unit, "upper end of the bootstrap interval over images; empty where there is none"),
            ("n", "images", "number of images in the group; in the smaller group for a difference"),
        ]);
        Self::new(name, &columns)
    }

    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.columns.len(), "table `{}`", self.name);
        self.rows.push(row);
    }

    /// Add a row that ends in an estimate. An absent estimate is a row with `n` 0.
    pub fn push_estimate(&mut self, mut keys: Vec<Cell>, estimate: Option<&Estimate>) {
        keys.extend([
            estimate.map(|e| e.value).into(),
            estimate.and_then(|e| e.low).into(),
            estimate.and_then(|e| e.high).into(),
            estimate.map_or(0, |e| e.n).into(),
        ]);
        self.push(keys);
    }

    /// The table as CSV (RFC 4180 quoting, `\n` ends a line). Numbers are written with as
    /// many digits as reading them back to the same bits takes.
    pub fn to_csv(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|column| quoted(&column.name)).collect();
        let mut text = names.join(",") + "\n";
        for row in &self.rows {
            let cells: Vec<String> = row
                .iter()
                .map(|cell| match cell {
                    Cell::Missing => String::new(),
                    Cell::Integer(value) => value.to_string(),
                    Cell::Number(value) => value.to_string(),
                    Cell::Text(value) => quoted(value),
                })
                .collect();
            text.push_str(&cells.join(","));
            text.push('\n');
        }
        text
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_commas_and_quotes_are_quoted() {
        let mut table = Table::new("t", &[("class", "", ""), ("value", "", "")]);
        table.push(vec!["a \"b\", c".into(), 0.1.into()]);
        table.push(vec!["plain".into(), Cell::Missing]);
        assert_eq!(table.to_csv(), "class,value\n\"a \"\"b\"\", c\",0.1\nplain,\n");
    }

    #[test]
    fn numbers_come_back_to_the_bit() {
        for value in [1.0 / 3.0, 1e-300, 6.02e23, -0.0] {
            let mut table = Table::new("t", &[("v", "", "")]);
            table.push(vec![value.into()]);
            let read: f64 = table.to_csv().lines().nth(1).unwrap().parse().unwrap();
            assert_eq!(read.to_bits(), f64::to_bits(value));
        }
    }
}
