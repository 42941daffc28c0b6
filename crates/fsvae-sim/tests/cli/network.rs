//! A network of the FSVAE's shape with random weights: prior, select stage, decoder, read-out.

use lif_graph::*;

/// How wide the network is.
pub struct Widths {
    /// Latent channels; the prior has 2, 4 and 20 times as many neurons.
    pub latent: u32,
    /// Of the decoder's maps of 2x2, 4x4, 8x8, 16x16 and 32x32.
    pub maps: [u32; 5],
    /// 1 for grey, 3 for colour.
    pub image: u32,
}

/// Small enough for many runs.
pub const TINY: Widths = Widths { latent: 4, maps: [8, 6, 4, 4, 4], image: 1 };

/// Fires at about 15 % of its neurons and steps.
pub fn fsvae(widths: &Widths) -> LifGraph {
    let mut random = Random(1);
    let latent = widths.latent;
    let mut graph = LifGraph { name: "random-fsvae".into(), steps: 16, populations: vec![], projections: vec![] };
    let mut side = 2;
    // The first layer's own bias starts the loop: no latent spikes arrive in step 0.
    graph.populations.push(lif("prior.0", Shape::flat(2 * latent), latent, 4, &mut random));
    graph.populations.push(lif("prior.1", Shape::flat(4 * latent), 2 * latent, 1, &mut random));
    graph.populations.push(lif("prior.2", Shape::flat(20 * latent), 4 * latent, 1, &mut random));
    graph.populations.push(Population { name: "select".into(), shape: Shape::flat(latent), model: NeuronModel::Select { ways: 20 } });
    let square = |channels, side| Shape { channels, height: side, width: side };
    let neurons = square(widths.maps[0], 2);
    let flat = lif("decoder.input", Shape::flat(neurons.neurons() as u32), latent, 1, &mut random);
    graph.populations.push(Population { shape: neurons, ..flat }); // a dense layer has a bias for each neuron
    for (index, pair) in widths.maps.windows(2).enumerate() {
        side *= 2;
        graph.populations.push(lif(&format!("decoder.{index}"), square(pair[1], side), 9 * pair[0] / 4, 1, &mut random));
    }
    let spread = 16 * spread(9 * widths.maps[4]);
    graph.populations.push(Population {
        name: "readout".into(),
        shape: square(widths.image, side),
        model: NeuronModel::Readout {
            membrane: Membrane {
                decay: Decay { multiplier: 3277, shift: 12, rounding: Rounding::TowardZero },
                input_shift: 4,
                bias: vec![0],
                bits: 24,
            },
            pixels: PixelTable { levels: (-127..128).map(|level| level * spread / 64).collect() },
        },
    });
    let up = Kernel { size: 3, stride: 2, padding: 1, output_padding: 1 };
    let same = Kernel { stride: 1, output_padding: 0, ..up };
    connect(&mut graph, "select", "prior.0", 1, Connectivity::Dense, &mut random);
    connect(&mut graph, "prior.0", "prior.1", 0, Connectivity::Dense, &mut random);
    connect(&mut graph, "prior.1", "prior.2", 0, Connectivity::Dense, &mut random);
    connect(&mut graph, "prior.2", "select", 0, Connectivity::Pick, &mut random);
    connect(&mut graph, "select", "decoder.input", 0, Connectivity::Dense, &mut random);
    for pair in ["decoder.input", "decoder.0", "decoder.1", "decoder.2", "decoder.3"].windows(2) {
        connect(&mut graph, pair[0], pair[1], 0, Connectivity::ConvTranspose2d(up), &mut random);
    }
    connect(&mut graph, "decoder.3", "readout", 0, Connectivity::ConvTranspose2d(same), &mut random);
    graph
}

/// Standard deviation of a sum of weights when 15 % of the sources fire.
fn spread(fan_in: u32) -> i32 {
    (31.0 * f64::from(fan_in).sqrt() * 0.15f64.sqrt()) as i32
}

fn lif(name: &str, shape: Shape, fan_in: u32, bias: i32, random: &mut Random) -> Population {
    let spread = 16 * spread(fan_in);
    let bias = (0..shape.channels).map(|_| bias * (random.below(spread) - spread / 2)).collect();
    Population {
        name: name.into(),
        shape,
        model: NeuronModel::Lif {
            membrane: Membrane {
                decay: Decay { multiplier: 1024, shift: 12, rounding: Rounding::TowardZero },
                input_shift: 4,
                bias,
                bits: 24,
            },
            threshold: vec![spread],
        },
    }
}

fn connect(graph: &mut LifGraph, from: &str, to: &str, delay: u8, connectivity: Connectivity, random: &mut Random) {
    let (source, target) = (graph.find(from).unwrap(), graph.find(to).unwrap());
    let (from_shape, to_shape) = (graph.population(source).shape, graph.population(target).shape);
    let count = match connectivity {
        Connectivity::Dense => from_shape.neurons() * to_shape.neurons(),
        Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel) => {
            (from_shape.channels * to_shape.channels * kernel.size.pow(2)) as usize
        }
        Connectivity::Pick => 0,
    };
    let weights = (0..count).map(|_| (0..4).map(|_| random.below(55) - 27).sum::<i32>() as i8).collect();
    graph.projections.push(Projection { name: format!("{from}->{to}"), source, target, delay, connectivity, weights });
}

/// Numbers that look random and are the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: i32) -> i32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (((self.0 >> 32) * limit as u64) >> 32) as i32
    }
}
