//! From the generated picture to the 299x299 one that the networks see. Both filters work along rows, then along columns.

/// Side of the enlarged picture.
pub const SIDE: usize = 299;

/// How to fill in between pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Pillow's `BICUBIC` on single-precision pixels (a = -1/2; `ImagingResample`): what clean-fid does.
    Bicubic,
    /// PyTorch's `interpolate(mode="bilinear", align_corners=False)`.
    Bilinear,
}

/// The input pixels of one output pixel along one axis.
struct Window {
    first: usize,
    weights: Vec<f64>,
}

impl Filter {
    fn windows(self, from: usize) -> Vec<Window> {
        let scale = from as f64 / SIDE as f64;
        (0..SIDE).map(|output| self.window(from, (output as f64 + 0.5) * scale, scale)).collect()
    }

    /// The window around `centre`, in input pixels.
    fn window(self, from: usize, centre: f64, scale: f64) -> Window {
        match self {
            Self::Bicubic => {
                // Like all of Pillow's, the filter widens when it shrinks a picture.
                let widened = scale.max(1.0);
                let first = (centre - 2.0 * widened + 0.5) as usize; // `as` takes what is below zero for zero
                let end = ((centre + 2.0 * widened + 0.5) as usize).min(from);
                let exact: Vec<f64> = (first..end).map(|input| cubic((input as f64 - centre + 0.5) / widened)).collect();
                let total: f64 = exact.iter().sum();
                Window { first, weights: exact.iter().map(|w| w / total).collect() }
            }
            Self::Bilinear => {
                let at = (centre - 0.5).max(0.0);
                let (first, part) = (at as usize, at.fract());
                Window { first, weights: if first + 1 < from { vec![1.0 - part, part] } else { vec![1.0] } }
            }
        }
    }

    /// A plane of `side` x `side` pixels as one of [`SIDE`] x [`SIDE`].
    pub fn enlarge(self, plane: &[f32], side: usize) -> Vec<f32> {
        let windows = self.windows(side);
        let sum = |window: &Window, pixel: &dyn Fn(usize) -> f32| -> f32 {
            let products = window.weights.iter().enumerate().map(|(i, weight)| weight * f64::from(pixel(window.first + i)));
            products.sum::<f64>() as f32
        };
        let rows: Vec<f32> = plane.chunks_exact(side).flat_map(|row| windows.iter().map(|window| sum(window, &|x| row[x]))).collect();
        windows.iter().flat_map(|window| (0..SIDE).map(|x| sum(window, &|y| rows[y * SIDE + x])).collect::<Vec<_>>()).collect()
    }
}

/// Keys's cubic convolution kernel with a = -1/2.
fn cubic(x: f64) -> f64 {
    match x.abs() {
        x if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        x if x < 2.0 => ((2.5 - 0.5 * x) * x - 4.0) * x + 2.0,
        _ => 0.0,
    }
}
