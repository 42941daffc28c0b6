//! Step 1: populations to slices, each small enough for a core.
//!
//! A population is cut evenly along channels, rows and columns. Of all cuts into the fewest parts that keep every rule the one is taken
//! whose parts listen to the fewest neurons in sum: feature maps are then cut by position rather than by channel, since neighbours hear the same
//! neurons.
//!
//! How many axons leave a slice depends on how its targets are cut, so populations are looked at again until none has to be cut further. The
//! number of parts never falls, so this ends.
//!
//! If a mapping is to be [spread](crate::Filling::Spread), the population with the busiest part is then cut further, again and again, while there are
//! cores left.

use crate::load::{Load, Loads, is_image};
use crate::rules::{self, Breach, CORE_RULES, CoreRule, MapError};
use crate::{Division, Rates, Region, machine};
use lif_graph::{PopulationId, Shape};

/// Rows and columns that are looked at for the worst single neuron; more than the largest kernel has.
const WIDE: u32 = 64;

/// A part of a population, for one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Whose.
    pub population: PopulationId,
    /// Which neurons.
    pub region: Region,
    /// What it asks of its core.
    pub load: Load,
}

/// All slices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// By population.
    pub divisions: Vec<Division>,
    /// Population by population.
    pub slices: Vec<Slice>,
}

impl Partition {
    /// Places in `slices` of a population's slices.
    pub fn of(&self, population: PopulationId) -> std::ops::Range<usize> {
        let before = |count: usize| self.divisions[..count].iter().map(|division| division.parts() as usize).sum();
        before(population.index())..before(population.index() + 1)
    }
}

/// Cuts every population.
///
/// # Errors
/// Breaches of [`CORE_RULES`] by single neurons, or of `cores-fit-the-system`.
pub fn partition(loads: &Loads<'_>) -> Result<Partition, MapError> {
    let cutter = Cutter::new(loads);
    let populations = 0..loads.graph.populations.len();
    let mut divisions: Vec<Division> =
        populations.map(|index| if cutter.on_chip(index) { Division::WHOLE } else { Division::NOWHERE }).collect();
    cutter.settle(&mut divisions, true)?;
    Ok(cutter.slices(divisions))
}

/// Cuts the populations further whose parts have most to do, as long as all parts together fit `cores`.
///
/// A step lasts as long as its busiest core takes, and cores that a system has anyhow do nothing for being left idle.
pub(crate) fn spread(loads: &Loads<'_>, partition: Partition, rates: &Rates, cores: u64) -> Partition {
    let cutter = Cutter::new(loads);
    let mut divisions = partition.divisions;
    while let Some(finer) = cutter.relieved(&divisions, rates, cores) {
        divisions = finer;
    }
    cutter.slices(divisions)
}

/// The limits that the chip states, by place in [`CORE_RULES`].
fn limits(loads: &Loads<'_>) -> Vec<(usize, u64)> {
    CORE_RULES.iter().enumerate().filter_map(|(index, rule)| Some((index, (rule.limit)(loads.chip)?))).collect()
}

struct Cutter<'a> {
    loads: &'a Loads<'a>,
    limits: Vec<(usize, u64)>,
    cores: u64,
}

impl<'a> Cutter<'a> {
    fn new(loads: &'a Loads<'a>) -> Self {
        Self { loads, limits: limits(loads), cores: machine::cores_of_largest(loads.chip) }
    }

    fn on_chip(&self, population: usize) -> bool {
        !is_image(self.loads.graph, PopulationId::from_index(population))
    }

    /// Cuts further whatever does not keep the rules.
    fn settle(&self, divisions: &mut [Division], mut first_time: bool) -> Result<(), MapError> {
        loop {
            let mut changed = false;
            let mut breaches = Vec::new();
            for index in (0..divisions.len()).filter(|&index| self.on_chip(index)) {
                let id = PopulationId::from_index(index);
                if self.keeps(id, divisions[index], divisions) {
                    continue;
                }
                // a cut that no longer fits is replaced by a finer one, never by another of as many parts, or this might go round and round
                let least = if first_time { 1 } else { divisions[index].parts() + 1 };
                match self.cut(id, least, divisions) {
                    Ok(division) => (divisions[index], changed) = (division, true),
                    Err(found) => breaches.extend(found),
                }
            }
            if !breaches.is_empty() {
                return Err(MapError::new(&self.loads.chip.name, breaches));
            }
            let parts: u64 = divisions.iter().map(|division| division.parts()).sum();
            if parts > self.cores {
                return Err(self.too_many(parts, divisions));
            }
            if !changed {
                return Ok(());
            }
            first_time = false;
        }
    }

    fn too_many(&self, parts: u64, divisions: &[Division]) -> MapError {
        let mut most: Vec<(u64, &str)> =
            divisions.iter().zip(&self.loads.graph.populations).map(|(division, row)| (division.parts(), &row.name[..])).collect();
        most.sort_by_key(|&(parts, _)| std::cmp::Reverse(parts));
        let most: Vec<String> = most.iter().take(3).map(|(parts, name)| format!("`{}` {parts}", name.escape_debug())).collect();
        let cause = format!(
            "its slices need at least {parts} cores, and the largest system has {}: {} too many (most need {})",
            self.cores,
            parts - self.cores,
            most.join(", ")
        );
        MapError::one(&self.loads.chip.name, &rules::CORES_FIT_THE_SYSTEM, "graph", cause)
    }

    fn slices(&self, divisions: Vec<Division>) -> Partition {
        let slice = |population: PopulationId, region| Slice { population, region, load: self.loads.of(population, region, &divisions) };
        let of_population = |index| {
            let id = PopulationId::from_index(index);
            divisions[index].regions(self.shape(id)).map(move |region| slice(id, region))
        };
        let slices = (0..divisions.len()).flat_map(of_population).collect();
        Partition { divisions, slices }
    }

    /// Divisions in which the busiest part of all has less to do, with the fewest parts more; `None` if there are none for so many cores.
    fn relieved(&self, divisions: &[Division], rates: &Rates, cores: u64) -> Option<Vec<Division>> {
        let (most, index) = (0..divisions.len()).map(|index| (self.busiest(index, divisions, rates), index)).max()?;
        let mut finer = divisions.to_vec();
        loop {
            let least = finer[index].parts() + 1;
            finer[index] = self.cut(PopulationId::from_index(index), least, divisions).ok()?;
            let mut settled = finer.clone();
            self.settle(&mut settled, false).ok()?;
            if settled.iter().map(|division| division.parts()).sum::<u64>() > cores {
                return None;
            }
            if self.busiest(index, &settled, rates) < most {
                return Some(settled);
            }
        }
    }

    /// Synaptic operations of a population's busiest part, over all steps that spikes were counted in.
    fn busiest(&self, index: usize, divisions: &[Division], rates: &Rates) -> u64 {
        let id = PopulationId::from_index(index);
        let operations = |region: Region| self.loads.operations(id, region, rates);
        divisions[index].regions(self.shape(id)).map(operations).max().unwrap_or(0)
    }

    fn shape(&self, population: PopulationId) -> Shape {
        self.loads.graph.population(population).shape
    }

    /// Whether every part keeps every rule. The parts in the middle are the likeliest not to: they have no borders.
    fn keeps(&self, population: PopulationId, division: Division, divisions: &[Division]) -> bool {
        let shape = self.shape(population);
        let fits = |region| {
            let load = self.loads.of(population, region, divisions);
            self.limits.iter().all(|&(rule, limit)| (CORE_RULES[rule].figure)(&load) <= limit)
        };
        let middle = |length, parts| crate::region::part(length, parts, parts / 2);
        let central = Region {
            channels: middle(shape.channels, division.channels),
            rows: middle(shape.height, division.rows),
            columns: middle(shape.width, division.columns),
        };
        fits(central) && division.regions(shape).all(fits)
    }

    /// The best cut into `least` parts or the next number that works.
    fn cut(&self, population: PopulationId, least: u64, divisions: &[Division]) -> Result<Division, Vec<Breach>> {
        let shape = self.shape(population);
        let breaches = self.breaches_of_single_neurons(population, divisions);
        if !breaches.is_empty() {
            return Err(breaches);
        }
        // the parts' loads add up to the whole's at least, so fewer parts cannot do
        let whole = self.loads.of(population, Region::whole(shape), divisions);
        let enough = self.limits.iter().map(|&(rule, limit)| (CORE_RULES[rule].figure)(&whole).div_ceil(limit)).max().unwrap_or(1);
        let heard = |division: &Division| -> u64 {
            division.regions(shape).map(|region| self.loads.of(population, region, divisions).input_axons).sum()
        };
        for parts in enough.max(least)..=self.cores.min(shape.neurons() as u64) {
            let cuts = Division::into_parts(parts, shape).filter(|&division| self.keeps(population, division, divisions));
            if let Some(best) = cuts.min_by_key(heard) {
                return Ok(best);
            }
        }
        Err(vec![self.breach(population, &rules::CORES_FIT_THE_SYSTEM, self.too_large(population, &whole))])
    }

    /// The limit that a population breaks most when it has all cores of the largest system.
    fn too_large(&self, population: PopulationId, whole: &Load) -> String {
        let share = |&(rule, limit): &(usize, u64)| (CORE_RULES[rule].figure)(whole).div_ceil(limit);
        let neurons = self.shape(population).neurons();
        match self.limits.iter().max_by_key(|limit| share(limit)) {
            Some(worst) => {
                let CoreRule { figure, unit, .. } = &CORE_RULES[worst.0];
                let at_least = if share(worst) > self.cores { format!(" of at least {} cores", share(worst)) } else { String::new() };
                format!(
                    "its {neurons} neurons take {} {unit} together{at_least}, and more when they are cut apart; a core has {}, and the largest \
                     system {} cores",
                    figure(whole),
                    worst.1,
                    self.cores
                )
            }
            None => format!("its {neurons} neurons do not fit the {} cores of the largest system", self.cores),
        }
    }

    /// Rules that cutting cannot help, each with the worst neuron's figure. Of wide maps only the middle is looked at, which has no borders:
    /// looking at all of it would take longer than the cutting.
    fn breaches_of_single_neurons(&self, population: PopulationId, divisions: &[Division]) -> Vec<Breach> {
        let shape = self.shape(population);
        let looked_at = |side: u32| if side <= WIDE { 0..side } else { side / 2 - WIDE / 2..side / 2 + WIDE / 2 };
        let positions = looked_at(shape.height).flat_map(|y| looked_at(shape.width).map(move |x| (y, x)));
        let mut worst = vec![0; CORE_RULES.len()];
        for (y, x) in positions {
            let load = self.loads.of(population, Region::neuron(y, x), divisions);
            worst.iter_mut().zip(&CORE_RULES).for_each(|(worst, rule)| *worst = (rule.figure)(&load).max(*worst));
        }
        let broken = self.limits.iter().filter(|&&(rule, limit)| worst[rule] > limit);
        let breach = |&(rule, limit): &(usize, u64)| {
            let CoreRule { rule: words, unit, .. } = &CORE_RULES[rule];
            self.breach(population, words, format!("a single neuron needs {} {unit}, and a core has {limit}", worst[rule]))
        };
        broken.map(breach).collect()
    }

    fn breach(&self, population: PopulationId, rule: &'static rules::Rule, cause: String) -> Breach {
        Breach { rule, place: format!("population `{}`", self.loads.graph.population(population).name.escape_debug()), cause }
    }
}
