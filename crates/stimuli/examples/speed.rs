//! `speed [SIZE]`: how many built-in stimuli one core draws a second.

use redyn_stimuli::{OpenOptions, open};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let image_size = std::env::args().nth(1).map(|size| size.parse()).transpose()?;
    let data = open("builtin", &OpenOptions { image_size, ..OpenOptions::default() })?;
    let (train, n) = (data.split("train")?, 4_000);
    let start = std::time::Instant::now();
    for index in 0..n {
        std::hint::black_box(train.image(index)?);
    }
    println!("{:.0} images/s of {} pixels", n as f64 / start.elapsed().as_secs_f64(), data.image_size);
    Ok(())
}
