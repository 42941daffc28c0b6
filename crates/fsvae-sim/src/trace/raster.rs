//! A raster plot: time to the right, neurons downwards, population below population.

use super::probe::Probes;
use lif_graph::{LifGraph, PopulationId};
use lif_time::Spike;
use png::{BitDepth, ColorType, Encoder, EncodingError};

/// Pixels of a step.
const STEP: usize = 12;
/// Rows of a population at most: neurons beside each other share one, as grey as many of them fire.
const ROWS: usize = 256;
/// Rows between populations, and columns between steps.
const GAP: usize = 1;

/// A PNG file.
pub(crate) fn png(graph: &LifGraph, probes: &Probes, spikes: &[Spike]) -> Result<Vec<u8>, EncodingError> {
    let ids: Vec<PopulationId> = (0..graph.populations.len()).map(PopulationId::from_index).filter(|&id| probes.touches(id)).collect();
    let neurons: Vec<Vec<u32>> = ids.iter().map(|&id| probes.of(id)).collect();
    let rows: Vec<usize> = neurons.iter().map(|neurons| neurons.len().min(ROWS)).collect();
    let width = graph.steps as usize * (STEP + GAP) + GAP;
    let height = rows.iter().map(|rows| rows + GAP).sum::<usize>() + GAP;
    let mut pixels = vec![40u8; width * height];
    let mut top = GAP;
    for ((&id, neurons), &rows) in ids.iter().zip(&neurons).zip(&rows) {
        let row_of = |place: usize| place * rows / neurons.len();
        let mut counts = vec![0u32; rows * graph.steps as usize];
        for spike in spikes.iter().filter(|spike| spike.population == id) {
            if let Ok(place) = neurons.binary_search(&spike.neuron) {
                counts[row_of(place) * graph.steps as usize + spike.step as usize] += 1;
            }
        }
        let mut sizes = vec![0u32; rows];
        (0..neurons.len()).for_each(|place| sizes[row_of(place)] += 1);
        for (row, &size) in sizes.iter().enumerate() {
            for step in 0..graph.steps as usize {
                let share = counts[row * graph.steps as usize + step] * 255 / size;
                let start = (top + row) * width + GAP + step * (STEP + GAP);
                pixels[start..start + STEP].fill(255 - share as u8);
            }
        }
        top += rows + GAP;
    }
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lif_graph::{NeuronModel, Population, Shape};

    #[test]
    fn a_spike_is_black_where_it_belongs() {
        let row = |name: &str, neurons| Population { name: name.into(), shape: Shape::flat(neurons), model: NeuronModel::Source };
        let graph = LifGraph { name: "g".into(), steps: 2, populations: vec![row("a", 3), row("b", 512)], projections: vec![] };
        let spike = |step, population, neuron| Spike { step, population: PopulationId(population), neuron };
        let spikes = [spike(0, 0, 2), spike(1, 1, 6)];
        let bytes = png(&graph, &Probes::new(&graph, &[]).unwrap(), &spikes).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (27, 3 + 256 + 3));
        let at = |x: usize, y: usize| pixels[y * 27 + x];
        assert_eq!([at(1, 3), at(12, 3), at(13, 3), at(14, 3)], [0, 0, 40, 255]);
        // neuron 6 of 512 is one of two in row 3 of its population, which begins at row 5
        assert_eq!([at(14, 5 + 3), at(1, 5 + 3)], [128, 255]);
    }
}
