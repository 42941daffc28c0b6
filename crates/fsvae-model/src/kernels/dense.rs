//! Fully connected layers whose input are spikes.
//!
//! ```text
//!   forward            lists x weights
//!   weight gradient    lists, transposed, x gradient of the currents
//!   input gradient     gradient of the currents x weights: a matrix product, nothing in it is a spike
//! ```
//!
//! Weights are `[in][out]`: what a spike adds lies together. No partial sums: every task owns rows of its result.

use super::matrix::{Matrix, multiply, transposed};
use super::spikes::SpikeLists;
use super::{TASKS, buffers};
use rayon::prelude::*;

/// Rows of a task: enough that a block of the other matrix is used while it is in the cache.
fn rows_of_task(rows: usize) -> usize {
    rows.div_ceil(TASKS).max(4)
}

/// Currents `[rows][out]` of spikes `[rows][in]`.
pub fn forward(weights: &[f32], inputs: usize, spikes: &[f32], out: &mut [f32]) {
    let outputs = weights.len() / inputs;
    let rows = rows_of_task(spikes.len() / inputs);
    let tasks = out.par_chunks_mut(rows * outputs).zip(spikes.par_chunks(rows * inputs));
    tasks.for_each_init(SpikeLists::default, |lists, (out, spikes)| {
        lists.clear();
        lists.extend(spikes, inputs);
        lists.product(weights, outputs, out, false);
    });
}

/// Gradient of the weights, from that of the currents `[rows][out]`.
pub fn weight_gradient(inputs: usize, spikes: &[f32], gradient: &[f32]) -> Vec<f32> {
    let outputs = gradient.len() / (spikes.len() / inputs);
    let (mut by_row, mut by_input) = (SpikeLists::default(), SpikeLists::default());
    by_row.extend(spikes, inputs);
    by_input.transpose(&by_row, inputs);
    let mut sum = buffers::take(inputs * outputs);
    let rows = rows_of_task(inputs);
    sum.par_chunks_mut(rows * outputs).enumerate().for_each(|(i, sum)| {
        let first = i * rows;
        by_input.product_of_rows(first..first + sum.len() / outputs, gradient, outputs, sum, false);
    });
    sum
}

/// Gradient of the spikes `[rows][in]`, from that of the currents `[rows][out]`.
pub fn input_gradient(weights: &[f32], inputs: usize, gradient: &[f32], out: &mut [f32]) {
    /// Rows that make it worth while to pack the weights for a task.
    const ROWS: usize = 64;
    let outputs = weights.len() / inputs;
    let rows = gradient.len() / outputs;
    let rows_of_task = rows.div_ceil((rows / ROWS).clamp(1, 4));
    let by_output = transposed(weights, outputs);
    out.par_chunks_mut(rows_of_task * inputs).zip(gradient.par_chunks(rows_of_task * outputs)).for_each(|(out, gradient)| {
        let shape = (out.len() / inputs, outputs, inputs);
        multiply(shape, Matrix::new(gradient, outputs), Matrix::new(&by_output, inputs), out, false);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Inputs, weights, spikes, gradient.
    fn case() -> impl Strategy<Value = (usize, Vec<f32>, Vec<f32>, Vec<f32>)> {
        (1usize..80, 1usize..70, 1usize..40).prop_flat_map(|(rows, inputs, outputs)| {
            let real = |len| prop::collection::vec(-2.0f32..2.0, len);
            let spikes = prop::collection::vec(prop_oneof![2 => Just(0.0f32), 1 => Just(1.0)], rows * inputs);
            (Just(inputs), real(inputs * outputs), spikes, real(rows * outputs))
        })
    }

    proptest! {
        #[test]
        fn forward_and_both_gradients_equal_the_definition((inputs, weights, spikes, gradient) in case()) {
            let (rows, outputs) = (spikes.len() / inputs, weights.len() / inputs);
            let mut expected = (vec![0f32; rows * outputs], vec![0f32; weights.len()], vec![0f32; spikes.len()]);
            for (r, o, i) in (0..rows).flat_map(|r| (0..outputs).flat_map(move |o| (0..inputs).map(move |i| (r, o, i)))) {
                let (y, w, x) = (r * outputs + o, i * outputs + o, r * inputs + i);
                expected.0[y] += weights[w] * spikes[x];
                expected.1[w] += gradient[y] * spikes[x];
                expected.2[x] += gradient[y] * weights[w];
            }
            let mut found = (vec![9f32; rows * outputs], weight_gradient(inputs, &spikes, &gradient), vec![9f32; spikes.len()]);
            forward(&weights, inputs, &spikes, &mut found.0);
            input_gradient(&weights, inputs, &gradient, &mut found.2);
            for (found, expected) in [(found.0, expected.0), (found.1, expected.1), (found.2, expected.2)] {
                prop_assert_eq!(found.len(), expected.len());
                prop_assert!(found.iter().zip(&expected).all(|(f, e)| (f - e).abs() <= 1e-4 * (1.0 + e.abs())));
            }
        }
    }
}
