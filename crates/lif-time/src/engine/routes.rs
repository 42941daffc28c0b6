//! Where packets can go: known before any is sent.
//!
//! Packets from one unit to another stand in a stream. A unit's streams have neighbouring numbers; which of them leads to a unit is that
//! unit's lane, the same for all that send to it.

use super::Chip;
use super::merge::Stream;
use super::packet::{Packet, Tags};
use crate::layout::Child;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// No lane: the node has several children.
const SEVERAL: u32 = u32::MAX;

/// Where a packet can go next.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Of all streams out of one unit, the one to go by.
    lane: u32,
    next: u32,
}

/// What is known of all packets beforehand.
pub(super) struct Routes {
    /// Links, each after those that it hears from.
    pub order: Vec<u32>,
    pub ways: Ways,
    /// By unit that packets leave: its first stream.
    lanes: Vec<u32>,
    /// By unit that packets come to: where those begin among `inputs` that come from units of smaller and of larger numbers, and where they end.
    heard: Vec<[u32; 3]>,
    /// Streams, in the order of the units that they come from.
    inputs: Vec<u32>,
    /// By axon: where its packet starts.
    pub starts: Vec<u32>,
    /// By axon: what to know of its packet where it arrives, see [`Self::service`].
    pub brings: Vec<u64>,
    /// Whether any axon reaches several cores.
    several: bool,
    /// By arrival: how long its synapses take.
    services: Vec<u64>,
    /// Of a packet's `next`, all are below.
    pub nexts: usize,
}

/// Where packets can go.
pub(super) struct Ways {
    /// By node: its only child, if it has one.
    only: Vec<Step>,
    nodes: Vec<[u32; 2]>,
    /// By child of a node.
    steps: Vec<Step>,
}

impl Routes {
    /// Nothing if links hear from each other in a circle.
    pub fn new(chip: Chip<'_>) -> Option<Self> {
        let layout = chip.layout;
        let (cores, ports) = (layout.cores.len(), layout.port_unit(0));
        let pairs = pairs(chip);
        let order = order(cores as u32..ports, &pairs)?;
        let lane_of = colours(layout.server_unit(0), &pairs);
        let mut lanes = vec![0u32];
        for unit in 0..ports {
            let width = pairs.range((unit, 0)..(unit + 1, 0)).map(|&(_, to)| lane_of[to as usize] + 1).max().unwrap_or(0);
            lanes.push(lanes[unit as usize] + width);
        }
        let mut hears: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        pairs.iter().for_each(|&(from, to)| hears.entry(to).or_default().push(from));
        let (mut heard, mut inputs) = (vec![[0; 3]; layout.server_unit(0) as usize], Vec::new());
        for (&to, from) in &hears {
            let first = inputs.len() as u32;
            let larger = first + from.partition_point(|&from| from < to) as u32;
            inputs.extend(from.iter().map(|&from| lanes[from as usize] + lane_of[to as usize]));
            heard[to as usize] = [first, larger, inputs.len() as u32];
        }
        let steps: Vec<Step> = layout.children.iter().map(|child| Step { lane: lane_of[child.unit as usize], next: child.next }).collect();
        let only = |&[first, end]: &[u32; 2]| if end == first + 1 { steps[first as usize] } else { Step { lane: SEVERAL, next: 0 } };
        let services: Vec<u64> = layout.arrivals.iter().map(|arrival| arrival.service).collect();
        let several = layout.axons.iter().any(|axon| axon.reached != 1);
        let roots = layout.axons.iter().map(|axon| axon.root);
        let nexts = steps.iter().map(|step| step.next).chain(roots).max().map_or(0, |next| next as usize + 1);
        Some(Self {
            order,
            ways: Ways { only: layout.nodes.iter().map(only).collect(), nodes: layout.nodes.clone(), steps },
            starts: layout.axons.iter().map(|axon| axon.root).collect(),
            brings: layout.axons.iter().map(|axon| if several { axon.arrivals.into() } else { services[axon.arrivals as usize] }).collect(),
            several,
            lanes,
            heard,
            inputs,
            services,
            nexts,
        })
    }

    /// How long the synapses of a packet take where it arrives: what it brings, or if there are axons that reach several cores the
    /// service behind that number. A chip without these so never looks into a table too large for a cache.
    #[inline]
    pub fn service(&self, brings: u64, next: u32) -> u64 {
        if self.several { self.services[brings as usize + next as usize] } else { brings }
    }

    /// The streams out of a unit.
    pub fn out_of(&self, unit: u32) -> Range<usize> {
        self.lanes[unit as usize] as usize..self.lanes[unit as usize + 1] as usize
    }

    /// The streams into a unit: those that come from units of smaller numbers, and those from larger ones.
    pub fn into(&self, unit: usize) -> [&[u32]; 2] {
        let [first, larger, end] = self.heard[unit].map(|index| index as usize);
        [&self.inputs[first..larger], &self.inputs[larger..end]]
    }

    /// Streams out of one unit, at most.
    pub fn widest(&self) -> usize {
        self.lanes.windows(2).map(|pair| (pair[1] - pair[0]) as usize).max().unwrap_or(0)
    }

    /// All streams there are.
    pub fn streams(&self) -> usize {
        self.lanes.last().map_or(0, |&end| end as usize)
    }
}

impl Ways {
    /// All copies of a packet at node `next` into the streams out of its unit.
    #[inline]
    pub fn go_on<P: Packet>(&self, tags: Tags, out: &mut [Stream<P>], time: u64, tag: u64, next: u32) {
        let Step { lane, next: then } = self.only[next as usize];
        if lane == SEVERAL {
            return self.branch(tags, out, time, tag, next);
        }
        out[lane as usize].push(P::new(time, tags.with_next(tag, then)));
    }

    #[inline(never)] // or the loops around it run out of registers
    fn branch<P: Packet>(&self, tags: Tags, out: &mut [Stream<P>], time: u64, tag: u64, next: u32) {
        let [first, end] = self.nodes[next as usize];
        for &Step { lane, next } in &self.steps[first as usize..end as usize] {
            out[lane as usize].push(P::new(time, tags.with_next(tag, next)));
        }
    }
}

/// Which unit sends to which.
fn pairs(chip: Chip<'_>) -> BTreeSet<(u32, u32)> {
    let layout = chip.layout;
    let mut seen: BTreeSet<(u32, u32)> = layout.axons.iter().map(|axon| (axon.sender, axon.root)).collect();
    let mut open: Vec<(u32, u32)> = seen.iter().copied().collect();
    let mut pairs = BTreeSet::new();
    while let Some((unit, node)) = open.pop() {
        let [first, end] = layout.nodes[node as usize];
        for &Child { unit: to, next } in &layout.children[first as usize..end as usize] {
            pairs.insert((unit, to));
            if to < layout.port_unit(0) && seen.insert((to, next)) {
                open.push((to, next));
            }
        }
    }
    pairs
}

/// Links, each after those that it hears from; none if some hear from each other in a circle.
fn order(links: Range<u32>, pairs: &BTreeSet<(u32, u32)>) -> Option<Vec<u32>> {
    let mut before = vec![0u32; links.end as usize];
    let between = |&&(from, to): &&(u32, u32)| links.contains(&from) && links.contains(&to);
    pairs.iter().filter(between).for_each(|&(_, to)| before[to as usize] += 1);
    let mut order: Vec<u32> = links.clone().filter(|&link| before[link as usize] == 0).collect();
    let mut at = 0;
    while let Some(&link) = order.get(at) {
        at += 1;
        for &(_, to) in pairs.range((link, 0)..(link + 1, 0)).filter(between) {
            before[to as usize] -= 1;
            if before[to as usize] == 0 {
                order.push(to);
            }
        }
    }
    (order.len() == links.len()).then_some(order)
}

/// For each unit a small number that no other has which some unit sends to as well.
fn colours(units: u32, pairs: &BTreeSet<(u32, u32)>) -> Vec<u32> {
    let mut colours = vec![0; units as usize];
    let mut taken: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); units as usize];
    let backwards: BTreeSet<(u32, u32)> = pairs.iter().map(|&(from, to)| (to, from)).collect();
    for to in 0..units {
        let from: Vec<u32> = backwards.range((to, 0)..(to + 1, 0)).map(|&(_, from)| from).collect();
        let colour = (0..).find(|colour| from.iter().all(|&from| !taken[from as usize].contains(colour))).expect("numbers do not end");
        colours[to as usize] = colour;
        from.iter().for_each(|&from| {
            taken[from as usize].insert(colour);
        });
    }
    colours
}
