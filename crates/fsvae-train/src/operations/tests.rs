//! Both countings against loops over every neuron and every synapse.

use super::wiring::{Maps, generation as drawing, prior, reconstruction as reconstructing};
use super::*;
use fsvae_model::LayerSpikes;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

const STEPS: usize = 3;

fn config() -> NetworkConfig {
    NetworkConfig { image_size: 8, channels: vec![2, 3], latent: 2, ways: 3, steps: STEPS, ..NetworkConfig::fsvae(1) }
}

/// Spikes of one image by layer, `[step][channel][y][x]`.
type Trains = BTreeMap<String, Vec<Vec<Vec<Vec<bool>>>>>;

fn random_trains(seed: u64) -> Trains {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let (config, z) = (config(), ("z".to_owned(), Maps { side: 1, channels: 2 }));
    let layers = [reconstructing(&config), drawing(&config)].concat();
    let fires: BTreeMap<String, Maps> = layers.into_iter().filter(|l| l.fires).map(|l| (l.name, l.to)).chain([z]).collect();
    let mut train = |maps: Maps| {
        let mut row = || (0..maps.side).map(|_| rng.random_bool(0.3)).collect::<Vec<bool>>();
        let mut picture = || (0..maps.side).map(|_| row()).collect::<Vec<_>>();
        (0..STEPS).map(|_| (0..maps.channels).map(|_| picture()).collect()).collect()
    };
    fires.into_iter().map(|(name, maps)| (name, train(maps))).collect()
}

fn counts(trains: &[Trains]) -> SpikeCounts {
    let mut counts = SpikeCounts::new(&config());
    counts.images = trains.len();
    for (name, train) in trains.iter().flatten() {
        let side = train[0][0].len();
        let empty = || LayerSpikes { neurons: train[0].len() * side * side, counts: vec![vec![0; side * side]; STEPS] };
        let layer = counts.layers.entry(name.clone()).or_insert_with(empty);
        for (step, channels) in train.iter().enumerate() {
            for (place, count) in layer.counts[step].iter_mut().enumerate() {
                *count += channels.iter().filter(|picture| picture[place / side][place % side]).count() as u64;
            }
        }
    }
    counts
}

/// All synapses of a layer as pairs of a source neuron and a target neuron (channel, y, x), by PyTorch's definition of the layers.
fn synapses(layer: &Layer, from: Maps) -> Vec<([usize; 3], [usize; 3])> {
    let neurons = |maps: Maps| {
        (0..maps.channels).flat_map(move |c| (0..maps.side).flat_map(move |y| (0..maps.side).map(move |x| [c, y, x]))).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    for target in neurons(layer.to) {
        for source in neurons(from) {
            for (ky, kx) in (0..3).flat_map(|ky| (0..3).map(move |kx| (ky, kx))) {
                let meets = |t: usize, s: usize, k: usize| match layer.synapses {
                    Synapses::Dense => true,
                    Synapses::Down => 2 * t as i64 + k as i64 - 1 == s as i64,
                    Synapses::Up { stride } => (stride * s) as i64 + k as i64 - 1 == t as i64,
                };
                let exists = meets(target[1], source[1], ky) && meets(target[2], source[2], kx);
                if exists && (layer.synapses != Synapses::Dense || (ky, kx) == (0, 0)) {
                    all.push((source, target));
                }
            }
        }
    }
    all
}

/// Additions and multiplications of one image, one by one.
fn one_by_one(layers: &[Layer], trains: &Trains) -> [u64; 2] {
    let [mut additions, mut multiplications] = [0; 2];
    for layer in layers {
        for source in &layer.sources {
            if *source == Source::Image {
                for _ in synapses(layer, layer.from) {
                    additions += 1;
                    multiplications += 1;
                }
                continue;
            }
            let (Source::Spikes(name) | Source::Previous(name)) = source else { unreachable!() };
            let train = &trains[name];
            let from = Maps { side: train[0][0].len(), channels: train[0].len() };
            for step in 0..STEPS {
                let heard = if let Source::Previous(_) = source { step.checked_sub(1) } else { Some(step) };
                let Some(heard) = heard else { continue };
                for ([c, y, x], _) in synapses(layer, from) {
                    additions += u64::from(train[heard][c][y][x]);
                }
            }
        }
        for _neuron_and_step in 0..layer.to.neurons() * STEPS {
            additions += 2; // v = leak * v + sum + bias
            multiplications += 1;
        }
    }
    [additions, multiplications]
}

#[test]
fn operations_are_those_of_all_synapses_one_by_one() {
    let trains: Vec<Trains> = (0..2).map(random_trains).collect();
    let counts = counts(&trains);
    for (layers, counted) in
        [(reconstructing(&config()), reconstruction(&config(), &counts)), (drawing(&config()), generation(&config(), &counts))]
    {
        let each: Vec<[u64; 2]> = trains.iter().map(|trains| one_by_one(&layers, trains)).collect();
        let mean = |i: usize| (each[0][i] + each[1][i]) as f64 / 2.0;
        assert_eq!([counted.additions, counted.multiplications], [mean(0), mean(1)]);
        let synaptic: f64 = counted.layers.iter().map(|layer| layer.synaptic_additions).sum();
        assert!(synaptic > 1000.0 && counted.layers.iter().all(|layer| layer.synaptic_additions > 0.0), "nothing was tested");
    }
}

#[test]
fn a_border_has_fewer_synapses() {
    let layers = reconstructing(&config());
    let layer = |name: &str| layers.iter().find(|layer| layer.name == name).unwrap();
    // The last column of an even picture has one tap at stride 2, inner ones have one or two.
    assert_eq!((0..8).map(|at| layer("encoder.0").reached(at)).collect::<Vec<_>>(), [1, 2, 1, 2, 1, 2, 1, 1]);
    // Transposed, stride 2: only the first position loses a tap; stride 1: both ends do.
    assert_eq!((0..2).map(|at| layer("decoder.0").reached(at)).collect::<Vec<_>>(), [2, 3]);
    assert_eq!((0..8).map(|at| layer("final_layer.1").reached(at)).collect::<Vec<_>>(), [2, 3, 3, 3, 3, 3, 3, 2]);
}

/// The published program on one image: layer calls as it makes them, each counted by its formulas on the call's own numbers.
fn program(layers: &[Layer], trains: &Trains, again: &str) -> [f64; 2] {
    let [mut additions, mut multiplications] = [0.0; 2];
    for layer in layers {
        let lengths: Vec<usize> = if layer.name.starts_with(again) { (1..=STEPS).collect() } else { vec![STEPS] };
        for length in lengths {
            let ones = |name: &str, steps: usize| trains[name][..steps].iter().flatten().flatten().flatten().filter(|s| **s).count() as f64;
            let module_in: f64 = layer
                .sources
                .iter()
                .map(|source| match source {
                    Source::Image => 0.0,
                    Source::Spikes(name) => ones(name, length),
                    Source::Previous(name) => ones(name, length - 1),
                })
                .sum();
            let out = (layer.to.neurons() * length) as f64;
            let out_channels = layer.to.channels as f64;
            match layer.synapses {
                Synapses::Down if layer.sources == [Source::Image] => {
                    let s_in = (layer.from.neurons() * length) as f64;
                    let mul = s_in * 3.0 * 3.0 * out_channels / (2.0 * 2.0);
                    multiplications += mul;
                    additions += mul + s_in;
                }
                Synapses::Down => additions += module_in * 3.0 * 3.0 * out_channels / (2.0 * 2.0) + out,
                Synapses::Up { stride } => additions += module_in * 3.0 * 3.0 * out_channels * (stride * stride) as f64 + out,
                Synapses::Dense => additions += module_in * layer.to.neurons() as f64 + out,
            }
            if layer.fires {
                additions += out;
                multiplications += out - ones(&layer.name, length);
            }
        }
    }
    [additions, multiplications]
}

#[test]
fn the_published_counting_is_the_published_programs() {
    let trains: Vec<Trains> = (0..2).map(random_trains).collect();
    let counts = counts(&trains);
    let counted = published(&config(), &counts, &counts);
    let test = [reconstructing(&config()), prior(&config())].concat();
    for (layers, again, totals) in [(test, "posterior", counted.reconstruction), (drawing(&config()), "prior", counted.generation)] {
        let each: Vec<[f64; 2]> = trains.iter().map(|trains| program(&layers, trains, again)).collect();
        let batch = |i: usize| 250.0 * (each[0][i] + each[1][i]) / 2.0;
        for (counted, expected) in [(totals.additions, batch(0)), (totals.multiplications, batch(1))] {
            assert!((counted - expected).abs() < 1e-9 * expected, "{counted} is not {expected}");
        }
    }
}
