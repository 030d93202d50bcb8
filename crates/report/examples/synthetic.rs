//! Write a report on invented trajectories, to look at:
//! `cargo run -p redyn-report --example synthetic -- FOLDER [IMAGES] [STEPS] [REPLICATES] [NETWORKS]`

use std::path::Path;

#[path = "../tests/support/mod.rs"]
mod support;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().ok_or("name the folder to write to")?;
    let number = |index: usize, default: usize| arguments.get(index).map_or(Ok(default), |text| text.parse());
    let size = support::Size { images: number(1, 800)?, steps: number(2, 10)?, replicates: number(3, 1000)? };
    let mut context = support::context(size);
    context.networks.truncate(number(4, 4)?);
    let written = redyn_report::write(&context, Path::new(folder))?;
    println!("{}", written.page.display());
    Ok(())
}
