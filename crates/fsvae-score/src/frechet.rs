//! Gaussians and their Frechet distance (Dowson and Landau, 1982).

use nalgebra::{DMatrix, DVector};

/// Points whose double-precision copies are in memory at a time.
const PART: usize = 1024;

/// A normal distribution in n dimensions.
#[derive(Clone, Debug)]
pub struct Gaussian {
    /// `[n]`.
    pub mean: DVector<f64>,
    /// `[n, n]`.
    pub covariance: DMatrix<f64>,
}

impl Gaussian {
    /// Mean and sample covariance (divided by count - 1) of `points` `[count, dimensions]`, row-major; at least two points.
    pub fn fit(points: &[f32], dimensions: usize) -> Self {
        let count = points.len() / dimensions;
        assert!(count > 1 && count * dimensions == points.len(), "a Gaussian needs at least two whole points");
        let mut mean = DVector::zeros(dimensions);
        for point in points.chunks_exact(dimensions) {
            mean.iter_mut().zip(point).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        mean /= count as f64;
        let mut covariance = DMatrix::zeros(dimensions, dimensions);
        for part in points.chunks(PART * dimensions) {
            let mut centred = DMatrix::from_iterator(dimensions, part.len() / dimensions, part.iter().map(|&x| f64::from(x)));
            centred.column_iter_mut().for_each(|mut column| column -= &mean);
            covariance.gemm(1.0, &centred, &centred.transpose(), 1.0);
        }
        covariance /= count as f64 - 1.0;
        Self { mean, covariance }
    }

    /// |m1 - m2|^2 + tr(S1 + S2 - 2 sqrt(S1 S2)).
    ///
    /// S1 S2 has the eigenvalues of the symmetric sqrt(S1) S2 sqrt(S1), so that the trace of its root is a sum of real roots.
    pub fn distance(&self, other: &Self) -> f64 {
        let root = {
            let eigen = self.covariance.clone().symmetric_eigen();
            let roots = DMatrix::from_diagonal(&eigen.eigenvalues.map(|x| x.max(0.0).sqrt()));
            &eigen.eigenvectors * roots * eigen.eigenvectors.transpose()
        };
        let product = &root * &other.covariance * &root;
        let overlap: f64 = ((&product + product.transpose()) / 2.0).symmetric_eigenvalues().iter().map(|x| x.max(0.0).sqrt()).sum();
        (&self.mean - &other.mean).norm_squared() + self.covariance.trace() + other.covariance.trace() - 2.0 * overlap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_points_have_a_mean_and_a_covariance() {
        let gaussian = Gaussian::fit(&[0.0, 1.0, 2.0, 5.0], 2);
        assert_eq!(gaussian.mean.as_slice(), [1.0, 3.0]);
        assert_eq!(gaussian.covariance.as_slice(), [2.0, 4.0, 4.0, 8.0]);
    }

    #[test]
    fn commuting_covariances_have_a_distance_by_hand() {
        let gaussian = |mean: [f64; 2], variances: [f64; 2]| Gaussian {
            mean: DVector::from_row_slice(&mean),
            covariance: DMatrix::from_diagonal(&DVector::from_row_slice(&variances)),
        };
        // |(3, 4)|^2 + (3 - 1)^2 + (5 - 2)^2
        let (a, b) = (gaussian([0.0, 0.0], [9.0, 25.0]), gaussian([3.0, 4.0], [1.0, 4.0]));
        assert!((a.distance(&b) - 38.0).abs() < 1e-9 && (b.distance(&a) - 38.0).abs() < 1e-9);
        assert!(a.distance(&a).abs() < 1e-9);
    }

    #[test]
    fn the_distance_does_not_change_when_both_are_rotated() {
        let points = |scale: f32, at: f32| -> Vec<f32> { (0..60).map(|i| at + scale * ((i * i * 7 % 31) as f32 / 31.0 - 0.5)).collect() };
        let (a, b) = (points(1.0, 0.0), points(2.0, 0.3));
        let turned =
            |p: &[f32]| -> Vec<f32> { p.chunks(3).flat_map(|v| [0.6 * v[0] - 0.8 * v[1], 0.8 * v[0] + 0.6 * v[1], v[2]]).collect() };
        let straight = Gaussian::fit(&a, 3).distance(&Gaussian::fit(&b, 3));
        let rotated = Gaussian::fit(&turned(&a), 3).distance(&Gaussian::fit(&turned(&b), 3));
        assert!(straight > 0.1 && (straight - rotated).abs() < 1e-5, "{straight} {rotated}");
    }
}
