//! Rules of a placed netlist: every slice on a core that exists, and every key of every slice where it has to go, and nowhere else.
//!
//! The same is found by PACMAN's own checkers, later and with other words: `fsvae_spinnaker.pacman` asks them.

use super::netlist::{Keys, Placement, SliceRow, Table, TableEntry};
use super::read_back::Texts;
use crate::{Misfit, NetlistError};
use lif_chip::Chip;
use lif_map::route::table::Route;
use lif_map::{Direction, Machine};
use std::collections::{BTreeMap, BTreeSet};

/// Bits of a route.
const ROUTE_BITS: u32 = 24;
/// Bits of a key below the neuron's number: the colour of a spike.
const COLOUR_BITS: u32 = 4;

/// Follows every key of every slice.
///
/// # Errors
/// [`NetlistError::Misplaced`] with all rules that are broken.
pub fn check(texts: &Texts, chip: &Chip) -> Result<(), NetlistError> {
    let slices = &texts.netlist.slices;
    let misplaced = |misfits| NetlistError::Misplaced { chip: chip.name.clone(), misfits };
    let (Ok(machine), Some(grid)) = (Machine::new(chip, slices.len() as u64), &chip.hexagonal) else {
        return Err(misplaced(vec![misfit("cores-exist", "netlist", format!("no system of these chips has {} cores", slices.len()))]));
    };
    let misshapen: Vec<Misfit> = slices.iter().filter_map(|slice| shape(slice, chip.core.neurons_per_core)).collect();
    if !misshapen.is_empty() {
        return Err(misplaced(misshapen)); // what follows counts with their neurons
    }
    let mut checker = Checker { machine: &machine, misfits: vec![], cores: BTreeMap::new(), tables: BTreeMap::new() };
    let system = texts.netlist.system;
    if (system.columns, system.rows) != (machine.columns, machine.rows) {
        let cause = format!("{} x {} chips, and {} x {} are needed", system.columns, system.rows, machine.columns, machine.rows);
        checker.add("system-is-the-smallest", "netlist", cause);
    }
    checker.placements(slices, &texts.placements);
    checker.keys(slices);
    checker.read_tables(&texts.tables);
    if checker.misfits.is_empty() {
        slices.iter().for_each(|slice| checker.follow(slice));
        checker.compressed(&texts.compressed, grid.routing_entries as usize);
    }
    if checker.misfits.is_empty() { Ok(()) } else { Err(misplaced(checker.misfits)) }
}

/// As many neurons as the box has, and no more than a core has.
fn shape(slice: &SliceRow, most: u32) -> Option<Misfit> {
    let side = |[first, end]: [u32; 2]| u64::from(end.saturating_sub(first));
    let in_box = [slice.channels, slice.rows, slice.columns].map(side).into_iter().fold(1, u64::saturating_mul);
    let [first, last] = slice.neurons.map(u64::from);
    let counted = (last + 1).saturating_sub(first);
    let cause = format!("neurons {first} to {last}, {in_box} in its box, and a core has {most}");
    (in_box == 0 || in_box != counted || counted > u64::from(most)).then(|| misfit("slices-are-boxes", &slice.label, cause))
}

fn misfit(rule: &'static str, place: &str, cause: String) -> Misfit {
    Misfit { rule, place: place.into(), cause, remedy: "compile the model again: these files are not as they were written" }
}

struct Checker<'a> {
    machine: &'a Machine,
    misfits: Vec<Misfit>,
    /// Router and core by label.
    cores: BTreeMap<&'a str, (u32, u32)>,
    /// By router.
    tables: BTreeMap<u32, &'a Table>,
}

impl<'a> Checker<'a> {
    fn add(&mut self, rule: &'static str, place: &str, cause: String) {
        self.misfits.push(misfit(rule, place, cause));
    }

    fn placements(&mut self, slices: &'a [SliceRow], placements: &'a [Placement]) {
        let known: BTreeSet<&str> = slices.iter().map(|slice| &slice.label[..]).collect();
        let mut used: BTreeMap<(u32, u32), &str> = BTreeMap::new();
        for Placement { vertex_label: label, x, y, p } in placements {
            if !known.contains(&label[..]) {
                self.add("placements-are-of-slices", label, "no slice has this label".into());
            }
            let Some(router) = self.router(*x, *y) else {
                self.add("chips-exist", label, format!("it stands on chip ({x}, {y}), which the system has not"));
                continue;
            };
            let lif_map::Router { first_core, cores, .. } = self.machine.routers[router as usize];
            if !(first_core..first_core + cores).contains(p) {
                let last = first_core + cores - 1;
                self.add(
                    "cores-exist",
                    label,
                    format!("it stands on core {p} of chip ({x}, {y}), which has {first_core} to {last} for neurons"),
                );
            }
            if let Some(other) = used.insert((router, *p), label) {
                self.add("cores-hold-one-slice", label, format!("{other} stands on core {p} of chip ({x}, {y}), too"));
            }
            if self.cores.insert(label, (router, *p)).is_some() {
                self.add("slices-are-placed-once", label, "it stands on two cores".into());
            }
        }
        for slice in slices.iter().filter(|slice| !self.cores.contains_key(&slice.label[..])).collect::<Vec<_>>() {
            self.add("slices-are-placed-once", &slice.label, "it stands on no core".into());
        }
    }

    fn router(&self, x: u32, y: u32) -> Option<u32> {
        (x < self.machine.columns && y < self.machine.rows).then(|| self.machine.router_at(x, y)).flatten()
    }

    fn keys(&mut self, slices: &[SliceRow]) {
        let mut blocks: Vec<(u32, u32, &str)> = Vec::new();
        for slice in slices {
            match slice.keys {
                None if !slice.targets.is_empty() => self.add("slices-have-keys", &slice.label, "it has targets and no keys".into()),
                None => {}
                Some(Keys { key, mask }) if key & !mask != 0 => {
                    self.add("keys-lie-in-their-masks", &slice.label, format!("key {key:#x} has bits outside of mask {mask:#x}"));
                }
                Some(Keys { key, mask }) => {
                    let last = u64::from(key) + u64::from((slice.neurons[1] - slice.neurons[0]) << COLOUR_BITS);
                    if u64::from(key | !mask) < last {
                        self.add("keys-are-enough", &slice.label, format!("mask {mask:#x} has too few keys for its neurons"));
                    }
                    blocks.push((key, key | !mask, &slice.label));
                }
            }
        }
        blocks.sort_unstable();
        for pair in blocks.windows(2).filter(|pair| pair[0].1 >= pair[1].0) {
            self.add("keys-belong-to-one-slice", pair[1].2, format!("it shares keys with {}", pair[0].2));
        }
    }

    fn read_tables(&mut self, tables: &'a [Table]) {
        for table in tables {
            let place = format!("router ({}, {})", table.x, table.y);
            let Some(router) = self.router(table.x, table.y) else {
                self.add("chips-exist", &place, "the system has no such chip".into());
                continue;
            };
            if self.tables.insert(router, table).is_some() {
                self.add("routers-have-one-table", &place, "it has two tables".into());
            }
            for TableEntry { key, mask, spinnaker_route, .. } in &table.entries {
                if key & !mask != 0 {
                    self.add("keys-lie-in-their-masks", &place, format!("key {key:#x} has bits outside of mask {mask:#x}"));
                }
                if spinnaker_route >> ROUTE_BITS != 0 {
                    self.add("routes-have-24-bits", &place, format!("route {spinnaker_route:#x} of key {key:#x} has more"));
                    continue;
                }
                for link in Route::from_bits(*spinnaker_route).links() {
                    if self.machine.neighbour(router, link).is_none() {
                        self.add("links-exist", &place, format!("key {key:#x} goes out by link {}, where no chip is", link as u8));
                    }
                }
            }
        }
    }

    /// Every key of a slice, from its core to all that it reaches.
    fn follow(&mut self, slice: &SliceRow) {
        let Some(Keys { key, .. }) = slice.keys else { return };
        let (start, _) = self.cores[&slice.label[..]];
        let (mut reached, mut visited, mut waiting) = (BTreeSet::new(), BTreeSet::from([start]), vec![start]);
        while let Some(router) = waiting.pop() {
            let place = self.machine.routers[router as usize];
            let at = format!("{} at router ({}, {})", slice.label, place.x, place.y);
            let entries = self.tables.get(&router).map_or(&[][..], |table| &table.entries);
            let holding: Vec<&TableEntry> = entries.iter().filter(|entry| (key ^ entry.key) & entry.mask == 0).collect();
            let [entry] = holding[..] else {
                self.add("keys-match-one-entry", &at, format!("key {key:#x} matches {} entries", holding.len()));
                continue;
            };
            let neurons = slice.neurons[1] - slice.neurons[0] + 1;
            let keys = (0..neurons).map(|neuron| key.wrapping_add(neuron << COLOUR_BITS));
            let last = key.wrapping_add((neurons - 1) << COLOUR_BITS);
            let meets = |other: &&TableEntry| keys.clone().any(|key| (key ^ other.key) & other.mask == 0);
            // where the masks agree, one key stands for all
            let splits = |entry: &TableEntry| entry.mask & (key ^ last) != 0 || entry.mask & !slice.keys.map_or(0, |keys| keys.mask) != 0;
            if splits(entry) && keys.clone().any(|key| (key ^ entry.key) & entry.mask != 0) {
                self.add("keys-are-covered", &at, format!("entry {:#x}/{:#x} matches some of its keys alone", entry.key, entry.mask));
                continue;
            }
            if entries.iter().filter(|other| *other != entry && splits(other)).any(|other| meets(&other)) {
                self.add("keys-match-one-entry", &at, "a second entry matches some of its keys".into());
            }
            let route = Route::from_bits(entry.spinnaker_route);
            reached.extend(route.cores().map(|core| (router, core)));
            for next in route.links().filter_map(|link: Direction| self.machine.neighbour(router, link)) {
                if visited.insert(next) {
                    waiting.push(next);
                } else {
                    self.add("routes-end", &at, "its keys come to a router for the second time".into());
                }
            }
        }
        let cores = &self.cores;
        let wanted: BTreeSet<(u32, u32)> = slice.targets.iter().filter_map(|target| cores.get(&target[..]).copied()).collect();
        let place = |&(router, core): &(u32, u32)| {
            let lif_map::Router { x, y, .. } = self.machine.routers[router as usize];
            format!("core {core} of chip ({x}, {y})")
        };
        let missed: Vec<String> = wanted.difference(&reached).map(place).collect();
        let others: Vec<String> = reached.difference(&wanted).map(place).collect();
        if !missed.is_empty() {
            self.add("spikes-reach-their-targets", &slice.label, format!("they do not come to {}", missed.join(", ")));
        }
        if !others.is_empty() {
            self.add("spikes-reach-only-their-targets", &slice.label, format!("they come to {}, too", others.join(", ")));
        }
    }

    /// What is loaded does the same to every key that passes, default routing included.
    fn compressed(&mut self, tables: &[Table], limit: usize) {
        let mut loaded: BTreeMap<u32, &Table> = BTreeMap::new();
        for table in tables {
            let place = format!("router ({}, {})", table.x, table.y);
            if table.entries.len() > limit {
                self.add("tables-fit-the-router", &place, format!("{} entries, and {limit} is the limit", table.entries.len()));
            }
            let Some(router) = self.router(table.x, table.y) else {
                self.add("chips-exist", &place, "the system has no such chip".into());
                continue;
            };
            if loaded.insert(router, table).is_some() {
                self.add("routers-have-one-table", &place, "it has two compressed tables".into());
            }
        }
        for (router, table) in self.tables.clone() {
            let entries = loaded.get(&router).map_or(&[][..], |table| &table.entries);
            for entry in &table.entries {
                let meeting = entries.iter().find(|other| (entry.key ^ other.key) & entry.mask & other.mask == 0);
                let does_the_same = match meeting {
                    Some(other) => other.mask & !entry.mask == 0 && other.spinnaker_route == entry.spinnaker_route,
                    None => entry.defaultable,
                };
                if !does_the_same {
                    let place = format!("router ({}, {})", table.x, table.y);
                    self.add("compressed-tables-do-the-same", &place, format!("key {:#x} takes another route in them", entry.key));
                }
            }
        }
    }
}
