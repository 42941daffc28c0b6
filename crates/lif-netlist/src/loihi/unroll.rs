//! Every projection as a matrix of synapses, since Lava has no transposed convolution.

use lif_graph::{Connectivity, Kernel, Projection, Shape};

/// A sparse matrix in compressed rows, as SciPy's `csr_matrix((data, indices, indptr), shape)` takes it: one row a target neuron,
/// columns ascending.
#[derive(Default)]
pub struct Rows {
    /// The chip's weights.
    pub data: Vec<i16>,
    /// Source neurons.
    pub indices: Vec<i32>,
    /// Where each row starts, and the end.
    pub indptr: Vec<i32>,
}

impl Rows {
    /// From `(source, weight)` by target.
    pub fn from_rows(rows: impl Iterator<Item = impl Iterator<Item = (usize, i16)>>) -> Self {
        let mut matrix = Self { indptr: vec![0], ..Self::default() };
        for row in rows {
            for (source, weight) in row {
                matrix.data.push(weight);
                matrix.indices.push(source as i32); // chips have fewer than 2^31 neurons and synapses: a rule
            }
            matrix.indptr.push(matrix.data.len() as i32);
        }
        matrix
    }
}

/// How many synapses a projection has that are not of weight 0 by construction: pairs of neurons within reach of each other.
pub fn synapses(projection: &Projection, from: Shape, to: Shape) -> u64 {
    let pairs = |kernel, transposed| {
        let reaching =
            |inputs, outputs| Axis { kernel, transposed, inputs }.taps(outputs).iter().map(|taps| taps.len() as u64).sum::<u64>();
        u64::from(from.channels) * u64::from(to.channels) * reaching(from.height, to.height) * reaching(from.width, to.width)
    };
    match projection.connectivity {
        Connectivity::Dense => from.neurons() as u64 * to.neurons() as u64,
        Connectivity::Conv2d(kernel) => pairs(kernel, false),
        Connectivity::ConvTranspose2d(kernel) => pairs(kernel, true),
        Connectivity::Pick => from.neurons() as u64,
    }
}

/// A convolution's synapses, those of weight 0 left out; `step` is what a weight of 1 is on the chip.
pub fn convolution(projection: &Projection, kernel: Kernel, transposed: bool, from: Shape, to: Shape, step: i16) -> Rows {
    let axis = |inputs| Axis { kernel, transposed, inputs };
    let (rows, columns) = (axis(from.height).taps(to.height), axis(from.width).taps(to.width));
    let (sources, targets, area) = (from.channels as usize, to.channels as usize, (kernel.size * kernel.size) as usize);
    let weights = &projection.weights;
    let synapses_of = |(channel, y, x): (usize, usize, usize)| {
        let (rows, columns) = (&rows[y], &columns[x]);
        let places =
            (0..sources).flat_map(move |origin| rows.iter().flat_map(move |&row| columns.iter().map(move |&column| (origin, row, column))));
        places.filter_map(move |(origin, (input_y, ky), (input_x, kx))| {
            let pair = if transposed { origin * targets + channel } else { channel * sources + origin };
            let weight = i16::from(weights[pair * area + (ky * kernel.size + kx) as usize]) * step;
            let source = origin * from.pixels() + (input_y * from.width + input_x) as usize;
            (weight != 0).then_some((source, weight))
        })
    };
    let neurons =
        (0..targets).flat_map(|channel| (0..to.height as usize).flat_map(move |y| (0..to.width as usize).map(move |x| (channel, y, x))));
    Rows::from_rows(neurons.map(synapses_of))
}

/// One direction (rows or columns) of a convolution.
struct Axis {
    kernel: Kernel,
    transposed: bool,
    inputs: u32,
}

impl Axis {
    /// For each of `outputs` places the inputs that reach it, ascending, each with its place in the kernel.
    fn taps(&self, outputs: u32) -> Vec<Vec<(u32, u32)>> {
        let Kernel { size, stride, padding, .. } = self.kernel;
        let input_of = |output: u32, tap: u32| {
            let input = if self.transposed {
                let distance = (output + padding).checked_sub(tap)?;
                distance.is_multiple_of(stride).then_some(distance / stride)?
            } else {
                (output * stride + tap).checked_sub(padding)?
            };
            (input < self.inputs).then_some((input, tap))
        };
        let taps_of = |output| {
            let mut taps: Vec<_> = (0..size).filter_map(|tap| input_of(output, tap)).collect();
            taps.sort_unstable();
            taps
        };
        (0..outputs).map(taps_of).collect()
    }
}
