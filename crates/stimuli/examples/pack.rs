//! `pack SPECIFICATION OUT.h5 [SIZE]`: any data set to one HDF5 file.

use redyn_core::Stop;
use redyn_stimuli::{OpenOptions, open, pack};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, specification, out, rest @ ..] = &arguments[..] else {
        return Err("usage: pack SPECIFICATION OUT.h5 [SIZE]".into());
    };
    let image_size = rest.first().map(|size| size.parse()).transpose()?;
    let data = open(specification, &OpenOptions { image_size, ..OpenOptions::default() })?;
    println!("{:?}", pack(&data, out.as_ref(), &Stop::default())?);
    Ok(())
}
