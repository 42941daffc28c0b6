//! The hot loop. Everything is an index into an array; lists are chains through pools that only grow, so nothing is allocated once they
//! are large enough.

use super::{Chip, CoreWork, Critical, Emission, Outcome, Sent, UnitLoad, Watch};
use crate::layout::Child;
use crate::wheel::Wheel;

/// No entry.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, Default)]
struct Packet {
    axon: u32,
    /// Behind a link its node, behind a port the number of its arrival.
    next: u32,
    sent: u64,
}

/// A packet in a buffer, and the one behind it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    packet: Packet,
    behind: u32,
}

/// A copy of the first packet of `who`, which waits for a unit.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    who: u32,
    axon: u32,
    next: u32,
    behind: u32,
    since: u64,
    sent: u64,
}

/// A sender, link or port; of a sender only `copies` is used.
#[derive(Clone, Copy, Debug)]
struct Unit {
    crossing: Packet,
    /// How long a crossing takes.
    time: u64,
    busy: bool,
    /// The buffer behind it; of a link without limit (rule 6) who waits for it.
    length: u32,
    first: u32,
    last: u32,
    /// Who waits for it.
    first_waiter: u32,
    last_waiter: u32,
    /// Copies of the buffer's first packet that are not on their way.
    copies: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sender {
    /// The packet that is being made or waits.
    at: u32,
    begin: u64,
    ready: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Server {
    busy: bool,
    /// The packet that began the time that it has been busy since.
    since: Critical,
}

/// The working memory of one thread.
pub struct Engine<'c> {
    chip: Chip<'c>,
    wheel: Wheel,
    units: Vec<Unit>,
    senders: Vec<Sender>,
    servers: Vec<Server>,
    slots: Vec<Slot>,
    free_slot: u32,
    waiters: Vec<Waiter>,
    free_waiter: u32,
    /// By node: its only child, if it has one.
    only: Vec<Child>,
    /// By axon: where its packet starts, its first arrival, and how many cores it reaches.
    starts: Vec<[u32; 3]>,
    /// By arrival.
    services: Vec<u64>,
    first_port: u32,
    first_server: u32,
    room: u32,
    /// Rule 6.
    unlimited: bool,
    /// Packets on their way, those of a multicast counted by cores that they reach.
    flying: u64,
    /// By unit up to the ports, over all ticks so far.
    pub loads: Vec<UnitLoad>,
    /// By core: picoseconds that its sender waited, over all ticks so far.
    pub stalled: Vec<u64>,
}

/// What one tick is about.
struct Tick<'t, W> {
    now: u64,
    work: &'t [CoreWork],
    watch: &'t mut W,
}

impl<'c> Engine<'c> {
    /// For this chip.
    pub fn new(chip: Chip<'c>) -> Self {
        let layout = chip.layout;
        let (cores, servers) = (layout.cores.len(), layout.server_unit(0) as usize);
        let unit = |index| Unit {
            crossing: Packet::default(),
            time: chip.crossing(index),
            busy: false,
            length: 0,
            first: NONE,
            last: NONE,
            first_waiter: NONE,
            last_waiter: NONE,
            copies: 0,
        };
        let only = |&[first, end]: &[u32; 2]| {
            if end == first + 1 { layout.children[first as usize] } else { Child { unit: NONE, next: 0 } }
        };
        Self {
            only: layout.nodes.iter().map(only).collect(),
            starts: layout.axons.iter().map(|axon| [axon.root, axon.arrivals, axon.reached]).collect(),
            services: layout.arrivals.iter().map(|arrival| arrival.service).collect(),
            chip,
            wheel: Wheel::new(layout.units()),
            units: (0..servers).map(unit).collect(),
            senders: vec![Sender::default(); cores],
            servers: vec![Server::default(); cores],
            slots: Vec::new(),
            free_slot: NONE,
            waiters: Vec::new(),
            free_waiter: NONE,
            first_port: layout.port_unit(0),
            first_server: servers as u32,
            room: chip.prices.link_buffer,
            unlimited: chip.unlimited(),
            flying: 0,
            loads: vec![UnitLoad::default(); servers],
            stalled: vec![0; cores],
        }
    }

    /// One tick; `work` by core.
    ///
    /// # Panics
    /// If `work` is that of another layout.
    pub fn tick<W: Watch>(&mut self, work: &[CoreWork], watch: &mut W) -> Outcome {
        let mut outcome = Outcome::default();
        let mut tick = Tick { now: 0, work, watch };
        self.wheel.restart();
        for (core, work) in (0..).zip(work) {
            self.senders[core as usize] = Sender::default();
            self.wheel.push(work.emissions.first().map_or(work.tail, |emission| emission.before), core);
            if work.head > 0 {
                self.servers[core as usize] = Server { busy: true, since: Critical { sender: core, sent: 0, arrived: 0, core } };
                self.wheel.push(work.head, self.first_server + core);
                tick.watch.served(core, NONE, 0, work.head);
            }
        }
        while let Some((now, unit)) = self.wheel.pop() {
            tick.now = now;
            if unit >= self.first_server {
                let core = unit - self.first_server;
                self.servers[core as usize].busy = false;
                if now > outcome.end {
                    (outcome.end, outcome.critical) = (now, self.servers[core as usize].since);
                }
                self.serve(core, true, &mut tick);
            } else if (unit as usize) >= self.senders.len() {
                self.units[unit as usize].busy = false;
                let packet = self.units[unit as usize].crossing;
                self.append(unit, packet, &mut tick);
                self.wake(unit, &mut tick);
            } else if let Some(emission) = work[unit as usize].emissions.get(self.senders[unit as usize].at as usize) {
                self.senders[unit as usize].ready = now;
                let [next, _, reached] = self.starts[emission.axon as usize];
                self.flying += u64::from(reached);
                self.request(unit, Packet { axon: emission.axon, next, sent: now }, &mut tick);
            } else if now > outcome.end {
                (outcome.end, outcome.critical) = (now, Critical { sender: unit, sent: now, arrived: now, core: unit });
            }
        }
        outcome.stuck = self.flying;
        outcome
    }

    /// The first packet of `who` asks for all units that it has to cross next.
    #[inline]
    fn request<W: Watch>(&mut self, who: u32, packet: Packet, tick: &mut Tick<'_, W>) {
        let only = self.only[packet.next as usize];
        if only.unit != NONE {
            self.units[who as usize].copies = 1;
            return self.ask(who, packet, only, tick);
        }
        let [first, end] = self.chip.layout.nodes[packet.next as usize];
        self.units[who as usize].copies = end - first;
        for child in first..end {
            self.ask(who, packet, self.chip.layout.children[child as usize], tick);
        }
    }

    /// A copy of it asks for one unit.
    #[inline]
    fn ask<W: Watch>(&mut self, who: u32, packet: Packet, Child { unit, next }: Child, tick: &mut Tick<'_, W>) {
        let row = &self.units[unit as usize];
        if !row.busy && row.length < self.room && row.first_waiter == NONE {
            self.start(unit, Packet { next, ..packet }, tick);
        } else {
            let Packet { axon, sent, .. } = packet;
            self.wait(unit, Waiter { who, axon, next, behind: NONE, since: tick.now, sent });
            if !self.unlimited {
                return;
            }
        }
        self.left(who, tick);
    }

    /// A crossing begins; one that takes no time is over at once.
    #[inline]
    fn start<W: Watch>(&mut self, unit: u32, packet: Packet, tick: &mut Tick<'_, W>) {
        self.loads[unit as usize].packets += 1;
        let row = &mut self.units[unit as usize];
        tick.watch.crossed(unit, packet.axon, tick.now, tick.now + row.time);
        if row.time == 0 {
            self.append(unit, packet, tick);
        } else {
            row.busy = true;
            row.crossing = packet;
            self.wheel.push(tick.now + row.time, unit);
        }
    }

    /// A copy of the first packet of `who` is on its way.
    #[inline]
    fn left<W: Watch>(&mut self, who: u32, tick: &mut Tick<'_, W>) {
        let row = &mut self.units[who as usize];
        row.copies -= 1;
        if row.copies > 0 {
            return;
        }
        if (who as usize) < self.senders.len() {
            let (sender, work) = (&mut self.senders[who as usize], &tick.work[who as usize]);
            self.stalled[who as usize] += tick.now - sender.ready;
            let Emission { axon, neuron, .. } = work.emissions[sender.at as usize];
            tick.watch.sent(Sent { core: who, axon, neuron, begin: sender.begin, ready: sender.ready, left: tick.now });
            sender.at += 1;
            sender.begin = tick.now;
            let next = work.emissions.get(sender.at as usize).map_or(work.tail, |emission| emission.before);
            self.wheel.push(tick.now + next, who);
        } else if !self.unlimited {
            self.remove(who);
            if self.units[who as usize].length > 0 {
                let packet = self.slots[self.units[who as usize].first as usize].packet;
                self.request(who, packet, tick);
            }
            self.wake(who, tick);
        }
    }

    /// Lets those who wait cross a unit, for as long as it can take them.
    #[inline]
    fn wake<W: Watch>(&mut self, unit: u32, tick: &mut Tick<'_, W>) {
        loop {
            let row = &mut self.units[unit as usize];
            if row.busy || row.length >= self.room || row.first_waiter == NONE {
                return;
            }
            let index = row.first_waiter;
            let Waiter { who, axon, next, behind, since, sent } = self.waiters[index as usize];
            row.first_waiter = behind;
            if self.unlimited && unit < self.first_port {
                row.length -= 1;
            }
            self.waiters[index as usize].behind = self.free_waiter;
            self.free_waiter = index;
            self.loads[unit as usize].waited += tick.now - since;
            if self.unlimited {
                self.start(unit, Packet { axon, next, sent }, tick);
                continue;
            }
            // a sender's packet leaves only now
            let sent = if (who as usize) < self.senders.len() { tick.now } else { sent };
            self.start(unit, Packet { axon, next, sent }, tick);
            self.left(who, tick);
        }
    }

    fn wait(&mut self, unit: u32, waiter: Waiter) {
        let index = if self.free_waiter == NONE {
            self.waiters.push(waiter);
            self.waiters.len() as u32 - 1
        } else {
            let index = self.free_waiter;
            self.free_waiter = self.waiters[index as usize].behind;
            self.waiters[index as usize] = waiter;
            index
        };
        let row = &mut self.units[unit as usize];
        if row.first_waiter == NONE {
            row.first_waiter = index;
        } else {
            self.waiters[row.last_waiter as usize].behind = index;
        }
        row.last_waiter = index;
        if self.unlimited && unit < self.first_port {
            row.length += 1;
            let deepest = &mut self.loads[unit as usize].deepest;
            *deepest = row.length.max(*deepest);
        }
    }

    /// A packet comes into the buffer behind a unit.
    #[inline]
    fn append<W: Watch>(&mut self, unit: u32, packet: Packet, tick: &mut Tick<'_, W>) {
        if self.unlimited && unit < self.first_port {
            return self.request(unit, packet, tick);
        }
        let slot = Slot { packet, behind: NONE };
        let index = if self.free_slot == NONE {
            self.slots.push(slot);
            self.slots.len() as u32 - 1
        } else {
            let index = self.free_slot;
            self.free_slot = self.slots[index as usize].behind;
            self.slots[index as usize] = slot;
            index
        };
        let row = &mut self.units[unit as usize];
        if row.length == 0 {
            row.first = index;
        } else {
            self.slots[row.last as usize].behind = index;
        }
        row.last = index;
        row.length += 1;
        let length = row.length;
        let deepest = &mut self.loads[unit as usize].deepest;
        *deepest = length.max(*deepest);
        if unit >= self.first_port {
            let core = unit - self.first_port;
            if !self.servers[core as usize].busy {
                self.serve(core, false, tick);
            }
        } else if length == 1 {
            self.request(unit, packet, tick);
        }
    }

    /// Takes the first packet out of the buffer behind a unit.
    #[inline]
    fn remove(&mut self, unit: u32) -> Packet {
        let row = &mut self.units[unit as usize];
        let index = row.first;
        let Slot { packet, behind } = self.slots[index as usize];
        row.first = behind;
        row.length -= 1;
        self.slots[index as usize].behind = self.free_slot;
        self.free_slot = index;
        packet
    }

    /// A server that is free takes the next packet, if there is one; `on` if it has been busy until now.
    #[inline]
    fn serve<W: Watch>(&mut self, core: u32, on: bool, tick: &mut Tick<'_, W>) {
        let port = self.first_port + core;
        if self.units[port as usize].length == 0 {
            return;
        }
        let Packet { axon, next, sent } = self.remove(port);
        self.flying -= 1;
        let end = tick.now + self.services[(self.starts[axon as usize][1] + next) as usize];
        let server = &mut self.servers[core as usize];
        server.busy = true;
        if !on {
            server.since = Critical { sender: self.chip.layout.axons[axon as usize].sender, sent, arrived: tick.now, core };
        }
        self.wheel.push(end, self.first_server + core);
        tick.watch.served(core, axon, tick.now, end);
        self.wake(port, tick);
    }
}
