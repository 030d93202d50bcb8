//! Images in files of their own: the paths, not the pixels.

use std::fs;
use std::path::PathBuf;

use rayon::prelude::*;

use crate::decode::{Turned, decode, size};
use crate::{Frame, Image, Skipped, Stimuli, StimuliError, resize};

/// How many headers are looked at, spread evenly, to learn the size images have.
const SIZES_LOOKED_AT: usize = 32;

/// One split of images in files.
pub(crate) struct Files {
    pub(crate) root: PathBuf,
    /// What comes before a file's name in the image's id.
    pub(crate) prefix: String,
    /// Label and name, `CLASS/FILE`.
    pub(crate) listed: Vec<(usize, String)>,
    /// The path below the root of a file so named.
    pub(crate) path_of: fn(&str) -> &str,
    pub(crate) turned: Turned,
    pub(crate) size: usize,
    pub(crate) frame: Frame,
}

impl Files {
    fn path(&self, index: usize) -> PathBuf {
        self.root.join((self.path_of)(&self.listed[index].1))
    }

    fn bytes(&self, index: usize) -> Result<Vec<u8>, StimuliError> {
        let path = self.path(index);
        fs::read(&path).map_err(|source| StimuliError::Io { path, doing: "read", source })
    }

    /// Decode everything once and keep what can be decoded.
    pub(crate) fn leave_out_bad(&mut self) -> Vec<Skipped> {
        let reasons: Vec<Option<String>> = (0..self.len())
            .into_par_iter()
            .map(|index| match self.bytes(index) {
                Ok(bytes) => decode(&bytes, self.turned).err(),
                Err(error) => Some(error.to_string()),
            })
            .collect();
        let skipped = reasons
            .iter()
            .enumerate()
            .filter_map(|(index, reason)| Some(Skipped { id: self.id(index), reason: reason.clone()? }))
            .collect();
        let mut bad = reasons.iter().map(Option::is_some);
        self.listed.retain(|_| !bad.next().unwrap_or(false));
        skipped
    }

    /// Heights and widths of some images, from the beginnings of their files.
    pub(crate) fn some_sizes(&self) -> Result<Vec<(usize, usize)>, StimuliError> {
        let n = self.len().min(SIZES_LOOKED_AT);
        (0..n)
            .map(|i| {
                let index = i * self.len() / n;
                size(&self.bytes(index)?)
                    .map_err(|reason| StimuliError::Undecodable { path: self.path(index), reason })
            })
            .collect()
    }
}

impl Stimuli for Files {
    fn len(&self) -> usize {
        self.listed.len()
    }

    fn label(&self, index: usize) -> usize {
        self.listed[index].0
    }

    fn id(&self, index: usize) -> String {
        format!("{}{}", self.prefix, self.listed[index].1)
    }

    fn image(&self, index: usize) -> Result<Image, StimuliError> {
        let image = decode(&self.bytes(index)?, self.turned)
            .map_err(|reason| StimuliError::Undecodable { path: self.path(index), reason })?;
        Ok(resize::to_square(image, self.size, self.frame))
    }

    fn content(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), StimuliError> {
        for index in 0..self.len() {
            let bytes = self.bytes(index)?;
            take(self.id(index).as_bytes());
            take(&[0]);
            take(&(self.label(index) as u64).to_le_bytes());
            take(&(bytes.len() as u64).to_le_bytes());
            take(&bytes);
        }
        Ok(())
    }
}
