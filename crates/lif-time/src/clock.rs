//! From recorded spikes to totals: all ticks of an image, one after the other.

use crate::engine::fast::Engine;
use crate::engine::flow::Flow;
use crate::engine::{self, Outcome, Watch};
use crate::idle::idle;
use crate::layout::Layout;
use crate::prices::Prices;
use crate::profile::{self, Profile, Totals};
use crate::schedule::Schedule;
use crate::workload::{Recording, Source, Workload};
use crate::{Spike, TimeError};
use lif_chip::{Chip, Femtojoules, Picoseconds};
use lif_graph::LifGraph;
use lif_map::Mapping;

/// A mapped graph on a chip with prices. All threads share it; what changes lives in [`State`].
#[derive(Debug)]
pub struct Clock<'g> {
    /// The graph.
    pub graph: &'g LifGraph,
    /// The chip's name.
    pub chip: String,
    /// Cores, links and ways.
    pub layout: Layout,
    /// What everything takes.
    pub prices: Prices,
    /// Which tick does what.
    pub schedule: Schedule,
}

/// The working memory of one thread.
pub struct State<'c> {
    engine: Engine<'c>,
    flow: Option<Flow<'c>>,
    workload: Workload,
}

/// Sees ticks begin and end beside all that [`Watch`] sees; times in a tick are from its begin.
pub trait WatchTicks: Watch {
    /// A tick begins, so many picoseconds after the image.
    fn begins(&mut self, _tick: u32, _at: u64) {}
    /// All units are done, and with barrier or timer the tick takes `whole` picoseconds.
    fn ended(&mut self, _tick: u32, _outcome: &Outcome, _whole: u64) {}
}

impl WatchTicks for () {}

impl<'g> Clock<'g> {
    /// Lays a mapped graph out in time.
    ///
    /// # Errors
    /// [`TimeError::NoCosts`], [`TimeError::Mapping`], [`TimeError::Schedule`].
    pub fn new(graph: &'g LifGraph, mapping: &Mapping, chip: &Chip, schedule: Schedule) -> Result<Self, TimeError> {
        let prices = Prices::new(chip).ok_or_else(|| TimeError::NoCosts { chip: chip.name.clone() })?;
        schedule.check(graph)?;
        let layout = Layout::new(graph, mapping, chip, &prices)?;
        Ok(Self { graph, chip: chip.name.clone(), layout, prices, schedule })
    }

    /// Working memory.
    pub fn state(&self) -> State<'_> {
        let chip = engine::Chip { layout: &self.layout, prices: &self.prices };
        State { engine: Engine::new(chip), flow: Flow::new(chip), workload: Workload::new(&self.layout) }
    }

    /// No images yet.
    pub fn totals(&self) -> Totals {
        Totals::new(&self.layout, self.schedule.ticks)
    }

    /// Times one image and adds it.
    ///
    /// # Errors
    /// [`TimeError::Spikes`] for spikes that the graph cannot have, [`TimeError::Deadlock`], [`TimeError::TooMuch`].
    pub fn run<W: WatchTicks>(&self, state: &mut State<'_>, spikes: &[Spike], totals: &mut Totals, watch: &mut W) -> Result<(), TimeError> {
        let recording = Recording::new(self.graph, spikes)?;
        let idle = idle(self.graph, &recording)?;
        let Self { graph, layout, prices, schedule, .. } = self;
        let source = Source { graph, layout, prices, schedule, recording: &recording, idle: &idle };
        let (mut time, mut energy) = (0, 0);
        let State { engine, flow, workload } = state;
        for tick in 0..schedule.ticks {
            workload.fill(&source, tick);
            watch.begins(tick, time);
            let outcome = match flow {
                Some(flow) if !W::LOOKS => flow.tick(&workload.work),
                _ => engine.tick(&workload.work, watch),
            };
            if outcome.stuck > 0 {
                return Err(TimeError::Deadlock { waiting: outcome.stuck, tick });
            }
            let whole = totals.add_tick(tick, &outcome, &workload.counts, layout, prices);
            watch.ended(tick, &outcome, whole);
            time += whole;
            energy += workload.counts.iter().map(|counts| profile::energy(counts, prices)).sum::<u64>();
        }
        totals.add_loads(&engine.loads, &engine.stalled);
        if let Some(flow) = flow {
            totals.add_loads(&flow.loads, &[]);
            flow.loads.fill(Default::default());
        }
        engine.loads.fill(Default::default());
        engine.stalled.fill(0);
        totals.images += 1;
        let standing = profile::standing_power(layout, prices).checked_mul(time);
        let energy = standing.and_then(|standing| standing.checked_add(energy)).ok_or(TimeError::TooMuch { images: totals.images })?;
        totals.by_image.push((Picoseconds(time), Femtojoules(energy)));
        Ok(())
    }

    /// What the totals say.
    ///
    /// # Errors
    /// [`TimeError::TooMuch`] for sums beyond 64 bits.
    pub fn profile(&self, totals: &Totals) -> Result<Profile, TimeError> {
        let sum =
            |of: fn(&(Picoseconds, Femtojoules)) -> u64| totals.by_image.iter().try_fold(0u64, |sum, image| sum.checked_add(of(image)));
        if sum(|image| image.0.0).is_none() || sum(|image| image.1.0).is_none() {
            return Err(TimeError::TooMuch { images: totals.images });
        }
        Ok(Profile::new(&self.chip, self.graph, &self.layout, &self.prices, totals))
    }
}
