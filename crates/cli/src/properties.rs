//! The table of image properties: written by `redyn data properties`, read by `redyn analyze`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use ndarray::Array2;
use redyn_analysis::Properties;
use redyn_stimuli::{DataSet, Measures, measure};

use crate::Failure;

/// Columns that say which image it is.
const IMAGE: &str = "image";
const CLASS: &str = "class";

/// A measure, by its name.
type Column = (&'static str, fn(&Measures) -> Option<f64>);

/// Measured from pixels.
const SEEN: [Column; 5] = [
    ("rms_contrast", |of| Some(of.rms_contrast)),
    ("edge_density", |of| Some(of.edge_density)),
    ("spectral_slope", |of| of.spectral_slope),
    ("prototype_distance", |of| of.prototype_distance),
    ("class_neighbours", |of| Some(of.class_neighbours as f64)),
];

/// Known of generated images.
const MADE: [Column; 5] = [
    ("object_size", |of| Some(of.made?.size)),
    ("occlusion", |of| Some(of.made?.occlusion)),
    ("clutter", |of| Some(of.made?.clutter)),
    ("contrast", |of| Some(of.made?.contrast)),
    ("noise", |of| Some(of.made?.noise)),
];

/// The properties of a split as CSV: one line per image.
pub(crate) fn table(data: &DataSet, split: &str) -> Result<String, Failure> {
    let images = data.split(split)?;
    let measures = measure(images.as_ref())?;
    let made = measures.iter().any(|of| of.made.is_some());
    let columns: Vec<Column> = SEEN.into_iter().chain(MADE.into_iter().filter(|_| made)).collect();
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut text = format!("{IMAGE},{CLASS},{}\n", names.join(","));
    for (index, of) in measures.iter().enumerate() {
        let _ = write!(text, "{},{}", quoted(&images.id(index)), quoted(&data.classes[images.label(index)]));
        for (_, value) in &columns {
            text.push(',');
            if let Some(value) = value(of) {
                let _ = write!(text, "{value}");
            }
        }
        text.push('\n');
    }
    Ok(text)
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A table of image properties that was read.
#[derive(Debug)]
pub struct PropertyTable {
    path: String,
    names: Vec<String>,
    rows: HashMap<String, Vec<Option<f64>>>,
}

impl PropertyTable {
    /// Read a table: a column `image`, perhaps one `class`, every other a number or empty.
    ///
    /// # Errors
    /// No such file, no such column, lines of another length, an image twice, a value that is
    /// no finite number.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
        let place = path.display().to_string();
        let wrong = |words: String| {
            let hint = "write it with `redyn data properties`, or with the columns that does";
            Failure::user(format!("{place}{words}"), hint)
        };
        let mut lines = records(&text).into_iter();
        let header = lines.next().unwrap_or_default();
        let Some(image) = header.iter().position(|name| name == IMAGE) else {
            return Err(wrong(format!(" has no column `{IMAGE}`")));
        };
        let numbers: Vec<usize> =
            (0..header.len()).filter(|&at| at != image && header[at] != CLASS).collect();
        if numbers.is_empty() {
            return Err(wrong(format!(" has no property beside `{IMAGE}`")));
        }
        let mut rows = HashMap::new();
        for (index, fields) in lines.enumerate() {
            let line = index + 2;
            if fields.len() != header.len() {
                let (found, expected) = (fields.len(), header.len());
                return Err(wrong(format!(", line {line}: {found} fields, the header has {expected}")));
            }
            let number =
                |&at: &usize| match fields[at].trim() {
                    "" => Ok(None),
                    text => text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Some).ok_or_else(
                        || wrong(format!(", line {line}, `{}`: `{text}` is no finite number", header[at])),
                    ),
                };
            let values = numbers.iter().map(number).collect::<Result<Vec<_>, _>>()?;
            if rows.insert(fields[image].clone(), values).is_some() {
                return Err(wrong(format!(", line {line}: image `{}` stands there twice", fields[image])));
            }
        }
        Ok(Self { names: numbers.into_iter().map(|at| header[at].clone()).collect(), path: place, rows })
    }

    /// The properties of some images, in their order.
    ///
    /// # Errors
    /// An image that the table does not hold.
    pub fn of(&self, ids: &[String]) -> Result<Properties, Failure> {
        let mut values = Array2::from_elem((ids.len(), self.names.len()), None);
        for (mut row, id) in values.rows_mut().into_iter().zip(ids) {
            let found = self.rows.get(id).ok_or_else(|| {
                Failure::user(
                    format!("{} holds no image `{id}`", self.path),
                    "measure the split that was unrolled: `redyn data properties DATA --split SPLIT`",
                )
            })?;
            row.iter_mut().zip(found).for_each(|(value, found)| *value = *found);
        }
        Ok(Properties { names: self.names.clone(), values })
    }
}

/// The records of a CSV file (RFC 4180); a last line without an end counts, an empty one does not.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted && letters.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            other => field.push(other),
        }
    }
    if !field.is_empty() || !record.is_empty() {
        record.push(field);
        records.push(record);
    }
    records.retain(|record| record.len() > 1 || record.iter().any(|field| !field.is_empty()));
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PropertyTable, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        PropertyTable::read(file.path()).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn a_table_is_read_by_the_names_of_its_images() {
        let table = read("class,image,size,slope\r\nmug,\"a, \"\"b\"\"\",0.5,\nmug,c,1,-1.5\n").unwrap();
        let found = table.of(&["c".to_owned(), "a, \"b\"".to_owned()]).unwrap();
        assert_eq!(found.names, ["size", "slope"]);
        assert_eq!(found.values, ndarray::array![[Some(1.0), Some(-1.5)], [Some(0.5), None]]);
        let missing = format!("{:?}", table.of(&["d".to_owned()]).unwrap_err());
        assert!(missing.contains("holds no image `d`"), "{missing}");
    }

    #[test]
    fn what_is_no_table_of_properties_is_refused() {
        for (text, words) in [
            ("size\n1\n", "has no column `image`"),
            ("image,class\na,b\n", "has no property beside `image`"),
            ("image,size\na,1,2\n", "line 2: 3 fields, the header has 2"),
            ("image,size\na,1\na,2\n", "line 3: image `a` stands there twice"),
            ("image,size\na,nan\n", "line 2, `size`: `nan` is no finite number"),
            ("", "has no column `image`"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.contains(words), "{found}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let data =
            redyn_stimuli::open("builtin:train=0,val=0,test=32", &redyn_stimuli::OpenOptions::default());
        let data = data.unwrap();
        let text = table(&data, "test").unwrap();
        let split = data.split("test").unwrap();
        let ids: Vec<String> = (0..32).map(|index| split.id(index)).collect();
        let found = read(&text).unwrap().of(&ids).unwrap();
        assert_eq!(found.names.len(), 10);
        let expected = split.properties(7).unwrap();
        assert_eq!(found.values[[7, 5]], Some(expected.size));
        assert_eq!(found.values[[7, 9]], Some(expected.noise));
    }
}
