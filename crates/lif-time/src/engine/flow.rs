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

/// Streams that a unit can hear at most: the number of one stands in the lowest byte of a key.
const STREAMS: usize = 255;

/// The last entry of a stream that is being merged.
const END: Packet = Packet { time: u64::MAX >> 8, number: 0, arrivals: 0, next: 0 };

#[derive(Clone, Copy, Debug)]
struct Packet {
    /// When it asks for the unit.
    time: u64,
    /// Which of the tick's packets.
    number: u32,
    /// The first arrival of its axon.
    arrivals: u32,
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
    /// By child of a node.
    steps: Vec<Step>,
    /// By unit that packets leave: its first stream.
    lanes: Vec<u32>,
    /// By unit that packets come to: a range of `inputs`.
    heard: Vec<[u32; 2]>,
    /// Streams, and the units that they come from, ascending.
    inputs: Vec<(u32, u32)>,
    /// By arrival.
    services: Vec<u64>,
    streams: Vec<Vec<Packet>>,
    merge: Merge,
    /// By packet of the tick: when it was sent.
    sent: Vec<u64>,
    /// By core: its first packet.
    first: Vec<u32>,
    /// By unit up to the ports, over all ticks so far.
    pub loads: Vec<UnitLoad>,
}

/// Streams on their way into one.
#[derive(Default)]
struct Merge {
    streams: Vec<Vec<Packet>>,
    /// By stream: the unit that it comes from.
    from: Vec<u32>,
    heads: Vec<u64>,
    at: Vec<usize>,
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
        Some(Self {
            chip,
            order,
            steps: layout.children.iter().map(|child| Step { lane: lane_of[child.unit as usize], next: child.next }).collect(),
            streams: vec![Vec::new(); *lanes.last()? as usize],
            lanes,
            heard,
            inputs,
            services: layout.arrivals.iter().map(|arrival| arrival.service).collect(),
            merge: Merge::default(),
            sent: Vec::new(),
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
        for emission in &work.emissions {
            now += emission.before;
            let axon = &self.chip.layout.axons[emission.axon as usize];
            let packet = Packet { time: now, number: self.sent.len() as u32, arrivals: axon.arrivals, next: axon.root };
            self.sent.push(now);
            go_on(self.chip, &self.steps, &mut self.streams[self.lanes[core as usize] as usize..], packet);
        }
        now + work.tail
    }

    /// All packets of a link.
    fn link(&mut self, unit: u32) {
        let Self { chip, steps, lanes, streams, merge, .. } = self;
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
            go_on(*chip, steps, out, Packet { time: free, ..*packet });
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
        let Self { merge, services, .. } = self;
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
            free = begin + services[(packet.arrivals + packet.next) as usize];
        });
        leaves.clear();
        merge.leaves = leaves;
        self.loads[port as usize] = UnitLoad { packets: sum + packets as u64, waited, deepest };
        merge.scatter(&self.inputs, self.heard[port as usize], &mut self.streams);
        (free, since.0, since.1)
    }
}

/// All copies of a packet into the streams out of its unit.
#[inline]
fn go_on(chip: Chip<'_>, steps: &[Step], out: &mut [Vec<Packet>], packet: Packet) {
    let [first, end] = chip.layout.nodes[packet.next as usize];
    for &Step { lane, next } in &steps[first as usize..end as usize] {
        out[lane as usize].push(Packet { next, ..packet });
    }
}

impl Merge {
    /// Takes the streams that hold something; gives how many packets there are.
    fn gather(&mut self, inputs: &[(u32, u32)], [first, end]: [u32; 2], streams: &mut [Vec<Packet>]) -> usize {
        let mut packets = 0;
        for &(stream, from) in &inputs[first as usize..end as usize] {
            let packets_of = &mut streams[stream as usize];
            if let Some(head) = packets_of.first() {
                self.heads.push(head.time << 8 | self.from.len() as u64);
                self.from.push(from);
                self.at.push(0);
                packets += packets_of.len();
                packets_of.push(END);
                self.streams.push(std::mem::take(packets_of));
            }
        }
        packets
    }

    /// All packets in the order of (time, unit that they come from).
    #[inline]
    fn each(&mut self, packets: usize, mut take: impl FnMut(&Packet, usize)) {
        let Self { streams, heads, at, .. } = self;
        if let [stream] = &streams[..] {
            return stream[..packets].iter().for_each(|packet| take(packet, 0));
        }
        for _ in 0..packets {
            let head = heads.iter().copied().fold(u64::MAX, u64::min);
            let stream = head as usize & 0xff;
            let place = &mut at[stream];
            take(&streams[stream][*place], stream);
            *place += 1;
            heads[stream] = streams[stream][*place].time << 8 | stream as u64;
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
        self.heads.clear();
        self.at.clear();
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
