use super::{Chip, fast, flow, slow};
use crate::replay::recorded;
use crate::workload::{Recording, Source, Workload};
use crate::{Clock, Schedule, Spike, idle};
use lif_chip::{Barrier, Between, Cost, Costs, Femtojoules, Picoseconds};
use lif_graph::random::{source_spikes, well_formed_graph};
use lif_graph::{Interpreter, LifGraph, PopulationId};
use lif_map::{Mapping, Rates};
use proptest::prelude::*;

/// A graph that fits some small chip, its mapping, and a chip with prices.
pub(crate) fn mapped() -> impl Strategy<Value = (LifGraph, Mapping, lif_chip::Chip, Vec<Spike>)> {
    let graph = well_formed_graph().prop_flat_map(|graph| (source_spikes(&graph), Just(graph)));
    let chip = prop_oneof![Just("loihi1"), Just("spinnaker1"), Just("mesh2x2")];
    let parts = (graph, chip, 1u32..9, costs(), any::<u64>());
    parts.prop_filter_map("it does not fit", |((given, graph), chip, neurons, costs, seed)| {
        let mut chip = lif_chip::find(chip).unwrap();
        (chip.core.neurons_per_core, chip.costs) = (neurons * 4, Some(costs));
        let mapping = lif_map::map(&graph, &chip, &Rates::unit(&graph), seed).ok()?;
        let mut interpreter = Interpreter::new(&graph, seed, 1);
        for (id, train) in given {
            interpreter = interpreter.with_source(id, train);
        }
        let spikes = recorded(&interpreter.run());
        Some((graph, mapping, chip, spikes))
    })
}

/// The same without limits on the way, where a hop takes at least `least` picoseconds.
pub(crate) fn unlimited(least: u64) -> impl Strategy<Value = (LifGraph, Mapping, lif_chip::Chip, Vec<Spike>)> {
    mapped().prop_map(move |(graph, mapping, mut chip, spikes)| {
        let costs = chip.costs.as_mut().expect("it has prices");
        costs.link_buffer = None;
        for hop in [&mut costs.east_west, &mut costs.north_south] {
            let hop = hop.as_mut().expect("it has hops");
            hop.time_ps = hop.time_ps.max(Some(Picoseconds(least)));
        }
        (graph, mapping, chip, spikes)
    })
}

fn costs() -> impl Strategy<Value = Costs> {
    let time = || prop_oneof![Just(0u64), 0u64..5, 1u64..20_000];
    (prop::array::uniform11(time()), prop::option::of(1u32..4), any::<bool>()).prop_map(|(times, link_buffer, barrier)| {
        let cost = |index: usize| {
            Some(Cost { time_ps: Some(Picoseconds(times[index])), energy_fj: Some(Femtojoules(times[index] * 3 + index as u64)) })
        };
        Costs {
            axon_in: cost(0),
            synapse: cost(1),
            convolution: cost(2),
            neuron_inactive: cost(3),
            neuron_active: cost(4),
            spike: cost(5),
            axon_out: cost(6),
            delivery: cost(7),
            routing: cost(8),
            east_west: cost(9),
            north_south: cost(10),
            link_buffer,
            barrier: barrier.then(|| Barrier { table_ps: vec![[1, 5], [9, 1000]], between: Between::Line }),
            processor: None,
            power: None,
        }
    })
}

/// Ticks of all engines.
fn all_agree((graph, mapping, chip, spikes): (LifGraph, Mapping, lif_chip::Chip, Vec<Spike>)) -> Result<(), TestCaseError> {
    let clock = Clock::new(&graph, &mapping, &chip, Schedule::stepped(&graph)).unwrap();
    let recording = Recording::new(&graph, &spikes).unwrap();
    let idle = idle(&graph, &recording).unwrap();
    let Clock { layout, prices, schedule, .. } = &clock;
    let source = Source { graph: &graph, layout, prices, schedule, recording: &recording, idle: &idle };
    let chip = Chip { layout, prices };
    let (mut engine, mut workload) = (fast::Engine::new(chip), Workload::new(layout));
    let mut flow = flow::Flow::new(chip);
    // on a mesh without limits all links can be put in order
    let unlimited = prices.link_buffer == u32::MAX && layout.links.iter().all(|link| link.hop.time > 0);
    prop_assert!(unlimited || flow.is_none());
    prop_assert!(!unlimited || flow.is_some() || mapping.chip == "spinnaker1");
    let mut sums = vec![super::UnitLoad::default(); layout.server_unit(0) as usize];
    for tick in 0..schedule.ticks {
        workload.fill(&source, tick);
        let (outcome, loads, stalled) = slow::tick(chip, &workload.work);
        prop_assert_eq!(engine.tick(&workload.work, &mut ()), outcome);
        prop_assert_eq!(&engine.loads, &loads);
        prop_assert_eq!(&engine.stalled, &stalled);
        if let Some(flow) = &mut flow {
            prop_assert_eq!(flow.tick(&workload.work), outcome);
            for (sum, load) in sums.iter_mut().zip(&loads) {
                *sum = super::UnitLoad {
                    packets: sum.packets + load.packets,
                    waited: sum.waited + load.waited,
                    deepest: sum.deepest.max(load.deepest),
                };
            }
            prop_assert_eq!(&flow.loads, &sums);
            prop_assert!(stalled.iter().all(|&stalled| stalled == 0));
        }
        engine.loads.fill(Default::default());
        engine.stalled.fill(0);
        // on a mesh no routes wait for each other in a circle
        if outcome.stuck > 0 {
            prop_assert!(layout.axons.iter().any(|axon| axon.reached > 1) || mapping.chip == "spinnaker1");
            return Ok(());
        }
        prop_assert!(outcome.critical.sent <= outcome.critical.arrived && outcome.critical.arrived <= outcome.end);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// The hot loop does what the plain one does: the end of every tick and why, every link's load, every sender's wait.
    #[test]
    fn fast_is_slow(case in mapped()) {
        all_agree(case)?;
    }

    /// So does the one without events, wherever it is used; also where hops make ticks too long for narrow packets.
    #[test]
    fn flow_is_slow(case in prop::sample::select(&[1u64, 1 << 27, 1 << 40][..]).prop_flat_map(unlimited)) {
        all_agree(case)?;
    }

    /// On the ticks of a mapping's schedule everything that spikes cause is the same; what is added are updates of neurons between their steps, which
    /// are active where membranes leak.
    #[test]
    fn a_schedule_adds_updates_alone((graph, mapping, mut chip, spikes) in mapped(), leaks: bool) {
        chip.ticks = Some(lif_chip::Ticks { synapse: 1, synapse_wait_max: 63, select: 2, holds: !leaks, resets: true });
        let mode = lif_map::Mode::of(&chip);
        let ticks = lif_map::schedule::schedule(&graph, &chip, mode);
        prop_assume!(ticks.is_ok());
        let ticks = ticks.unwrap();
        let schedule = Schedule::of(&graph, &ticks).unwrap();
        prop_assert_eq!(u64::from(schedule.ticks), ticks.ticks_per_image);
        let sums = |schedule: Schedule| {
            let clock = Clock::new(&graph, &mapping, &chip, schedule).unwrap();
            let mut totals = clock.totals();
            clock.run(&mut clock.state(), &spikes, &mut totals, &mut ()).ok()?;
            let mut sum = crate::workload::Counts::default();
            totals.counts.iter().flatten().for_each(|counts| sum.add(counts));
            Some((sum, clock.layout.cores.iter().map(|core| core.neurons).sum::<u64>()))
        };
        let between = u64::from(schedule.ticks - graph.steps);
        let (stepped, scheduled) = (sums(Schedule::stepped(&graph)), sums(schedule));
        prop_assume!(stepped.is_some() && scheduled.is_some());
        let ((mut stepped, neurons), (scheduled, _)) = (stepped.unwrap(), scheduled.unwrap());
        *(if leaks { &mut stepped.active } else { &mut stepped.inactive }) += neurons * between;
        prop_assert_eq!(scheduled, stepped);
    }

    /// What was counted is what the spikes say: each neuron once a step, each spike's synapses, each packet by each link of its way.
    #[test]
    fn nothing_is_lost((graph, mapping, chip, spikes) in mapped()) {
        let clock = Clock::new(&graph, &mapping, &chip, Schedule::stepped(&graph)).unwrap();
        let mut totals = clock.totals();
        if clock.run(&mut clock.state(), &spikes, &mut totals, &mut ()).is_err() {
            prop_assert!(mapping.chip == "spinnaker1");
            return Ok(());
        }
        let profile = clock.profile(&totals).unwrap();
        let updated: u64 = totals.counts.iter().flatten().map(|counts| counts.active + counts.inactive).sum();
        let neurons: u64 = clock.layout.cores.iter().map(|core| core.neurons).sum();
        prop_assert_eq!(updated, neurons * u64::from(graph.steps));
        let mut operations = 0;
        for projection in &graph.projections {
            let [from, to] = [projection.source, projection.target].map(|id| graph.population(id).shape);
            // a delayed spike is sent in its own step; a spike of the last step is sent, too
            for spike in spikes.iter().filter(|spike| spike.population == projection.source) {
                lif_map::synapses(projection, from, to, spike.neuron as usize, |_, _| operations += 1);
            }
        }
        // picks and gates of select stages
        let mut of_selects = 0;
        for (index, row) in graph.populations.iter().enumerate().filter(|(_, row)| matches!(row.model, lif_graph::NeuronModel::Select { .. })) {
            let id = PopulationId::from_index(index);
            let (_, pick) = graph.projections_into(id).next().unwrap();
            let heard = spikes.iter().filter(|spike| spike.population == pick.source && places_of(&clock, spike) > 0).count();
            let joined = spikes.iter().filter(|spike| spike.population == id).count();
            of_selects += (heard + joined) as u64 + u64::from(row.shape.channels) * u64::from(graph.steps);
        }
        let found: u64 = profile.populations.iter().map(|population| population.synaptic_operations).sum();
        prop_assert_eq!(found, operations + of_selects);
        let by_stage: u64 = profile.stages.iter().map(|stage| stage.energy_fj.0).sum();
        let by_core: u64 = profile.cores.iter().map(|core| core.energy_fj.0).sum();
        let by_tick: u64 = profile.ticks.iter().map(|tick| tick.energy_fj.0).sum();
        prop_assert_eq!([by_stage, by_core, by_tick], [profile.energy_fj.0; 3]);
        prop_assert_eq!(profile.ticks.iter().map(|tick| tick.time_ps.0).sum::<u64>(), profile.time_ps.0);
        if mapping.chip != "spinnaker1" {
            let on_links: u64 = clock.layout.links.iter().zip(&totals.loads[clock.layout.cores.len()..]).map(|(link, load)| load.packets * link.hop.energy).sum();
            let network = profile.stages.iter().find(|stage| stage.name == "network").unwrap().energy_fj.0;
            let ends = profile.packets * (clock.prices.routing.energy + clock.prices.delivery.energy);
            prop_assert_eq!(network, on_links + ends);
        }
    }
}

fn places_of(clock: &Clock<'_>, spike: &Spike) -> u32 {
    clock.layout.places[spike.population.index()][spike.neuron as usize].axon_count
}
