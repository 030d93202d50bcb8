//! Small pictures of the images a report shows.

use std::collections::{BTreeMap, BTreeSet};

use redyn_analysis::{Projection, Results};
use redyn_report::Thumbnail;
use redyn_stimuli::{DataSet, Image, png};

use crate::Failure;

/// Pictures of every image that a projection of the results shows, by index.
///
/// `ids` names the image of every index, `split` is where they are looked for.
pub(crate) fn thumbnails(
    results: &Results,
    ids: &[String],
    data: &DataSet,
    split: &str,
) -> Result<BTreeMap<usize, Thumbnail>, Failure> {
    let projections = results.networks.iter().filter_map(redyn_analysis::NetworkResults::get::<Projection>);
    let shown: BTreeSet<usize> =
        projections.flat_map(|projection| projection.shown.iter().map(|image| image.image)).collect();
    let split = data.split(split)?;
    let places: BTreeMap<String, usize> = (0..split.len()).map(|index| (split.id(index), index)).collect();
    let mut pictures = BTreeMap::new();
    for index in shown {
        if let Some(&place) = ids.get(index).and_then(|id| places.get(id)) {
            let picture: Image = split.image(place)?;
            pictures.insert(index, Thumbnail::new(png(&picture)?)?);
        }
    }
    Ok(pictures)
}
