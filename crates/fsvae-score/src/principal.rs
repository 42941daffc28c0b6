//! Principal components of images.

use crate::Gaussian;
use nalgebra::{DMatrix, DMatrixView, DVector};

/// The mean of images and the directions in which they differ most, the strongest first.
#[derive(Clone, Debug)]
pub struct Components {
    mean: DVector<f32>,
    /// `[pixels, components]`.
    directions: DMatrix<f32>,
}

impl Components {
    /// The `count` strongest of `images` `[n, pixels]`.
    pub fn fit(images: &[f32], pixels: usize, count: usize) -> Self {
        let Gaussian { mean, covariance } = Gaussian::fit(images, pixels);
        let eigen = covariance.symmetric_eigen();
        let mut order: Vec<usize> = (0..pixels).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let directions = DMatrix::from_fn(pixels, count.min(pixels), |pixel, i| eigen.eigenvectors[(pixel, order[i])] as f32);
        Self { mean: mean.map(|x| x as f32), directions }
    }

    /// What is left of `images` when only the `count` strongest components are kept.
    pub fn cut(&self, images: &[f32], count: usize) -> Vec<f32> {
        let pixels = self.mean.len();
        let mut centred = DMatrixView::from_slice(images, pixels, images.len() / pixels).into_owned();
        centred.column_iter_mut().for_each(|mut image| image -= &self.mean);
        let directions = self.directions.columns(0, count);
        let mut cut = directions * directions.tr_mul(&centred);
        cut.column_iter_mut().for_each(|mut image| image += &self.mean);
        cut.as_slice().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_near_a_line_keep_their_place_along_it() {
        // Along (3, 4), with a little noise across it.
        let points: Vec<f32> = [(-2.0, 0.1), (-1.0, -0.1), (1.0, 0.1), (2.0, -0.1)]
            .iter()
            .flat_map(|&(along, across): &(f32, f32)| [1.0 + 0.6 * along - 0.8 * across, 2.0 + 0.8 * along + 0.6 * across])
            .collect();
        let components = Components::fit(&points, 2, 2);
        let close = |a: &[f32], b: &[f32], far: f32| a.iter().zip(b).all(|(a, b)| (a - b).abs() < far);
        assert!(close(&components.cut(&points, 2), &points, 1e-5));
        let line = components.cut(&points, 1);
        assert!(close(&line, &points, 0.2) && !close(&line, &points, 0.01), "{line:?}");
        assert!(close(&components.cut(&points, 0), &[1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0], 1e-5));
    }
}
