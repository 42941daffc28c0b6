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

use super::merge::{Merge, Merged, Stream};
use super::packet::{Packet, Tags};
use super::{Chip, CoreWork, Critical, Outcome, UnitLoad};
use crate::layout::Child;
use std::collections::{BTreeMap, BTreeSet};
use std::hint::select_unpredictable;

/// No lane: the node has several children.
const SEVERAL: u32 = u32::MAX;

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
    routes: Routes,
    /// While no tick was too much for it.
    narrow: Option<Lanes<u64>>,
    /// Once one was.
    wide: Option<Lanes<u128>>,
    /// By core: its first packet.
    first: Vec<u32>,
    /// By unit up to the ports, over all ticks so far.
    pub loads: Vec<UnitLoad>,
}

/// What is known of all packets beforehand.
struct Routes {
    /// Links, each after those that it hears from.
    order: Vec<u32>,
    ways: Ways,
    /// By unit that packets leave: its first stream.
    lanes: Vec<u32>,
    /// By unit that packets come to: where those begin among `inputs` that come from units of smaller and of larger numbers, and where they end.
    heard: Vec<[u32; 3]>,
    /// Streams, in the order of the units that they come from.
    inputs: Vec<u32>,
    /// By axon: where its packet starts, and its first arrival.
    starts: Vec<[u32; 2]>,
    /// By arrival.
    services: Vec<u64>,
    /// Of a packet's `next`, all are below.
    nexts: usize,
}

/// Where packets can go.
struct Ways {
    /// By node: its only child, if it has one.
    only: Vec<Step>,
    nodes: Vec<[u32; 2]>,
    /// By child of a node.
    steps: Vec<Step>,
}

/// Packets of a tick, on their way.
struct Lanes<P> {
    tags: Tags,
    streams: Vec<Stream<P>>,
    /// Streams out of the link at hand.
    out: Vec<Stream<P>>,
    merge: Merge<P>,
    /// By packet that a port has carried: until when it stands in the queue.
    leaves: Vec<u64>,
    /// By packet of the tick: when it was sent.
    sent: Vec<u64>,
    /// By packet of the tick: the first arrival of its axon.
    arrivals: Vec<u32>,
}

/// A tick has more packets, or takes longer, than a kind of packet can say.
struct TooMuch;

impl<'c> Flow<'c> {
    /// For this chip, if its buffers have no limit, its links take time, and they can be put in order.
    pub fn new(chip: Chip<'c>) -> Option<Self> {
        if !chip.unlimited() || chip.layout.links.iter().any(|link| link.hop.time == 0) {
            return None;
        }
        let routes = Routes::new(chip)?;
        let loads = vec![UnitLoad::default(); chip.layout.server_unit(0) as usize];
        Some(Self { chip, narrow: Lanes::new(&routes), wide: None, routes, first: Vec::new(), loads })
    }

    /// One tick; `work` by core.
    ///
    /// # Panics
    /// If `work` is that of another layout.
    pub fn tick(&mut self, work: &[CoreWork]) -> Outcome {
        if let Some(narrow) = &mut self.narrow {
            let before = self.loads.clone();
            let mut tick = Tick { chip: self.chip, routes: &self.routes, lanes: narrow, first: &mut self.first, loads: &mut self.loads };
            if let Ok(outcome) = tick.run(work) {
                return outcome;
            }
            (self.narrow, self.loads) = (None, before);
        }
        let wide = self.wide.get_or_insert_with(|| Lanes::new(&self.routes).expect("64 bits say all"));
        let mut tick = Tick { chip: self.chip, routes: &self.routes, lanes: wide, first: &mut self.first, loads: &mut self.loads };
        tick.run(work).unwrap_or_else(|TooMuch| unreachable!("64 bits say all"))
    }
}

impl Routes {
    /// Nothing if links hear from each other in a circle.
    fn new(chip: Chip<'_>) -> Option<Self> {
        let layout = chip.layout;
        let (cores, ports) = (layout.cores.len(), layout.port_unit(0));
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
        let (mut heard, mut inputs) = (vec![[0; 3]; layout.server_unit(0) as usize], Vec::new());
        for (&to, from) in &hears {
            let first = inputs.len() as u32;
            let larger = first + from.partition_point(|&from| from < to) as u32;
            inputs.extend(from.iter().map(|&from| lanes[from as usize] + lane_of[to as usize]));
            heard[to as usize] = [first, larger, inputs.len() as u32];
        }
        let steps: Vec<Step> = layout.children.iter().map(|child| Step { lane: lane_of[child.unit as usize], next: child.next }).collect();
        let only = |&[first, end]: &[u32; 2]| if end == first + 1 { steps[first as usize] } else { Step { lane: SEVERAL, next: 0 } };
        let roots = layout.axons.iter().map(|axon| axon.root);
        let nexts = steps.iter().map(|step| step.next).chain(roots).max().map_or(0, |next| next as usize + 1);
        Some(Self {
            order,
            ways: Ways { only: layout.nodes.iter().map(only).collect(), nodes: layout.nodes.clone(), steps },
            starts: layout.axons.iter().map(|axon| [axon.root, axon.arrivals]).collect(),
            lanes,
            heard,
            inputs,
            services: layout.arrivals.iter().map(|arrival| arrival.service).collect(),
            nexts,
        })
    }
}

impl<P: Packet> Lanes<P> {
    /// Nothing if packets of this kind cannot say where they go.
    fn new(routes: &Routes) -> Option<Self> {
        let widest = routes.lanes.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        Some(Self {
            tags: Tags::new::<P>(routes.nexts)?,
            streams: vec![Stream::new(); *routes.lanes.last()? as usize],
            out: vec![Stream::new(); widest as usize],
            merge: Merge::default(),
            leaves: Vec::new(),
            sent: Vec::new(),
            arrivals: Vec::new(),
        })
    }
}

/// One tick.
struct Tick<'t, 'c, P> {
    chip: Chip<'c>,
    routes: &'t Routes,
    lanes: &'t mut Lanes<P>,
    first: &'t mut Vec<u32>,
    loads: &'t mut [UnitLoad],
}

impl<P: Packet> Tick<'_, '_, P> {
    fn run(&mut self, work: &[CoreWork]) -> Result<Outcome, TooMuch> {
        let mut outcome = Outcome::default();
        self.lanes.streams.iter_mut().for_each(Stream::clear);
        self.lanes.sent.clear();
        self.lanes.arrivals.clear();
        self.first.clear();
        for (core, work) in (0..).zip(work) {
            let done = self.send(core, work)?;
            if done > outcome.end {
                (outcome.end, outcome.critical) = (done, Critical { sender: core, sent: done, arrived: done, core });
            }
        }
        for &unit in &self.routes.order {
            self.link(unit)?;
        }
        for (core, work) in (0..).zip(work) {
            let (done, number, arrived) = self.receive(core, work.head);
            if done > outcome.end {
                let critical = match number {
                    None => Critical { sender: core, sent: 0, arrived, core },
                    Some(number) => {
                        let sender = self.first.partition_point(|&first| first <= number) as u32 - 1;
                        Critical { sender, sent: self.lanes.sent[number as usize], arrived, core }
                    }
                };
                (outcome.end, outcome.critical) = (done, critical);
            }
        }
        Ok(outcome)
    }

    /// A sender's packets; gives when its neurons are done.
    fn send(&mut self, core: u32, work: &CoreWork) -> Result<u64, TooMuch> {
        let Lanes { tags, streams, sent, arrivals, .. } = &mut *self.lanes;
        self.first.push(sent.len() as u32);
        if (sent.len() + work.emissions.len()) as u64 > tags.numbers() {
            return Err(TooMuch);
        }
        let mut now = 0;
        let out = &mut streams[self.routes.lanes[core as usize] as usize..];
        for emission in &work.emissions {
            now += emission.before;
            let [next, first_arrival] = self.routes.starts[emission.axon as usize];
            self.routes.ways.go_on(*tags, out, 2 * now + 1, tags.tag(sent.len() as u32, 0), next);
            sent.push(now);
            arrivals.push(first_arrival);
        }
        fits::<P>(2 * now + 1)?;
        Ok(now + work.tail)
    }

    /// All packets of a link.
    fn link(&mut self, unit: u32) -> Result<(), TooMuch> {
        let Routes { ways, inputs, .. } = self.routes;
        let Lanes { tags, streams, out, merge, .. } = &mut *self.lanes;
        let tags = *tags;
        let lanes = self.routes.lanes[unit as usize] as usize..self.routes.lanes[unit as usize + 1] as usize;
        let out = &mut out[..lanes.len()];
        out.swap_with_slice(&mut streams[lanes.clone()]);
        let [first, larger, end] = self.routes.heard[unit as usize].map(|index| index as usize);
        let (smaller, larger) = (&inputs[first..larger], &inputs[larger..end]);
        // Doubled times: things of equal times happen in the order of the units' numbers (rule 5), so the end of a crossing, 2 * time + 1, comes
        // after what a smaller unit sends, 2 * time + 1, and before what a larger one sends, 2 * time + 2.
        let Merged { packets, late } = merge.all(streams, smaller.iter().copied(), larger.iter().copied());
        let crossing = 2 * self.chip.crossing(unit as usize);
        let load = &mut self.loads[unit as usize];
        // no branch that depends on whether the link is free, which nobody can foresee
        let (mut free, mut waited) = (0, 0);
        // packets that wait, and when the first of them goes on; those that have gone on since are taken out when it matters
        let (mut waiting, mut goes_on) = (0, 0);
        for packet in packets {
            let comes = packet.time() + late;
            let asks = (comes - 1) | 1;
            let idle = comes > free;
            let start = asks.max(free);
            waited += start - asks;
            free = start + crossing;
            waiting = select_unpredictable(idle, 0, waiting + 1);
            goes_on = select_unpredictable(idle, free, goes_on);
            if waiting > load.deepest {
                while goes_on < comes {
                    (goes_on, waiting) = (goes_on + crossing, waiting - 1);
                }
                load.deepest = load.deepest.max(waiting);
            }
            let tag = packet.tag();
            ways.go_on(tags, out, free, tag, tags.next(tag));
        }
        load.packets += packets.len() as u64;
        load.waited += waited / 2;
        out.swap_with_slice(&mut streams[lanes]);
        fits::<P>(free)
    }

    /// All packets of a core: when its server is done, and which packet began the time that it has been busy since, and when.
    fn receive(&mut self, core: u32, head: u64) -> (u64, Option<u32>, u64) {
        let port = self.chip.layout.port_unit(core as usize) as usize;
        let crossing = self.chip.prices.delivery.time;
        let Routes { heard, inputs, services, .. } = self.routes;
        let Lanes { tags, streams, merge, leaves, arrivals, .. } = &mut *self.lanes;
        let tags = *tags;
        let [first, _, end] = heard[port].map(|index| index as usize);
        let Merged { packets, .. } = merge.all(streams, inputs[first..end].iter().copied(), std::iter::empty());
        if leaves.len() < packets.len() {
            leaves.resize(packets.len(), 0);
        }
        let leaves = &mut leaves[..packets.len()];
        let load = &mut self.loads[port];
        let (mut crossed, mut waited, mut queued) = (0, 0, 0);
        let (mut free, mut busy, mut since) = (head, u64::from(head > 0), (u32::MAX, 0));
        for (index, packet) in packets.iter().enumerate() {
            let (asks, tag) = (packet.time() >> 1, packet.tag());
            let start = asks.max(crossed);
            waited += start - asks;
            crossed = start + crossing;
            let number = tags.number(tag);
            let idle = crossed >= free + busy;
            // what is taken at once no other that comes at this time sees
            leaves[index] = select_unpredictable(idle, 2 * crossed, 2 * free + 1);
            queued = select_unpredictable(idle, index, queued);
            since = (select_unpredictable(idle, number, since.0), select_unpredictable(idle, crossed, since.1));
            if index + 1 - queued > load.deepest as usize {
                while leaves[queued] <= 2 * crossed && queued < index {
                    queued += 1;
                }
                load.deepest = load.deepest.max((index + 1 - queued) as u32);
            }
            free = crossed.max(free) + services[(arrivals[number as usize] + tags.next(tag)) as usize];
            busy = 1;
        }
        load.packets += packets.len() as u64;
        load.waited += waited;
        (free, (since.0 != u32::MAX).then_some(since.0), since.1)
    }
}

impl Ways {
    /// All copies of a packet at node `next` into the streams out of its unit.
    #[inline]
    fn go_on<P: Packet>(&self, tags: Tags, out: &mut [Stream<P>], time: u64, tag: u64, next: u32) {
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

/// Whether packets can say a time, and half a picosecond more. Times of what one unit sends only grow: the last one tells of all.
fn fits<P: Packet>(time: u64) -> Result<(), TooMuch> {
    if time < u64::MAX >> (u64::BITS - P::BITS) { Ok(()) } else { Err(TooMuch) }
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
