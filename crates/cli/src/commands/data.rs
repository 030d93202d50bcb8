//! `redyn data`.

use std::io::{self, Write};
use std::path::Path;

use redyn_stimuli::generated::Specification;
use redyn_stimuli::{DataSet, SheetOptions, Summary, contact_sheet, pack, png};

use super::{open_data, print_json, print_path, write_file};
use crate::Failure;
use crate::args::{DataCommand, ReadingArgs};
use crate::console::{Console, stdout};
use crate::properties::table;

pub(super) fn run(command: &DataCommand, console: &Console) -> Result<(), Failure> {
    match command {
        DataCommand::Show { data, sheet, split, image_size, json, reading } => {
            let data = open_data(data, *image_size, reading, console)?;
            let summary = data.summary()?;
            // Before anything is printed: whatever is wrong, stdout stays empty.
            if let Some(path) = sheet {
                let magnify = (64 / data.image_size).max(1);
                let options = SheetOptions { magnify, ..SheetOptions::new(split.clone()) };
                write_file(path, &contact_sheet(&data, &options)?)?;
                console.say(format!("contact sheet: {}", path.display()));
            }
            if *json { print_json(&summary) } else { stdout(|out| print(&summary, out)) }
        }
        DataCommand::Pack { data, out, image_size, reading } => {
            let data = open_data(data, *image_size, reading, console)?;
            let packed = pack(&data, out, &console.stop)?;
            for (split, n) in &packed.splits {
                console.say(format!("{split}: {n} images"));
            }
            print_path(&packed.path)
        }
        DataCommand::Properties { data, split, out, image_size, reading } => {
            let data = open_data(data, *image_size, reading, console)?;
            write_file(out, table(&data, split)?.as_bytes())?;
            print_path(out)
        }
        DataCommand::Generate { out, stimuli, image_size } => {
            let specification: Specification = stimuli.parse()?;
            let data =
                open_data(&specification.to_string(), Some(*image_size), &ReadingArgs::default(), console)?;
            generate(&data, out, console)?;
            print_path(out)
        }
    }
}

fn print(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let size = summary.image_size;
    writeln!(out, "{}: {} classes, {size}x{size} pixels", summary.name, summary.classes.len())?;
    let [red, green, blue] = summary.statistics.mean.map(|value| format!("{value:.2}"));
    let [sr, sg, sb] = summary.statistics.std.map(|value| format!("{value:.2}"));
    writeln!(out, "channel mean {red} {green} {blue}, standard deviation {sr} {sg} {sb} (0-255)\n")?;
    let width = summary.classes.iter().map(|class| class.chars().count()).max().unwrap_or(0).max(5);
    let names: String = summary.splits.iter().map(|split| format!("{:>9}", split.name)).collect();
    writeln!(out, "{:<width$} {names}", "class")?;
    for (class, name) in summary.classes.iter().enumerate() {
        let counts: String =
            summary.splits.iter().map(|split| format!("{:>9}", split.n_per_class[class])).collect();
        match &summary.hierarchy {
            Some(hierarchy) => {
                writeln!(out, "{name:<width$} {counts}   {}", hierarchy.groups[class].join(" / "))?;
            }
            None => writeln!(out, "{name:<width$} {counts}")?,
        }
    }
    let totals: String = summary.splits.iter().map(|split| format!("{:>9}", split.n_images)).collect();
    writeln!(out, "{:<width$} {totals}", "all")
}

/// Write every image as `SPLIT/CLASS/NUMBER.png`, and the hierarchy beside. The folder appears
/// under its name when it is whole.
fn generate(data: &DataSet, out: &Path, console: &Console) -> Result<(), Failure> {
    let mut part = out.as_os_str().to_owned();
    part.push(".part");
    let part = Path::new(&part);
    for path in [out, part] {
        if path.exists() {
            return Err(Failure::user(
                format!("{} exists", path.display()),
                "remove it, or name a new folder",
            ));
        }
    }
    let written = write_images(data, part, console)
        .and_then(|()| std::fs::rename(part, out).map_err(|error| Failure::file(out, &error)));
    if written.is_err() && part.exists() {
        // The reason is worth more than a second error about the leftover.
        let _ = std::fs::remove_dir_all(part);
    }
    written
}

fn write_images(data: &DataSet, folder: &Path, console: &Console) -> Result<(), Failure> {
    let splits =
        data.split_names().map(|name| Ok((name, data.split(name)?))).collect::<Result<Vec<_>, Failure>>()?;
    let bar = console.bar("generate", splits.iter().map(|(_, split)| split.len()).sum());
    for (name, split) in splits {
        for index in 0..split.len() {
            if console.stop.requested() {
                return Err(Failure::stopped("run the same command again: nothing was left half done"));
            }
            let class = &data.classes[split.label(index)];
            let path = folder.join(name).join(class).join(format!("{index:06}.png"));
            write_file(&path, &png(&split.image(index)?)?)?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    match &data.hierarchy {
        Some(hierarchy) => {
            write_file(&folder.join("hierarchy.tsv"), hierarchy.to_tsv(&data.classes).as_bytes())
        }
        None => Ok(()),
    }
}
