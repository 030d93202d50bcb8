//! `redyn data`.

use std::path::Path;

use redyn_stimuli::generated::Specification;
use redyn_stimuli::{DataSet, SheetOptions, Summary, contact_sheet, pack, png};

use super::{open_data, print_json, write_file};
use crate::Failure;
use crate::args::{DataCommand, ReadingArgs};
use crate::console::Console;

pub(super) fn run(command: &DataCommand, console: &Console) -> Result<(), Failure> {
    match command {
        DataCommand::Show { data, sheet, split, image_size, json, reading } => {
            let data = open_data(data, *image_size, reading, console)?;
            let summary = data.summary()?;
            if *json {
                print_json(&summary);
            } else {
                print(&summary);
            }
            if let Some(path) = sheet {
                let magnify = (64 / data.image_size).max(1);
                let options = SheetOptions { magnify, ..SheetOptions::new(split.clone()) };
                write_file(path, &contact_sheet(&data, &options)?)?;
                console.say(format!("contact sheet: {}", path.display()));
            }
            Ok(())
        }
        DataCommand::Pack { data, out, image_size, reading } => {
            let data = open_data(data, *image_size, reading, console)?;
            let packed = pack(&data, out, &console.stop)?;
            for (split, n) in &packed.splits {
                console.say(format!("{split}: {n} images"));
            }
            println!("{}", packed.path.display());
            Ok(())
        }
        DataCommand::Generate { out, stimuli, image_size } => {
            let specification: Specification = stimuli.parse()?;
            let data =
                open_data(&specification.to_string(), Some(*image_size), &ReadingArgs::default(), console)?;
            generate(&data, out, console)?;
            println!("{}", out.display());
            Ok(())
        }
    }
}

fn print(summary: &Summary) {
    let size = summary.image_size;
    println!("{}: {} classes, {size}x{size} pixels", summary.name, summary.classes.len());
    let [red, green, blue] = summary.statistics.mean.map(|value| format!("{value:.2}"));
    let [sr, sg, sb] = summary.statistics.std.map(|value| format!("{value:.2}"));
    println!("channel mean {red} {green} {blue}, standard deviation {sr} {sg} {sb} (0-255)\n");
    let width = summary.classes.iter().map(|class| class.chars().count()).max().unwrap_or(0).max(5);
    let names: String = summary.splits.iter().map(|split| format!("{:>9}", split.name)).collect();
    println!("{:<width$} {names}", "class");
    for (class, name) in summary.classes.iter().enumerate() {
        let counts: String =
            summary.splits.iter().map(|split| format!("{:>9}", split.n_per_class[class])).collect();
        let place = summary.hierarchy.as_ref().map(|hierarchy| hierarchy.groups[class].join(" / "));
        println!("{name:<width$} {counts}   {}", place.unwrap_or_default());
    }
    let totals: String = summary.splits.iter().map(|split| format!("{:>9}", split.n_images)).collect();
    println!("{:<width$} {totals}", "all");
}

/// Write every image as `SPLIT/CLASS/NUMBER.png`, and the hierarchy beside.
fn generate(data: &DataSet, out: &Path, console: &Console) -> Result<(), Failure> {
    if out.exists() {
        return Err(Failure::user(format!("{} exists", out.display()), "name a new folder"));
    }
    let names: Vec<String> = data.split_names().map(str::to_owned).collect();
    let mut total = 0;
    for name in &names {
        total += data.split(name)?.len();
    }
    let bar = console.bar("generate", total);
    for name in &names {
        let split = data.split(name)?;
        for index in 0..split.len() {
            if console.stop.requested() {
                return Err(Failure::stopped("the folder is incomplete: remove it and begin again"));
            }
            let class = &data.classes[split.label(index)];
            let path = out.join(name).join(class).join(format!("{index:06}.png"));
            write_file(&path, &png(&split.image(index)?)?)?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    if let Some(hierarchy) = &data.hierarchy {
        write_file(&out.join("hierarchy.tsv"), hierarchy.to_tsv(&data.classes).as_bytes())?;
    }
    Ok(())
}
