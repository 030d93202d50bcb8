//! `redyn store`.

use redyn_store::Store;

use super::print_json;
use crate::Failure;
use crate::args::StoreArgs;

pub(super) fn run(args: &StoreArgs) -> Result<(), Failure> {
    let info = Store::open_partial(&args.store)?.info()?;
    if args.json {
        print_json(&info);
        return Ok(());
    }
    println!("{}", info.about.name);
    println!("  network   {}", info.about.network);
    println!("  weights   epoch {}, seed {}", or_unknown(info.about.epoch), or_unknown(info.about.seed));
    println!("  images    {} of {}", info.n_images_present, info.n_images);
    println!("  steps     {}", info.n_steps);
    println!("  classes   {}", info.about.classes.len());
    for tap in &info.taps {
        let shape: Vec<String> =
            tap.shape.iter().map(|axis| format!("{} {}", axis.size, axis.name)).collect();
        println!("  area      {}: {} at {} steps", tap.area, shape.join(" x "), tap.steps.len());
    }
    if let Some(readout) = &info.readout {
        println!("  readout   of {}, {} steps later", readout.tap, readout.delay);
    }
    println!("  size      {} an image", crate::unroll::bytes(info.bytes_per_image));
    println!("  kernels   {}", info.about.kernel_path);
    println!("  command   {}", info.about.command);
    println!("  digest    {}", info.digest);
    Ok(())
}

fn or_unknown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| value.to_string())
}
