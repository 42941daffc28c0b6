//! A part of a data set, whether it fits into the memory or not.

use crate::{DataError, Images, LabelledImages, celeba::Pictures};

/// Images of one size, to be had by number: [`ImageSet::take`].
///
/// MNIST, Fashion-MNIST and CIFAR-10 are held in memory (at most 154 MB). Of CelebA, which would be 2.5 GB, only the names of the pictures
/// are held; each picture is read, decoded, cropped and resized whenever it is taken. That is little beside what a training step does
/// with it, and there is no cache that could be out of date.
#[derive(Clone, Debug)]
pub struct ImageSet {
    kind: Kind,
    side: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    Memory(LabelledImages),
    Pictures(Pictures),
}

impl ImageSet {
    pub(crate) fn from_memory(mut data: LabelledImages, side: usize) -> Self {
        if (data.images.height, data.images.width) != (side, side) {
            data.images = data.images.resized(side);
        }
        Self { kind: Kind::Memory(data), side }
    }

    pub(crate) fn from_pictures(pictures: Pictures, side: usize) -> Self {
        Self { kind: Kind::Pictures(pictures), side }
    }

    /// How many images there are; at least one.
    pub fn count(&self) -> usize {
        match &self.kind {
            Kind::Memory(data) => data.images.count,
            Kind::Pictures(pictures) => pictures.count(),
        }
    }

    /// One class an image, from 0 to 9; CelebA has none.
    pub fn labels(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Memory(data) => Some(&data.labels),
            Kind::Pictures(_) => None,
        }
    }

    /// The first `count` images, or all if there are fewer.
    pub fn first(self, count: usize) -> Self {
        let kind = match self.kind {
            Kind::Memory(mut data) => {
                data.keep(0..count.min(data.images.count));
                Kind::Memory(data)
            }
            Kind::Pictures(pictures) => Kind::Pictures(pictures.first(count)),
        };
        Self { kind, ..self }
    }

    /// The images with these numbers, in that order. Panics if there is no such image.
    ///
    /// # Errors
    /// What is wrong with the first of CelebA's pictures that cannot be decoded.
    pub fn take(&self, indices: impl IntoIterator<Item = usize>) -> Result<Images, DataError> {
        let indices: Vec<usize> = indices.into_iter().collect();
        match &self.kind {
            Kind::Memory(data) => Ok(data.images.take(&indices)),
            Kind::Pictures(pictures) => pictures.take(&indices, self.side),
        }
    }

    /// All images: not for CelebA's training images, unless there are 2 GB to spare.
    ///
    /// # Errors
    /// As [`ImageSet::take`].
    pub fn all(&self) -> Result<Images, DataError> {
        self.take(0..self.count())
    }
}
