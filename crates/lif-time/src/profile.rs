//! What a chip did, added up: by tick, core, population, stage and link.
//!
//! Energies are counts times prices, so that they do not depend on any order; times come from the engine.

use crate::engine::{Outcome, UnitLoad};
use crate::layout::Layout;
use crate::prices::{Price, Prices};
use crate::workload::Counts;
use lif_chip::{Femtojoules, Picoseconds};
use lif_graph::LifGraph;
use lif_map::Direction;
use serde::Serialize;

/// Sums over some images.
#[derive(Clone, Debug)]
pub struct Totals {
    /// How many.
    pub images: u64,
    /// By tick and core.
    pub counts: Vec<Vec<Counts>>,
    /// By tick.
    pub ticks: Vec<TickTotals>,
    /// By unit up to the ports.
    pub loads: Vec<UnitLoad>,
    /// By core, picoseconds.
    pub stalled: Vec<u64>,
    /// By image, in the order in which they were added: time and energy.
    pub by_image: Vec<(Picoseconds, Femtojoules)>,
}

/// One tick of all images.
#[derive(Clone, Debug, Default)]
pub struct TickTotals {
    /// Until the last packet left, that one's travel, the last core's work from its arrival on, the barrier or the timer's rest.
    pub parts: [u64; 4],
    /// The longest.
    pub longest: u64,
    /// By core: how often it was the last to be done.
    pub last: Vec<u64>,
    /// Core and tick pairs that had more to do than the timer has time.
    pub overruns: u64,
    /// The most that a core had to do, in picoseconds.
    pub busiest: u64,
}

/// A profile, as it is printed. All times in picoseconds and energies in femtojoules, summed over the images unless a name says otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct Profile {
    /// The chip.
    pub chip: String,
    /// Images that were drawn.
    pub images: u64,
    /// Rounded down.
    pub time_ps_per_image: u64,
    /// Rounded down.
    pub energy_fj_per_image: u64,
    /// All images together.
    pub time_ps: Picoseconds,
    /// All images together.
    pub energy_fj: Femtojoules,
    /// Of the shortest and the longest image.
    pub time_ps_range: [Picoseconds; 2],
    /// Packets that were sent.
    pub packets: u64,
    /// Links that packets crossed.
    pub hops: u64,
    /// By stage of a core, and what lies between cores.
    pub stages: Vec<Stage>,
    /// By population.
    pub populations: Vec<PopulationProfile>,
    /// By tick.
    pub ticks: Vec<TickProfile>,
    /// By core.
    pub cores: Vec<CoreProfile>,
    /// Those that packets took.
    pub links: Vec<LinkProfile>,
    /// Where ticks begin with a timer.
    pub timer: Option<TimerProfile>,
    /// Figures that the chip file does not have; they count nothing.
    pub not_counted: Vec<String>,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// Its name.
    pub name: &'static str,
    /// What is counted.
    pub events: u64,
    /// How long cores were busy with it, in sum; of the network how long links were.
    pub busy_ps: Picoseconds,
    /// What it took.
    pub energy_fj: Femtojoules,
}

/// One population.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PopulationProfile {
    /// Its name.
    pub name: String,
    /// Its cores.
    pub cores: u64,
    /// Spikes of its neurons, the gates of a select stage included.
    pub spikes: u64,
    /// Packets that it sent.
    pub packets: u64,
    /// Synaptic operations in its cores.
    pub synaptic_operations: u64,
    /// How long its senders and its servers were busy, in sum.
    pub busy_ps: [Picoseconds; 2],
    /// How long its senders waited for the network.
    pub stalled_ps: Picoseconds,
    /// What its cores and its packets took.
    pub energy_fj: Femtojoules,
    /// How often a core of it was the last in a tick.
    pub last: u64,
}

/// One tick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TickProfile {
    /// All images together.
    pub time_ps: Picoseconds,
    /// In one image at most.
    pub longest_ps: Picoseconds,
    /// What it took, power that is always taken left out.
    pub energy_fj: Femtojoules,
    /// Spikes.
    pub spikes: u64,
    /// The critical path: until the packet left, its travel, the work from its arrival on, the barrier (or the timer).
    pub critical_ps: [Picoseconds; 4],
    /// Number of the core that was most often the last.
    pub last_core: u32,
    /// Its population.
    pub last_population: String,
    /// How often it was.
    pub last_count: u64,
}

/// One core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CoreProfile {
    /// Column of its router.
    pub x: u32,
    /// Row of its router.
    pub y: u32,
    /// Its number there.
    pub core: u32,
    /// Whose neurons it has.
    pub population: String,
    /// How many are updated.
    pub neurons: u64,
    /// Busy with neurons and sending, and with what came.
    pub busy_ps: [Picoseconds; 2],
    /// Its sender waited.
    pub stalled_ps: Picoseconds,
    /// Packets that waited before it at most.
    pub deepest_queue: u32,
    /// Share of the time that its busier half is busy, in thousandths.
    pub utilisation_permille: u64,
    /// What it and its packets took.
    pub energy_fj: Femtojoules,
    /// By tick, for pictures over time.
    pub energy_by_tick_fj: Vec<Femtojoules>,
}

/// One link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkProfile {
    /// Column of the router that sends.
    pub x: u32,
    /// Its row.
    pub y: u32,
    /// To which neighbour.
    pub direction: Direction,
    /// Packets that crossed.
    pub packets: u64,
    /// Share of the time that it was busy, in thousandths.
    pub utilisation_permille: u64,
    /// Packets behind it at most, or where buffers have no limit, packets that waited for it at most.
    pub deepest_queue: u32,
    /// Packets waited for it, in sum.
    pub waited_ps: Picoseconds,
}

/// Against the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TimerProfile {
    /// Its period.
    pub period_ps: Picoseconds,
    /// The most that a core had to do in a tick.
    pub busiest_ps: Picoseconds,
    /// Pairs of a core and a tick with more to do.
    pub overruns: u64,
    /// How many times slower the timer must be so that there are none.
    pub slowdown: u64,
}

impl Totals {
    /// Nothing yet.
    pub fn new(layout: &Layout, ticks: u32) -> Self {
        let (cores, ports) = (layout.cores.len(), layout.server_unit(0) as usize);
        let tick = TickTotals { last: vec![0; cores], ..TickTotals::default() };
        Self {
            images: 0,
            counts: vec![vec![Counts::default(); cores]; ticks as usize],
            ticks: vec![tick; ticks as usize],
            loads: vec![UnitLoad::default(); ports],
            stalled: vec![0; cores],
            by_image: vec![],
        }
    }

    /// Adds a tick of an image; gives its time with barrier or timer.
    pub(crate) fn add_tick(&mut self, tick: u32, outcome: &Outcome, counts: &[Counts], layout: &Layout, prices: &Prices) -> u64 {
        let row = &mut self.ticks[tick as usize];
        let critical = outcome.critical;
        let busiest = counts.iter().map(|counts| send_time(counts, prices) + receive_time(counts, prices)).max().unwrap_or(0);
        row.busiest = row.busiest.max(busiest);
        let rest = match (prices.timer, &prices.barrier) {
            (Some(period), _) => {
                row.overruns +=
                    counts.iter().filter(|counts| send_time(counts, prices) + receive_time(counts, prices) > period).count() as u64;
                period.saturating_sub(outcome.end)
            }
            (None, Some(barrier)) => barrier.time(layout.routers_used).0,
            (None, None) => 0,
        };
        let parts = [critical.sent, critical.arrived - critical.sent, outcome.end - critical.arrived, rest];
        row.parts.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
        // a graph of an image alone has no cores
        if let Some(last) = row.last.get_mut(critical.core as usize) {
            *last += 1;
        }
        row.longest = row.longest.max(outcome.end + rest);
        self.counts[tick as usize].iter_mut().zip(counts).for_each(|(sum, counts)| sum.add(counts));
        outcome.end + rest
    }

    /// Adds those of other images, behind these.
    pub fn add(&mut self, other: Self) {
        self.images += other.images;
        for (sums, counts) in self.counts.iter_mut().zip(&other.counts) {
            sums.iter_mut().zip(counts).for_each(|(sum, counts)| sum.add(counts));
        }
        for (sum, tick) in self.ticks.iter_mut().zip(&other.ticks) {
            sum.parts.iter_mut().zip(tick.parts).for_each(|(sum, part)| *sum += part);
            sum.last.iter_mut().zip(&tick.last).for_each(|(sum, count)| *sum += count);
            sum.longest = sum.longest.max(tick.longest);
            sum.overruns += tick.overruns;
            sum.busiest = sum.busiest.max(tick.busiest);
        }
        self.add_loads(&other.loads, &other.stalled);
        self.by_image.extend(other.by_image);
    }

    pub(crate) fn add_loads(&mut self, loads: &[UnitLoad], stalled: &[u64]) {
        for (sum, load) in self.loads.iter_mut().zip(loads) {
            sum.packets += load.packets;
            sum.waited += load.waited;
            sum.deepest = sum.deepest.max(load.deepest);
        }
        self.stalled.iter_mut().zip(stalled).for_each(|(sum, time)| *sum += time);
    }
}

/// How long a core's neurons and axon out are busy.
pub(crate) fn send_time(counts: &Counts, prices: &Prices) -> u64 {
    counts.inactive * prices.neuron_inactive.time
        + counts.active * prices.neuron_active.time
        + counts.spikes * prices.spike.time
        + counts.sent * prices.axon_out.time
}

/// How long a core's axon in and synapses are busy.
pub(crate) fn receive_time(counts: &Counts, prices: &Prices) -> u64 {
    counts.received * prices.axon_in.time + counts.synapses * prices.synapse.time + counts.convolution * prices.convolution.time
}

/// Of a core and its packets.
pub(crate) fn energy(counts: &Counts, prices: &Prices) -> u64 {
    counts.inactive * prices.neuron_inactive.energy
        + counts.active * prices.neuron_active.energy
        + counts.spikes * prices.spike.energy
        + counts.sent * prices.axon_out.energy
        + counts.network_energy
        + counts.received * prices.axon_in.energy
        + counts.synapses * prices.synapse.energy
        + counts.convolution * prices.convolution.energy
}

/// What is taken all the time.
pub(crate) fn standing_power(layout: &Layout, prices: &Prices) -> u64 {
    prices.power[0] * layout.chips_used + prices.power[1] * layout.cores.len() as u64
}

impl Profile {
    /// Of these totals.
    pub fn new(chip: &str, graph: &LifGraph, layout: &Layout, prices: &Prices, totals: &Totals) -> Self {
        let time: u64 = totals.by_image.iter().map(|(time, _)| time.0).sum();
        let energy: u64 = totals.by_image.iter().map(|(_, energy)| energy.0).sum();
        let images = totals.images.max(1);
        let mut cores = vec![Counts::default(); layout.cores.len()];
        totals.counts.iter().for_each(|tick| cores.iter_mut().zip(tick).for_each(|(sum, counts)| sum.add(counts)));
        let links = || layout.links.iter().zip(&totals.loads[layout.cores.len()..]);
        let times = totals.by_image.iter().map(|&(time, _)| time);
        Self {
            chip: chip.into(),
            images: totals.images,
            time_ps_per_image: time / images,
            energy_fj_per_image: energy / images,
            time_ps: Picoseconds(time),
            energy_fj: Femtojoules(energy),
            time_ps_range: [times.clone().min().unwrap_or_default(), times.max().unwrap_or_default()],
            packets: cores.iter().map(|counts| counts.sent).sum(),
            hops: links().map(|(_, load)| load.packets).sum(),
            stages: stages(layout, prices, totals, &cores, time),
            populations: populations(graph, layout, prices, totals, &cores),
            ticks: ticks(graph, layout, prices, totals),
            cores: core_profiles(graph, layout, prices, totals, &cores, time),
            links: links()
                .map(|(link, load)| LinkProfile {
                    x: link.x,
                    y: link.y,
                    direction: link.direction,
                    packets: load.packets,
                    utilisation_permille: permille(load.packets * link.hop.time, time),
                    deepest_queue: load.deepest,
                    waited_ps: Picoseconds(load.waited),
                })
                .collect(),
            timer: prices.timer.map(|period| {
                let busiest = totals.ticks.iter().map(|tick| tick.busiest).max().unwrap_or(0);
                let overruns = totals.ticks.iter().map(|tick| tick.overruns).sum();
                TimerProfile {
                    period_ps: Picoseconds(period),
                    busiest_ps: Picoseconds(busiest),
                    overruns,
                    slowdown: busiest.div_ceil(period).max(1),
                }
            }),
            not_counted: prices.absent.clone(),
        }
    }
}

fn permille(part: u64, whole: u64) -> u64 {
    (u128::from(part) * 1000 / u128::from(whole.max(1))) as u64
}

fn stages(layout: &Layout, prices: &Prices, totals: &Totals, cores: &[Counts], time: u64) -> Vec<Stage> {
    let sum = |of: fn(&Counts) -> u64| cores.iter().map(of).sum::<u64>();
    let stage = |name, events: u64, price: Price| Stage {
        name,
        events,
        busy_ps: Picoseconds(price.time) * events,
        energy_fj: Femtojoules(price.energy) * events,
    };
    let hops = layout.links.iter().zip(&totals.loads[layout.cores.len()..]);
    let mut stages = vec![
        stage("axon in", sum(|c| c.received), prices.axon_in),
        stage("synapses", sum(|c| c.synapses), prices.synapse),
        stage("synapses of convolutions", sum(|c| c.convolution), prices.convolution),
        stage("neurons, inactive", sum(|c| c.inactive), prices.neuron_inactive),
        stage("neurons, active", sum(|c| c.active), prices.neuron_active),
        stage("spikes", sum(|c| c.spikes), prices.spike),
        stage("axon out", sum(|c| c.sent), prices.axon_out),
        Stage {
            name: "network",
            events: hops.clone().map(|(_, load)| load.packets).sum(),
            busy_ps: hops.map(|(link, load)| Picoseconds(link.hop.time) * load.packets).sum(),
            energy_fj: Femtojoules(sum(|c| c.network_energy)),
        },
    ];
    if prices.power != [0, 0] {
        let energy = Femtojoules(standing_power(layout, prices)) * time;
        stages.push(Stage { name: "standing power", events: totals.images, busy_ps: Picoseconds(time), energy_fj: energy });
    }
    stages
}

fn populations(graph: &LifGraph, layout: &Layout, prices: &Prices, totals: &Totals, cores: &[Counts]) -> Vec<PopulationProfile> {
    let profile = |(index, row): (usize, &lif_graph::Population)| {
        let members: Vec<usize> = (0..cores.len()).filter(|&core| layout.cores[core].population.index() == index).collect();
        let sum = |of: &dyn Fn(usize) -> u64| members.iter().map(|&core| of(core)).sum::<u64>();
        PopulationProfile {
            name: row.name.clone(),
            cores: members.len() as u64,
            spikes: sum(&|core| cores[core].spikes),
            packets: sum(&|core| cores[core].sent),
            synaptic_operations: sum(&|core| cores[core].synapses + cores[core].convolution),
            busy_ps: [sum(&|core| send_time(&cores[core], prices)), sum(&|core| receive_time(&cores[core], prices))].map(Picoseconds),
            stalled_ps: Picoseconds(sum(&|core| totals.stalled[core])),
            energy_fj: Femtojoules(sum(&|core| energy(&cores[core], prices))),
            last: sum(&|core| totals.ticks.iter().map(|tick| tick.last[core]).sum()),
        }
    };
    graph.populations.iter().enumerate().map(profile).collect()
}

fn ticks(graph: &LifGraph, layout: &Layout, prices: &Prices, totals: &Totals) -> Vec<TickProfile> {
    let profile = |(tick, counts): (&TickTotals, &Vec<Counts>)| {
        let last_count = tick.last.iter().copied().max().unwrap_or(0);
        let last_core = tick.last.iter().position(|&count| count == last_count).unwrap_or(0);
        TickProfile {
            time_ps: Picoseconds(tick.parts.iter().sum()),
            longest_ps: Picoseconds(tick.longest),
            energy_fj: Femtojoules(counts.iter().map(|counts| energy(counts, prices)).sum()),
            spikes: counts.iter().map(|counts| counts.spikes).sum(),
            critical_ps: tick.parts.map(Picoseconds),
            last_core: last_core as u32,
            last_population: layout.cores.get(last_core).map_or_else(String::new, |core| graph.population(core.population).name.clone()),
            last_count,
        }
    };
    totals.ticks.iter().zip(&totals.counts).map(profile).collect()
}

fn core_profiles(graph: &LifGraph, layout: &Layout, prices: &Prices, totals: &Totals, cores: &[Counts], time: u64) -> Vec<CoreProfile> {
    let profile = |(index, core): (usize, &crate::layout::Core)| {
        let counts = &cores[index];
        let busy = [send_time(counts, prices), receive_time(counts, prices)];
        CoreProfile {
            x: core.x,
            y: core.y,
            core: core.number,
            population: graph.population(core.population).name.clone(),
            neurons: core.neurons,
            busy_ps: busy.map(Picoseconds),
            stalled_ps: Picoseconds(totals.stalled[index]),
            deepest_queue: totals.loads[layout.port_unit(index) as usize].deepest,
            utilisation_permille: permille(busy[0].max(busy[1]), time),
            energy_fj: Femtojoules(energy(counts, prices)),
            energy_by_tick_fj: totals.counts.iter().map(|tick| Femtojoules(energy(&tick[index], prices))).collect(),
        }
    };
    layout.cores.iter().enumerate().map(profile).collect()
}
