//! The rules, as plainly as can be: what [`fast`](super::fast) is compared with.

use super::{Chip, CoreWork, Critical, Outcome, UnitLoad};
use crate::layout::Child;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

#[derive(Clone, Copy)]
struct Packet {
    axon: usize,
    next: usize,
    sent: u64,
}

struct Waiter {
    who: usize,
    packet: Packet,
    since: u64,
}

#[derive(Default)]
struct Unit {
    crossing: Option<Packet>,
    buffer: VecDeque<Packet>,
    waiters: VecDeque<Waiter>,
    copies: usize,
}

struct Simulation<'a> {
    chip: Chip<'a>,
    work: &'a [CoreWork],
    events: BinaryHeap<Reverse<(u64, usize)>>,
    units: Vec<Unit>,
    /// By core: which packet its sender is at, and since when it is ready.
    senders: Vec<(usize, u64)>,
    /// By core: the packet that began the time that its server has been busy since, if it is.
    servers: Vec<Option<Critical>>,
    now: u64,
    /// Rule 6.
    unlimited: bool,
    loads: Vec<UnitLoad>,
    stalled: Vec<u64>,
}

/// One tick: what it came to, the loads by unit up to the ports, and by core how long its sender waited.
pub fn tick(chip: Chip<'_>, work: &[CoreWork]) -> (Outcome, Vec<UnitLoad>, Vec<u64>) {
    let (cores, servers) = (chip.layout.cores.len(), chip.layout.server_unit(0) as usize);
    let mut simulation = Simulation {
        chip,
        work,
        events: BinaryHeap::new(),
        units: (0..servers).map(|_| Unit::default()).collect(),
        senders: vec![(0, 0); cores],
        servers: vec![None; cores],
        now: 0,
        unlimited: chip.unlimited(),
        loads: vec![UnitLoad::default(); servers],
        stalled: vec![0; cores],
    };
    let outcome = simulation.run();
    (outcome, simulation.loads, simulation.stalled)
}

impl Simulation<'_> {
    fn first_port(&self) -> usize {
        self.chip.layout.port_unit(0) as usize
    }

    fn first_server(&self) -> usize {
        self.chip.layout.server_unit(0) as usize
    }

    fn run(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        for core in 0..self.work.len() {
            self.prepare(core);
            if self.work[core].head > 0 {
                self.servers[core] = Some(Critical { sender: core as u32, sent: 0, arrived: 0, core: core as u32 });
                self.events.push(Reverse((self.work[core].head, self.first_server() + core)));
            }
        }
        while let Some(Reverse((now, unit))) = self.events.pop() {
            self.now = now;
            let done = if unit >= self.first_server() {
                let core = unit - self.first_server();
                let since = self.servers[core].take();
                self.serve(core, since);
                since
            } else if unit >= self.work.len() {
                let packet = self.units[unit].crossing.take().expect("a crossing ends");
                self.append(unit, packet);
                self.wake(unit);
                None
            } else if let Some(emission) = self.work[unit].emissions.get(self.senders[unit].0) {
                self.senders[unit].1 = now;
                let axon = emission.axon as usize;
                self.request(unit, Packet { axon, next: self.chip.layout.axons[axon].root as usize, sent: now });
                None
            } else {
                Some(Critical { sender: unit as u32, sent: now, arrived: now, core: unit as u32 })
            };
            if let Some(critical) = done.filter(|_| now > outcome.end) {
                (outcome.end, outcome.critical) = (now, critical);
            }
        }
        outcome.stuck = self.stuck();
        outcome
    }

    /// Cores that packets which still stand somewhere were to reach: copies that wait for a unit, and those behind them.
    fn stuck(&self) -> u64 {
        let reached = |child: &Child| if child.unit as usize >= self.first_port() { 1 } else { self.reached(child.next as usize) };
        let links = &self.units[self.work.len()..self.first_port()];
        let behind: u64 = links.iter().flat_map(|unit| unit.buffer.iter().skip(1)).map(|packet| self.reached(packet.next)).sum();
        let copies = (0..)
            .zip(&self.units)
            .flat_map(|(unit, row)| row.waiters.iter().map(move |waiter| Child { unit, next: waiter.packet.next as u32 }));
        behind + copies.map(|child| reached(&child)).sum::<u64>()
    }

    /// Cores behind a node.
    fn reached(&self, node: usize) -> u64 {
        let [first, end] = self.chip.layout.nodes[node];
        let children = &self.chip.layout.children[first as usize..end as usize];
        children.iter().map(|child| if child.unit as usize >= self.first_port() { 1 } else { self.reached(child.next as usize) }).sum()
    }

    /// Plans when a sender's next packet is ready, or its neurons are done.
    fn prepare(&mut self, core: usize) {
        let work = &self.work[core];
        let before = work.emissions.get(self.senders[core].0).map_or(work.tail, |emission| emission.before);
        self.events.push(Reverse((self.now + before, core)));
    }

    fn free(&self, unit: usize) -> bool {
        self.units[unit].crossing.is_none() && self.units[unit].buffer.len() < self.chip.prices.link_buffer as usize
    }

    fn request(&mut self, who: usize, packet: Packet) {
        let [first, end] = self.chip.layout.nodes[packet.next];
        let children = &self.chip.layout.children[first as usize..end as usize];
        self.units[who].copies = children.len();
        for child in children {
            let (unit, packet) = (child.unit as usize, Packet { next: child.next as usize, ..packet });
            if self.free(unit) && self.units[unit].waiters.is_empty() {
                self.start(unit, packet);
            } else {
                let since = self.now;
                self.units[unit].waiters.push_back(Waiter { who, packet, since });
                if self.unlimited && unit < self.first_port() {
                    self.loads[unit].deepest = self.loads[unit].deepest.max(self.units[unit].waiters.len() as u32);
                }
                if !self.unlimited {
                    continue;
                }
            }
            self.left(who);
        }
    }

    fn start(&mut self, unit: usize, packet: Packet) {
        self.loads[unit].packets += 1;
        match self.chip.crossing(unit) {
            0 => self.append(unit, packet),
            time => {
                self.units[unit].crossing = Some(packet);
                self.events.push(Reverse((self.now + time, unit)));
            }
        }
    }

    fn left(&mut self, who: usize) {
        self.units[who].copies -= 1;
        if self.units[who].copies > 0 {
            return;
        }
        if who < self.work.len() {
            self.stalled[who] += self.now - self.senders[who].1;
            self.senders[who].0 += 1;
            self.prepare(who);
        } else if !self.unlimited {
            self.units[who].buffer.pop_front();
            if let Some(&packet) = self.units[who].buffer.front() {
                self.request(who, packet);
            }
            self.wake(who);
        }
    }

    fn wake(&mut self, unit: usize) {
        while self.free(unit) {
            let Some(Waiter { who, mut packet, since }) = self.units[unit].waiters.pop_front() else { return };
            self.loads[unit].waited += self.now - since;
            if self.unlimited {
                self.start(unit, packet);
                continue;
            }
            if who < self.work.len() {
                packet.sent = self.now;
            }
            self.start(unit, packet);
            self.left(who);
        }
    }

    fn append(&mut self, unit: usize, packet: Packet) {
        if self.unlimited && unit < self.first_port() {
            return self.request(unit, packet);
        }
        self.units[unit].buffer.push_back(packet);
        let length = self.units[unit].buffer.len();
        self.loads[unit].deepest = self.loads[unit].deepest.max(length as u32);
        if unit >= self.first_port() {
            if self.servers[unit - self.first_port()].is_none() {
                self.serve(unit - self.first_port(), None);
            }
        } else if length == 1 {
            self.request(unit, packet);
        }
    }

    /// `since` is what a server that goes on has been busy since.
    fn serve(&mut self, core: usize, since: Option<Critical>) {
        let port = self.first_port() + core;
        let Some(Packet { axon, next, sent }) = self.units[port].buffer.pop_front() else { return };
        let row = self.chip.layout.axons[axon];
        let arrival = self.chip.layout.arrivals[row.arrivals as usize + next];
        let begins = Critical { sender: row.sender, sent, arrived: self.now, core: core as u32 };
        self.servers[core] = Some(since.unwrap_or(begins));
        self.events.push(Reverse((self.now + arrival.service, self.first_server() + core)));
        self.wake(port);
    }
}
