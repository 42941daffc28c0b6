//! What the timed engine shows of one image, kept in memory for the files that are made of it.

use lif_time::engine::{Outcome, Sent, Watch};
use lif_time::{Clock, WatchTicks};

/// Times are picoseconds from the begin of the image.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    /// Begin and end of each tick, and when all units were done.
    pub ticks: Vec<Tick>,
    /// Packets as their senders saw them; times as here.
    pub sent: Vec<Sent>,
    /// Packets in the cores that they reached.
    pub served: Vec<Served>,
    /// Cores that are kept, by core.
    kept: Vec<bool>,
    at: u64,
}

/// One tick.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    pub begin: u64,
    pub done: u64,
    pub end: u64,
}

/// A packet is worked on; `axon` is `u32::MAX` for spikes from outside the system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    pub core: u32,
    pub axon: u32,
    pub begin: u64,
    pub end: u64,
}

impl Timeline {
    /// Keeps what happens in cores of which `keep` holds.
    pub fn new(clock: &Clock<'_>, keep: impl Fn(lif_graph::PopulationId) -> bool) -> Self {
        let kept = clock.layout.cores.iter().map(|core| keep(core.population)).collect();
        Self { kept, ..Self::default() }
    }

    /// Whether a core is kept.
    pub fn keeps(&self, core: u32) -> bool {
        self.kept[core as usize]
    }
}

impl Watch for Timeline {
    fn served(&mut self, core: u32, axon: u32, begin: u64, end: u64) {
        if self.keeps(core) {
            self.served.push(Served { core, axon, begin: self.at + begin, end: self.at + end });
        }
    }

    fn sent(&mut self, packet: Sent) {
        if self.keeps(packet.core) {
            let from_begin = |time| self.at + time;
            let [begin, ready, left] = [packet.begin, packet.ready, packet.left].map(from_begin);
            self.sent.push(Sent { begin, ready, left, ..packet });
        }
    }
}

impl WatchTicks for Timeline {
    fn begins(&mut self, _: u32, at: u64) {
        self.at = at;
    }

    fn ended(&mut self, _: u32, outcome: &Outcome, whole: u64) {
        self.ticks.push(Tick { begin: self.at, done: self.at + outcome.end, end: self.at + whole });
    }
}
