//! The folder of a report.

use std::fs;
use std::path::{Path, PathBuf};

use redyn_analysis::{BrainComparison, Table};
use redyn_core::replace_file;

use crate::figure::Figure;
use crate::figures::{self, Shown};
use crate::svg::{Medium, Spoken, svg};
use crate::{Context, Error};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The page to open.
    pub page: PathBuf,
    /// The figures beside it, in the order of the page.
    pub figures: Vec<WrittenFigure>,
    /// What every column of every CSV file is.
    pub columns: PathBuf,
    /// The context, as JSON.
    pub context: PathBuf,
}

/// A figure's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFigure {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// As SVG.
    pub svg: PathBuf,
    /// As PDF.
    pub pdf: PathBuf,
    /// Its data as CSV.
    pub data: Vec<PathBuf>,
}

/// The page alone, as the text of an HTML file.
///
/// # Errors
/// Parts of the context that do not belong together, a value that is not finite.
pub fn page(context: &Context) -> Result<String, Error> {
    context.check()?;
    crate::page::html(context, &figures::all(context))
}

/// Write a report into a folder, which is made if need be. Files of an earlier report there
/// are replaced, those of figures that are now absent removed; the page is written last.
///
/// # Errors
/// Parts of the context that do not belong together, a value that is not finite, a folder
/// that cannot be written to.
pub fn write(context: &Context, folder: &Path) -> Result<Written, Error> {
    context.check()?;
    let shown = figures::all(context);
    let html = crate::page::html(context, &shown)?;
    let (drawn, data) = (folder.join("figures"), folder.join("data"));
    for path in [&drawn, &data] {
        fs::create_dir_all(path).map_err(|source| Error::Write { path: path.clone(), source })?;
    }
    let mut written = Vec::new();
    let mut tables: Vec<Table> =
        crate::page::claims_table(context).into_iter().chain(crate::page::published_table(context)).collect();
    for figure in shown.iter().filter_map(Shown::figure) {
        written.push(write_figure(figure, &drawn, &data)?);
        tables.extend(figure.tables.iter().cloned());
    }
    for one in &shown {
        if let Shown::Absent { name, .. } = one {
            clear([
                drawn.join(format!("{name}.svg")),
                drawn.join(format!("{name}.pdf")),
                data.join(format!("{name}.csv")),
            ])?;
        }
    }
    for table in &tables {
        save(&data.join(format!("{}.csv", table.name)), table.to_csv().as_bytes())?;
    }
    let columns = data.join("columns.tsv");
    save(&columns, columns_of(&tables).as_bytes())?;
    let json = folder.join("report.json");
    save(&json, &serde_json::to_vec(context)?)?;
    let page = folder.join("report.html");
    save(&page, html.as_bytes())?;
    Ok(Written { page, figures: written, columns, context: json })
}

/// Draw networks beside brains into a folder, which is made if need be: `model_brain.svg` and `.pdf`.
///
/// # Errors
/// A value that is not finite, a folder that cannot be written to.
pub fn write_comparison(found: &BrainComparison, folder: &Path) -> Result<WrittenFigure, Error> {
    fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.to_owned(), source })?;
    // Its tables lie beside the folder, as the comparison names them.
    let figure = Figure { tables: Vec::new(), ..figures::model_brain(found) };
    write_figure(&figure, folder, folder)
}

fn write_figure(figure: &Figure, drawn: &Path, data: &Path) -> Result<WrittenFigure, Error> {
    let scene = figure.scene()?;
    let spoken = Spoken { id: figure.name, title: &figure.title, description: &figure.caption };
    let (svg_path, pdf_path) =
        (drawn.join(format!("{}.svg", figure.name)), drawn.join(format!("{}.pdf", figure.name)));
    save(&svg_path, svg(&scene, spoken, Medium::Paper).as_bytes())?;
    let pdf = crate::pdf::pdf(&scene, &figure.title)
        .map_err(|reason| Error::Pdf { figure: figure.name.to_owned(), reason })?;
    save(&pdf_path, &pdf)?;
    Ok(WrittenFigure {
        name: figure.name.to_owned(),
        title: figure.title.clone(),
        svg: svg_path,
        pdf: pdf_path,
        data: figure.tables.iter().map(|table| data.join(format!("{}.csv", table.name))).collect(),
    })
}

/// `file`, `column`, `unit` and `description` of every column.
fn columns_of(tables: &[Table]) -> String {
    let mut text = String::from("file\tcolumn\tunit\tdescription\n");
    for table in tables {
        for column in &table.columns {
            let fields = [&format!("{}.csv", table.name), &column.name, &column.unit, &column.description];
            let fields = fields.map(|field| field.replace(['\t', '\n'], " "));
            text.push_str(&(fields.join("\t") + "\n"));
        }
    }
    text
}

/// Remove files that an earlier report may have left.
fn clear(paths: [PathBuf; 3]) -> Result<(), Error> {
    for path in paths {
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Write { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

fn save(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace_file(path, bytes).map_err(|source| Error::Write { path: path.to_owned(), source })
}
