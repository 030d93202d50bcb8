//! `contact_sheet SPECIFICATION OUT.png [SIZE]`: look at a data set.

use redyn_stimuli::{OpenOptions, SheetOptions, contact_sheet, open};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, specification, out, rest @ ..] = &arguments[..] else {
        return Err("usage: contact_sheet SPECIFICATION OUT.png [SIZE]".into());
    };
    let image_size = rest.first().map(|size| size.parse()).transpose()?;
    let data = open(specification, &OpenOptions { image_size, ..OpenOptions::default() })?;
    let mut options = SheetOptions::new("train");
    options.magnify = (96 / data.image_size).max(1);
    std::fs::write(out, contact_sheet(&data, &options)?)?;
    Ok(())
}
