//! `redyn import` and `redyn export`.

use redyn_store::{Published, Store, Work, export_npz, import as import_manifest, import_npz};
use redyn_zoo::checkpoint::Format;

use super::{checkpoint, print_path};
use crate::Failure;
use crate::args::{ExportArgs, ImportArgs};
use crate::console::Console;

pub(super) fn import(args: &ImportArgs, console: &Console) -> Result<(), Failure> {
    let ending = args.source.extension().unwrap_or_default();
    if ending != "npz" && ending != "json" && Format::of(&args.source)?.is_some() {
        return checkpoint::import(args, console);
    }
    if let Some(option) = args.checkpoint.given() {
        let source = args.source.display();
        return Err(Failure::user(
            format!("{option} goes with a checkpoint, and {source} is none"),
            "leave it out, or name a file of weights",
        ));
    }
    let bar = console.bar("import", 0);
    let watch = |done: usize, of: usize| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    };
    let work = Work { budget: args.memory, stop: console.stop.clone(), progress: &watch };
    let store = if ending == "npz" {
        let name =
            args.name.clone().or_else(|| Some(args.source.file_stem()?.to_string_lossy().into_owned()));
        let about = Published { name: name.unwrap_or_default(), ..Published::default() };
        import_npz(&args.source, &args.out, &about, &work)?
    } else {
        if args.name.is_some() {
            return Err(Failure::user("--name goes with a .npz file", "a manifest names its network itself"));
        }
        import_manifest(&args.source, &args.out, &work)?
    };
    bar.finish_and_clear();
    console.say(format!("{} images, {} classes", store.n_images(), store.about().classes.len()));
    print_path(&args.out)
}

pub(super) fn export(args: &ExportArgs, console: &Console) -> Result<(), Failure> {
    let store = Store::open(&args.store)?;
    let readout = store.readout().map(|(_, place)| place.tap.clone());
    let area = args.area.clone().or(readout).ok_or_else(|| {
        Failure::user("the store has no readout to choose an area by", "name the area with --area")
    })?;
    let trajectories = store.trajectories(&area, args.spatial.into())?;
    let bar = console.bar("export", 0);
    let watch = |done: usize, of: usize| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    };
    let work = Work { budget: args.memory, stop: console.stop.clone(), progress: &watch };
    export_npz(&trajectories, &args.npz, &work)?;
    bar.finish_and_clear();
    print_path(&args.npz)
}
