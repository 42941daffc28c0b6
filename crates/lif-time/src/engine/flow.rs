//! A tick without events, where buffers have no limit (rule 6 of [`engine`](super)).
//!
//! What happens at a link then follows from the packets that come to it, and from nothing behind it. So the links are taken in an order in which
//! each comes after those that it hears from, and each at once: the packets that come to it stand in streams, one from each sender or link before it,
//! already in order; they are merged and go on, each into the stream of the unit behind. A core comes last, with its port and its server.
//!
//! ```text
//!   sender ==stream==\\
//!   sender ==stream===>> link ==stream==>> link ==stream==\\
//!   link   ==stream==//       \\==stream==>> port and server   ...
//! ```

use super::{Chip, CoreWork, Critical, Outcome, UnitLoad};
use crate::layout::Child;
use std::collections::{BTreeMap, BTreeSet};

/// No lane: the node has several children.
const SEVERAL: u32 = u32::MAX;

/// Streams that a unit can hear at most: the number of one stands in the lowest byte of a key.
const STREAMS: usize = 255;

/// The last entry of a stream that is being merged.
const END: Packet = Packet { time: u64::MAX >> 8, number: 0, next: 0 };

#[derive(Clone, Copy, Debug)]
struct Packet {
    /// When it asks for the unit.
    time: u64,
    /// Which of the tick's packets.
    number: u32,
    /// Behind a link its node, behind a port the number of its arrival.
    next: u32,
}

/// Where a packet can go next.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Of all streams out of one unit, the one to go by.
    lane: u32,
    next: u32,
}

/// The working memory of one thread.
pub struct Flow<'c> {
    chip: Chip<'c>,
    /// Links, each after those that it hears from.
    order: Vec<u32>,
    ways: Ways,
    /// By unit that packets leave: its first stream.
    lanes: Vec<u32>,
    /// By unit that packets come to: a range of `inputs`.
    heard: Vec<[u32; 2]>,
    /// Streams, and the units that they come from, ascending.
    inputs: Vec<(u32, u32)>,
    /// By axon: where its packet starts, and its first arrival.
    starts: Vec<[u32; 2]>,
    /// By arrival.
    services: Vec<u64>,
    streams: Vec<Vec<Packet>>,
    merge: Merge,
    /// By packet of the tick: when it was sent.
    sent: Vec<u64>,
    /// By packet of the tick: the first arrival of its axon.
    arrivals: Vec<u32>,
    /// By core: its first packet.
    first: Vec<u32>,
    /// By unit up to the ports, over all ticks so far.
    pub loads: Vec<UnitLoad>,
}

/// Where packets go on.
struct Ways {
    /// By node: its only child, if it has one.
    only: Vec<Step>,
    nodes: Vec<[u32; 2]>,
    /// By child of a node.
    steps: Vec<Step>,
}

/// Streams on their way into one.
#[derive(Default)]
struct Merge {
    streams: Vec<Vec<Packet>>,
    /// By stream: the unit that it comes from.
    from: Vec<u32>,
    /// By packet: until when it stands in the queue.
    leaves: Vec<u64>,
}

impl<'c> Flow<'c> {
    /// For this chip, if its buffers have no limit, its links take time, and they can be put in order.
    pub fn new(chip: Chip<'c>) -> Option<Self> {
        let layout = chip.layout;
        let (cores, ports) = (layout.cores.len(), layout.port_unit(0));
        if !chip.unlimited() || layout.links.iter().any(|link| link.hop.time == 0) {
            return None;
        }
        let pairs = pairs(chip);
        let order = order(cores as u32..ports, &pairs)?;
        let lane_of = colours(layout.server_unit(0), &pairs);
        let mut lanes = vec![0];
        for unit in 0..ports {
            let width = pairs.range((unit, 0)..(unit + 1, 0)).map(|&(_, to)| lane_of[to as usize] + 1).max().unwrap_or(0);
            lanes.push(lanes[unit as usize] + width);
        }
        let mut hears: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        pairs.iter().for_each(|&(from, to)| hears.entry(to).or_default().push(from));
        let (mut heard, mut inputs) = (vec![[0; 2]; layout.server_unit(0) as usize], Vec::new());
        for (&to, from) in &hears {
            if from.len() > STREAMS {
                return None;
            }
            let first = inputs.len() as u32;
            inputs.extend(from.iter().map(|&from| (lanes[from as usize] + lane_of[to as usize], from)));
            heard[to as usize] = [first, inputs.len() as u32];
        }
        let steps: Vec<Step> = layout.children.iter().map(|child| Step { lane: lane_of[child.unit as usize], next: child.next }).collect();
        let only = |&[first, end]: &[u32; 2]| if end == first + 1 { steps[first as usize] } else { Step { lane: SEVERAL, next: 0 } };
        Some(Self {
            chip,
            order,
            ways: Ways { only: layout.nodes.iter().map(only).collect(), nodes: layout.nodes.clone(), steps },
            starts: layout.axons.iter().map(|axon| [axon.root, axon.arrivals]).collect(),
            streams: vec![Vec::new(); *lanes.last()? as usize],
            lanes,
            heard,
            inputs,
            services: layout.arrivals.iter().map(|arrival| arrival.service).collect(),
            merge: Merge::default(),
            sent: Vec::new(),
            arrivals: Vec::new(),
            first: Vec::new(),
            loads: vec![UnitLoad::default(); layout.server_unit(0) as usize],
        })
    }

    /// One tick; `work` by core.
    ///
    /// # Panics
    /// If `work` is that of another layout.
    pub fn tick(&mut self, work: &[CoreWork]) -> Outcome {
        let mut outcome = Outcome::default();
        self.sent.clear();
        self.arrivals.clear();
        self.first.clear();
        for (core, work) in (0..).zip(work) {
            let done = self.send(core, work);
            if done > outcome.end {
                (outcome.end, outcome.critical) = (done, Critical { sender: core, sent: done, arrived: done, core });
            }
        }
        for index in 0..self.order.len() {
            self.link(self.order[index]);
        }
        for (core, work) in (0..).zip(work) {
            let (done, number, arrived) = self.receive(core, work.head);
            if done > outcome.end {
                let critical = match number {
                    None => Critical { sender: core, sent: 0, arrived, core },
                    Some(number) => {
                        let sender = self.first.partition_point(|&first| first <= number) as u32 - 1;
                        Critical { sender, sent: self.sent[number as usize], arrived, core }
                    }
                };
                (outcome.end, outcome.critical) = (done, critical);
            }
        }
        outcome
    }

    /// A sender's packets; gives when its neurons are done.
    fn send(&mut self, core: u32, work: &CoreWork) -> u64 {
        self.first.push(self.sent.len() as u32);
        let mut now = 0;
        let out = &mut self.streams[self.lanes[core as usize] as usize..];
        for emission in &work.emissions {
            now += emission.before;
            let [next, arrivals] = self.starts[emission.axon as usize];
            self.ways.go_on(out, Packet { time: now, number: self.sent.len() as u32, next });
            self.sent.push(now);
            self.arrivals.push(arrivals);
        }
        now + work.tail
    }

    /// All packets of a link.
    fn link(&mut self, unit: u32) {
        let Self { chip, ways, lanes, streams, merge, .. } = self;
        let crossing = chip.crossing(unit as usize);
        let packets = merge.gather(&self.inputs, self.heard[unit as usize], streams);
        let UnitLoad { packets: sum, mut waited, mut deepest } = self.loads[unit as usize];
        let out = &mut streams[lanes[unit as usize] as usize..lanes[unit as usize + 1] as usize];
        let Merge { from, leaves, .. } = &mut *merge;
        let (from, mut leaves) = (std::mem::take(from), std::mem::take(leaves));
        // Doubled times: things of equal times happen in the order of the units' numbers (rule 5), so the end of a crossing, 2 * time + 1, comes
        // after what a smaller unit sends, 2 * time + 1, and before what a larger one sends, 2 * time + 2.
        let (mut free, mut busy, mut waiting) = (0, 0, 0);
        merge.each(packets, |packet, stream| {
            let comes = 2 * packet.time + 1 + u64::from(from[stream] > unit);
            let start = if comes > busy {
                waiting = leaves.len() + 1;
                leaves.push(0);
                packet.time
            } else {
                waited += free - packet.time;
                leaves.push(2 * free + 1);
                if leaves.len() - waiting > deepest as usize {
                    while leaves[waiting] < comes {
                        waiting += 1;
                    }
                    deepest = deepest.max((leaves.len() - waiting) as u32);
                }
                free
            };
            free = start + crossing;
            busy = 2 * free + 1;
            ways.go_on(out, Packet { time: free, ..packet });
        });
        leaves.clear();
        (merge.from, merge.leaves) = (from, leaves);
        self.loads[unit as usize] = UnitLoad { packets: sum + packets as u64, waited, deepest };
        merge.scatter(&self.inputs, self.heard[unit as usize], &mut self.streams);
    }

    /// All packets of a core: when its server is done, and which packet began the time that it has been busy since, and when.
    fn receive(&mut self, core: u32, head: u64) -> (u64, Option<u32>, u64) {
        let port = self.chip.layout.port_unit(core as usize);
        let crossing = self.chip.prices.delivery.time;
        let Self { merge, services, arrivals, .. } = self;
        let packets = merge.gather(&self.inputs, self.heard[port as usize], &mut self.streams);
        let UnitLoad { packets: sum, mut waited, mut deepest } = self.loads[port as usize];
        let mut leaves = std::mem::take(&mut merge.leaves);
        let (mut crossed, mut queued) = (0, 0);
        let (mut free, mut busy, mut since) = (head, head > 0, (None, 0));
        merge.each(packets, |packet, _| {
            let start = packet.time.max(crossed);
            waited += start - packet.time;
            crossed = start + crossing;
            let begin = if crossed > free || !busy {
                (busy, since) = (true, (Some(packet.number), crossed));
                queued = leaves.len();
                // it is taken at once, and no other that comes at this time sees it
                leaves.push(2 * crossed);
                crossed
            } else {
                leaves.push(2 * free + 1);
                free
            };
            if leaves.len() - queued > deepest as usize {
                while leaves[queued] <= 2 * crossed && queued + 1 < leaves.len() {
                    queued += 1;
                }
                deepest = deepest.max((leaves.len() - queued) as u32);
            }
            free = begin + services[(arrivals[packet.number as usize] + packet.next) as usize];
        });
        leaves.clear();
        merge.leaves = leaves;
        self.loads[port as usize] = UnitLoad { packets: sum + packets as u64, waited, deepest };
        merge.scatter(&self.inputs, self.heard[port as usize], &mut self.streams);
        (free, since.0, since.1)
    }
}

impl Ways {
    /// All copies of a packet into the streams out of its unit.
    #[inline]
    fn go_on(&self, out: &mut [Vec<Packet>], packet: Packet) {
        let Step { lane, next } = self.only[packet.next as usize];
        if lane != SEVERAL {
            return out[lane as usize].push(Packet { next, ..packet });
        }
        let [first, end] = self.nodes[packet.next as usize];
        for &Step { lane, next } in &self.steps[first as usize..end as usize] {
            out[lane as usize].push(Packet { next, ..packet });
        }
    }
}

impl Merge {
    /// Takes the streams that hold something; gives how many packets there are.
    fn gather(&mut self, inputs: &[(u32, u32)], [first, end]: [u32; 2], streams: &mut [Vec<Packet>]) -> usize {
        let mut packets = 0;
        for &(stream, from) in &inputs[first as usize..end as usize] {
            let packets_of = &mut streams[stream as usize];
            if !packets_of.is_empty() {
                self.from.push(from);
                packets += packets_of.len();
                packets_of.push(END);
                self.streams.push(std::mem::take(packets_of));
            }
        }
        packets
    }

    /// All packets in the order of (time, unit that they come from), with the numbers of their streams.
    #[inline]
    fn each(&mut self, packets: usize, mut take: impl FnMut(Packet, usize)) {
        match &self.streams[..] {
            [] => {}
            [stream] => stream[..packets].iter().for_each(|&packet| take(packet, 0)),
            [first, second] => {
                let (mut one, mut other) = (0, 0);
                for _ in 0..packets {
                    let [left, right] = [first[one], second[other]];
                    let later = left.time > right.time;
                    one += usize::from(!later);
                    other += usize::from(later);
                    take(if later { right } else { left }, usize::from(later));
                }
            }
            [_, _, _] | [_, _, _, _] => self.among::<4>(packets, take),
            [_, _, _, _, _, ..] if self.streams.len() <= 8 => self.among::<8>(packets, take),
            _ => self.among::<{ STREAMS + 1 }>(packets, take),
        }
    }

    /// The same among at most `N` streams.
    #[inline]
    fn among<const N: usize>(&self, packets: usize, mut take: impl FnMut(Packet, usize)) {
        // the time of a stream's first packet, and in the lowest byte the number of the stream
        let mut heads = [u64::MAX; N];
        let mut streams: [&[Packet]; N] = [&[END]; N];
        for (stream, packets) in self.streams.iter().enumerate() {
            (heads[stream], streams[stream]) = (packets[0].time << 8 | stream as u64, packets);
        }
        for _ in 0..packets {
            let stream = smallest(&heads) as usize & 0xff & (N - 1);
            let [packet, rest @ ..] = streams[stream] else { unreachable!("the last entry is never taken") };
            streams[stream] = rest;
            heads[stream] = rest[0].time << 8 | stream as u64;
            take(*packet, stream);
        }
    }

    /// Gives the streams back, empty.
    fn scatter(&mut self, inputs: &[(u32, u32)], [first, end]: [u32; 2], streams: &mut [Vec<Packet>]) {
        let mut from = std::mem::take(&mut self.from);
        let mut taken = from.drain(..).zip(self.streams.drain(..)).peekable();
        for &(stream, unit) in &inputs[first as usize..end as usize] {
            if let Some((_, mut empty)) = taken.next_if(|(from, _)| *from == unit) {
                empty.clear();
                streams[stream as usize] = empty;
            }
        }
        drop(taken);
        self.from = from;
    }
}

/// Pair by pair, so that no comparison waits for all others.
#[inline]
fn smallest<const N: usize>(heads: &[u64; N]) -> u64 {
    match heads[..] {
        [a, b, c, d] => a.min(b).min(c.min(d)),
        [a, b, c, d, e, f, g, h] => a.min(b).min(c.min(d)).min(e.min(f).min(g.min(h))),
        _ => heads.iter().copied().fold(u64::MAX, u64::min),
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
fn order(links: std::ops::Range<u32>, pairs: &BTreeSet<(u32, u32)>) -> Option<Vec<u32>> {
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
