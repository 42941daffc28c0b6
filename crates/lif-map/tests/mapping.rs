//! Whole mappings: as documents, against their rules, and for random graphs.

use lif_chip::Chip;
use lif_graph::random::well_formed_graph;
use lif_graph::{Connectivity, Kernel, LifGraph, Membrane, NeuronModel, PixelTable, Population, PopulationId, Projection, Shape};
use lif_map::route::table::{Route, look_up};
use lif_map::rules::{CORE_RULES, rules};
use lif_map::{Filling, Machine, MapError, Mapping, Rates, map, map_filling};
use miette::Diagnostic;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const CHIPS: [&str; 5] = ["mesh2x2", "loihi1", "loihi2", "spinnaker1", "spinnaker2"];

fn chip(name: &str) -> Chip {
    lif_chip::find(name).expect("in the catalogue")
}

/// A chip with another figure.
fn chip_with(name: &str, from: &str, to: &str) -> Chip {
    let (file, text) = lif_chip::CATALOGUE.into_iter().find(|(file, _)| file.ends_with(&format!("/{name}.toml"))).unwrap();
    assert!(text.contains(from), "{file} does not say {from}");
    Chip::from_toml(file, &text.replacen(from, to, 1)).unwrap()
}

/// An FSVAE generator of these sizes, all weights 1.
fn fsvae(latent: u32, ways: u32, channels: &[u32], side: u32, image_channels: u32) -> LifGraph {
    let decay = lif_graph::Decay { multiplier: 1024, shift: 12, rounding: lif_graph::Rounding::TowardZero };
    let membrane = || Membrane { decay, input_shift: 0, bias: vec![0], bits: 24 };
    let lif = |name: String, shape| Population { name, shape, model: NeuronModel::Lif { membrane: membrane(), threshold: vec![9] } };
    let mut graph = LifGraph { name: "fsvae".into(), steps: 4, populations: vec![], projections: vec![] };
    for (index, width) in [2 * latent, 4 * latent, ways * latent].into_iter().enumerate() {
        graph.populations.push(lif(format!("prior.{index}"), Shape::flat(width)));
    }
    graph.populations.push(Population { name: "select".into(), shape: Shape::flat(latent), model: NeuronModel::Select { ways } });
    let image = |channels, side| Shape { channels, height: side, width: side };
    graph.populations.push(lif("decoder.input".into(), image(channels[0], side)));
    for (index, &width) in channels[1..].iter().enumerate() {
        graph.populations.push(lif(format!("decoder.{index}"), image(width, side << (index + 1))));
    }
    let pixels = PixelTable { levels: (0..255).collect() };
    let shape = image(image_channels, side << (channels.len() - 1));
    graph.populations.push(Population { name: "readout".into(), shape, model: NeuronModel::Readout { membrane: membrane(), pixels } });

    let double = Connectivity::ConvTranspose2d(Kernel { size: 3, stride: 2, padding: 1, output_padding: 1 });
    let keep = Connectivity::ConvTranspose2d(Kernel { size: 3, stride: 1, padding: 1, output_padding: 0 });
    let last = graph.populations.len() as u32 - 1;
    let mut wires = vec![(3, 0, Connectivity::Dense), (0, 1, Connectivity::Dense), (1, 2, Connectivity::Dense), (2, 3, Connectivity::Pick)];
    wires.push((3, 4, Connectivity::Dense));
    wires.extend((4..last).map(|index| (index, index + 1, if index + 1 == last { keep } else { double })));
    for (source, target, connectivity) in wires {
        let [from, to] = [source, target].map(|id: u32| graph.populations[id as usize].shape);
        let count = match connectivity {
            Connectivity::Dense => from.neurons() * to.neurons(),
            Connectivity::Conv2d(_) | Connectivity::ConvTranspose2d(_) => (from.channels * to.channels * 9) as usize,
            Connectivity::Pick => 0,
        };
        let (name, delay) = (format!("{source}->{target}"), u8::from(source == 3 && target == 0));
        let (source, target) = (PopulationId(source), PopulationId(target));
        graph.projections.push(Projection { name, source, target, delay, connectivity, weights: vec![1; count] });
    }
    graph.check().unwrap();
    graph
}

fn mapped(graph: &LifGraph, chip: &Chip) -> Result<Mapping, MapError> {
    map(graph, chip, &Rates::unit(graph), 1)
}

/// What every mapping must be, whatever it is of.
fn holds(graph: &LifGraph, chip: &Chip, mapping: &Mapping) {
    let machine = Machine::new(chip, mapping.slices.len() as u64).unwrap();
    // every neuron on one core, every core with one slice, which exists
    let mut neurons: BTreeMap<&str, u64> = BTreeMap::new();
    for slice in &mapping.slices {
        *neurons.entry(&slice.population).or_default() += slice.region.neurons();
        let router = machine.routers[machine.router_at(slice.x, slice.y).expect("a router") as usize];
        assert!((router.first_core..router.first_core + router.cores).contains(&slice.core));
        for rule in &CORE_RULES {
            assert!((rule.limit)(chip).is_none_or(|limit| (rule.figure)(&slice.load) <= limit), "{}", rule.rule.name);
        }
    }
    let on_chip = |population: &Population| {
        let image = matches!(population.model, NeuronModel::Image { .. });
        if image { 0 } else { population.shape.neurons() as u64 }
    };
    assert!(graph.populations.iter().all(|row| neurons.get(&row.name[..]).copied().unwrap_or(0) == on_chip(row)));
    let cores: BTreeSet<_> = mapping.slices.iter().map(|slice| (slice.x, slice.y, slice.core)).collect();
    assert_eq!(cores.len(), mapping.slices.len());
    // axons are counted alike from both ends, and spikes on links add up to the hops
    let of_edges: u64 = mapping.edges.iter().map(|edge| edge.spikes).sum();
    let gates = |ways: fn(u64) -> u64| {
        let stage = |population: &Population| match population.model {
            NeuronModel::Select { ways: k } => ways(u64::from(k) * population.shape.neurons() as u64),
            _ => 0,
        };
        graph.populations.iter().map(stage).sum::<u64>()
    };
    let axons: u64 = mapping.slices.iter().map(|slice| slice.load.input_axons).sum::<u64>() - gates(|gates| 2 * gates);
    let out: u64 = mapping.slices.iter().map(|slice| slice.load.output_axons).sum::<u64>() - gates(|gates| gates);
    assert_eq!((axons, out), (of_edges, of_edges), "with a spike from every neuron");
    let on_links: u64 = mapping.links.iter().map(|link| link.spikes).sum();
    assert!(mapping.hops.annealed <= mapping.hops.curve.min(mapping.hops.sequential));
    match &chip.hexagonal {
        None => assert_eq!(on_links, mapping.hops.annealed),
        Some(grid) => {
            assert!(mapping.routing_tables.iter().all(|table| table.entries.len() <= grid.routing_entries as usize));
            arrives(&machine, mapping);
        }
    }
}

/// Every slice's spikes reach the cores that listen and no other.
fn arrives(machine: &Machine, mapping: &Mapping) {
    let tables: BTreeMap<u32, _> =
        mapping.routing_tables.iter().map(|table| (machine.router_at(table.x, table.y).unwrap(), &table.entries)).collect();
    let core = |slice: u32| {
        let slice = &mapping.slices[slice as usize];
        (machine.router_at(slice.x, slice.y).unwrap(), slice.core)
    };
    let mut listeners: BTreeMap<u32, BTreeSet<(u32, u32)>> = BTreeMap::new();
    for edge in &mapping.edges {
        listeners.entry(edge.source).or_default().insert(core(edge.target));
    }
    for (source, expected) in listeners {
        let keys = mapping.slices[source as usize].keys.expect("it sends");
        let last = mapping.slices[source as usize].region.neurons() as u32 - 1;
        for key in [keys.key, keys.key + (last << 4)] {
            assert!(keys.holds(key));
            let (mut reached, mut flying) = (BTreeSet::new(), vec![(core(source).0, None)]);
            while let Some((router, coming)) = flying.pop() {
                let route = tables.get(&router).and_then(|entries| look_up(entries, key));
                let route = route.unwrap_or_else(|| Route::link(coming.expect("routed where it starts")));
                flying.extend(route.links().map(|direction| (machine.neighbour(router, direction).unwrap(), Some(direction))));
                assert!(route.cores().all(|number| reached.insert((router, number))), "a spike comes twice");
            }
            assert_eq!(reached, expected);
        }
    }
}

/// A mapping for people: slices, the grid with the number of slices on each router, links, tables.
fn drawing(mapping: &Mapping) -> String {
    let system = &mapping.system;
    let mut text = format!("{system:?}\n{:?}\n\n", mapping.hops);
    for (index, slice) in mapping.slices.iter().enumerate() {
        let range = |[first, end]: [u32; 2]| format!("{first}..{end}");
        let region = slice.region;
        let place = format!("({}, {}) core {}", slice.x, slice.y, slice.core);
        let region = [region.channels, region.rows, region.columns].map(range).join(" x ");
        let keys = slice.keys.map(|keys| format!("keys {:08x} {:08x}", keys.key, keys.mask)).unwrap_or_default();
        let _ = writeln!(text, "{index:3} {:13} {region:24} {place:16} {} bytes {keys}", slice.population, slice.load.memory_bytes);
    }
    text += "\n";
    for y in (0..system.rows).rev() {
        let count = |x| mapping.slices.iter().filter(|slice| (slice.x, slice.y) == (x, y)).count();
        let row: String = (0..system.columns).map(|x| format!(" {:2}", count(x))).collect();
        text += &(row.replace(" 0", " .") + "\n");
    }
    text += "\n";
    for link in &mapping.links {
        let _ = writeln!(text, "({}, {}) {:?}: {}", link.x, link.y, link.direction, link.spikes);
    }
    for table in &mapping.routing_tables {
        let _ = writeln!(text, "\nrouter ({}, {}), {} entries before compression", table.x, table.y, table.uncompressed);
        for entry in &table.entries {
            let (links, cores): (Vec<_>, Vec<_>) = (entry.route.links().collect(), entry.route.cores().collect());
            let _ = writeln!(text, "  {:08x} {:08x} {links:?} {cores:?}", entry.keys.key, entry.keys.mask);
        }
    }
    text
}

#[test]
fn a_small_network_on_every_chip() {
    let graph = fsvae(4, 3, &[2, 2], 2, 1);
    let on_mesh = mapped(&graph, &chip("mesh2x2")).unwrap_err();
    insta::assert_snapshot!("small_on_mesh2x2", on_mesh.to_string());
    for name in &CHIPS[1..] {
        let mapping = mapped(&graph, &chip(name)).unwrap();
        holds(&graph, &chip(name), &mapping);
        insta::assert_snapshot!(format!("small_on_{name}"), drawing(&mapping));
    }
}

/// Enough neurons for several cores of each kind of chip: convolutions are cut by position, axons make their sources smaller.
#[test]
fn a_network_that_must_be_cut() {
    let graph = fsvae(32, 8, &[64, 32, 16], 4, 1);
    for name in ["loihi1", "spinnaker1"] {
        let mapping = mapped(&graph, &chip(name)).unwrap();
        holds(&graph, &chip(name), &mapping);
        insta::assert_snapshot!(format!("cut_on_{name}"), drawing(&mapping));
    }
}

/// Four slices on the four cores of the mesh, one of them cut.
#[test]
fn four_cores_are_enough() {
    let text = format!(
        "graph g steps 2
         population in source 2x4x4
         population map lif 6x4x4 decay 1/2^2 floor shift 0 bits 20 bias [0] threshold [3]
         population out readout 1x8x8 decay 3/2^2 floor shift 0 bits 20 bias [0] levels [{}]
         projection a from in to map conv size 1 stride 1 padding 0 output-padding 0 delay 0 weights [{}]
         projection b from in to out conv-transpose size 2 stride 2 padding 0 output-padding 0 delay 0 weights [{}]",
        (0..255).map(|level| level.to_string()).collect::<Vec<_>>().join(", "),
        ["1"; 12].join(", "),
        ["1"; 8].join(", "),
    );
    let graph = LifGraph::from_text(&text).unwrap();
    graph.check().unwrap();
    let mapping = mapped(&graph, &chip("mesh2x2")).unwrap();
    holds(&graph, &chip("mesh2x2"), &mapping);
    insta::assert_snapshot!(drawing(&mapping));
}

/// A graph with one dense layer: `sources` neurons to a population of `shape`, through `projections` projections.
fn dense(sources: u32, shape: Shape, projections: usize) -> LifGraph {
    let decay = lif_graph::Decay { multiplier: 1, shift: 2, rounding: lif_graph::Rounding::Floor };
    let membrane = Membrane { decay, input_shift: 0, bias: vec![0], bits: 32 };
    let target = Population { name: "target".into(), shape, model: NeuronModel::Lif { membrane, threshold: vec![1] } };
    let source = Population { name: "source".into(), shape: Shape::flat(sources), model: NeuronModel::Source };
    let projection = |index| Projection {
        name: format!("p{index}"),
        source: PopulationId(0),
        target: PopulationId(1),
        delay: 0,
        connectivity: Connectivity::Dense,
        weights: vec![1; sources as usize * shape.neurons()],
    };
    LifGraph { name: "g".into(), steps: 1, populations: vec![source, target], projections: (0..projections).map(projection).collect() }
}

#[test]
fn every_rule_has_a_broken_case() {
    let small = fsvae(4, 3, &[2, 2], 2, 1);
    let flat = Shape::flat(2);
    let cases: Vec<(LifGraph, Chip)> = vec![
        (small.clone(), chip("generic")),
        (fsvae(1, 64, &[1, 1], 2, 1), chip("mesh2x2")),
        (dense(1_000_000, Shape::flat(1), 1), chip("loihi2")),
        (dense(1100, flat, 1), chip("mesh2x2")),
        (dense(49, flat, 1), chip("mesh2x2")),
        (dense(1, Shape::flat(100), 1), chip_with("mesh2x2", "output_axons = 96", "output_axons = 1")),
        (small.clone(), chip_with("mesh2x2", "threshold_profiles = 4", "threshold_profiles = 1")),
        (dense(3, flat, 5), chip("mesh2x2")),
        (dense(17, flat, 1), chip_with("mesh2x2", "spike_buffer_max = 64", "spike_buffer_max = 16")),
        (dense(3, Shape::flat(300), 1), chip("mesh2x2")),
        (small, chip_with("spinnaker1", "routing_entries = 1023", "routing_entries = 1")),
        (dense(1 << 17, Shape::flat(1), 1), chip_with("spinnaker1", "key_bits_below_neuron = 4", "key_bits_below_neuron = 16")),
    ];
    let mut broken = BTreeSet::from(["rates-fit-the-graph"]); // by its own test
    let mut text = String::new();
    for (graph, chip) in cases {
        graph.check().unwrap();
        let error = mapped(&graph, &chip).unwrap_err();
        broken.extend(error.breaches().iter().map(|breach| breach.rule.name));
        let _ = writeln!(text, "error[{}]: {error}\n  help: {}\n", error.code().unwrap(), error.help().unwrap());
    }
    let of_schedules: BTreeSet<&str> = lif_map::rules::SCHEDULE_RULES.iter().map(|rule| rule.name).collect(); // by tests/schedule.rs
    assert_eq!(broken, rules().map(|rule| rule.name).filter(|name| !of_schedules.contains(name)).collect());
    insta::assert_snapshot!(text);
}

#[test]
fn the_papers_network_spread_over_its_chips_gives_each_core_less_to_do() {
    let graph = fsvae(128, 20, &[256, 128, 64, 32, 32], 2, 1);
    let chip = chip("loihi1");
    let fewest = mapped(&graph, &chip).unwrap();
    let spread = map_filling(&graph, &chip, &Rates::unit(&graph), 1, Filling::Spread).unwrap();
    holds(&graph, &chip, &spread);
    let most = |mapping: &Mapping| mapping.slices.iter().map(|slice| slice.load.synapses).max();
    assert_eq!(spread.system.chips, fewest.system.chips);
    assert!(spread.slices.len() > fewest.slices.len() && most(&spread) < most(&fewest));
}

/// The sizes of the paper's two networks, on all that can hold them.
#[test]
fn the_papers_networks_fit() {
    let small = fsvae(128, 20, &[256, 128, 64, 32, 32], 2, 1);
    let large = fsvae(128, 20, &[512, 256, 128, 64, 32, 32], 2, 3);
    for (graph, name) in
        [(&small, "loihi1"), (&small, "loihi2"), (&small, "spinnaker1"), (&large, "loihi1"), (&large, "loihi2"), (&large, "spinnaker1")]
    {
        let mapping = mapped(graph, &chip(name)).unwrap();
        holds(graph, &chip(name), &mapping);
        assert!(mapping.hops.annealed * 10 < mapping.hops.sequential * 6, "{name}: {:?}", mapping.hops);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_networks_are_mapped_well_or_refused(graph in well_formed_graph(), which in 0usize..5, seed: u64) {
        let chip = chip(CHIPS[which]);
        let rates = Rates::unit(&graph);
        let on_threads = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| map(&graph, &chip, &rates, seed));
        let first = on_threads(1);
        prop_assert_eq!(&first, &on_threads(3));
        match first {
            Ok(mapping) => {
                holds(&graph, &chip, &mapping);
                let spread = map_filling(&graph, &chip, &rates, seed, Filling::Spread).unwrap();
                holds(&graph, &chip, &spread);
                prop_assert!(spread.system.chips == mapping.system.chips && spread.slices.len() >= mapping.slices.len());
            }
            Err(error) => prop_assert!(CHIPS[which] == "mesh2x2", "{}", error),
        }
    }
}
