//! A trace for ui.perfetto.dev, in the JSON form of Chrome's trace events ("Trace Event Format", Google).
//!
//! ```text
//!   process: core (x, y) n, population          threads: neurons | axon out | axon in | synapses
//!            packets                            flow arrows from axon out to axon in
//!            chip                               ticks and barriers, counters of packets on their way and of spikes
//! ```
//!
//! The format counts in microseconds; with six decimals the picoseconds are all there.

use super::record::{Served, Timeline};
use lif_time::Clock;
use lif_time::engine::Sent;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};

/// Threads of a core.
const STAGES: [&str; 4] = ["neurons", "axon out", "axon in", "synapses"];

/// Writes all of a timeline.
pub(super) fn write(clock: &Clock<'_>, timeline: &Timeline, out: &mut impl Write) -> io::Result<()> {
    let mut events = Events { out, first: true };
    events.out.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n")?;
    events.name("process_name", 0, 0, "chip")?;
    events.name("thread_name", 0, 1, "ticks")?;
    for (index, core) in (0..).zip(&clock.layout.cores).filter(|&(index, _)| timeline.keeps(index)) {
        let population = &clock.graph.population(core.population).name;
        events.name("process_name", index + 1, 0, &format!("core ({}, {}) {}: {population}", core.x, core.y, core.number))?;
        for (thread, stage) in (1..).zip(STAGES) {
            events.name("thread_name", index + 1, thread, stage)?;
        }
    }
    for (number, tick) in timeline.ticks.iter().enumerate() {
        events.span(0, 1, &format!("tick {number}"), tick.begin, tick.done)?;
        events.span(0, 1, "barrier", tick.done, tick.end)?;
    }
    let (out_time, in_time) = (clock.prices.axon_out.time, clock.prices.axon_in.time);
    // packets of an axon arrive in the order in which they left: they take the same way
    let mut flying: BTreeMap<(u32, u32), VecDeque<usize>> = BTreeMap::new();
    let mut arrows = 0;
    let mut changes: Vec<(u64, i64)> = Vec::new();
    for &Sent { core, axon, begin, ready, left, .. } in &timeline.sent {
        let (process, out_begin) = (core + 1, ready - out_time.min(ready - begin));
        events.span(process, 1, "update", begin, out_begin)?;
        events.span(process, 2, "send", out_begin, ready)?;
        events.span(process, 2, "stalled", ready, left)?;
        let row = clock.layout.axons[axon as usize];
        for arrival in &clock.layout.arrivals[row.arrivals as usize..(row.arrivals + row.reached) as usize] {
            if timeline.keeps(arrival.core) {
                flying.entry((axon, arrival.core)).or_default().push_back(arrows);
                events.arrow("s", process, 2, arrows, left)?;
                arrows += 1;
                changes.push((left, 1));
            }
        }
    }
    for &Served { core, axon, begin, end } in &timeline.served {
        let name = if axon == u32::MAX { "picks" } else { "packet" };
        let between = (begin + in_time).min(end);
        events.span(core + 1, 3, name, begin, between)?;
        events.span(core + 1, 4, name, between, end)?;
        if let Some(arrow) = flying.get_mut(&(axon, core)).and_then(VecDeque::pop_front) {
            events.arrow("f", core + 1, 3, arrow, begin)?;
            changes.push((begin, -1));
        }
    }
    changes.sort_unstable();
    let mut on_their_way = 0;
    for (index, &(time, change)) in changes.iter().enumerate() {
        on_their_way += change;
        if changes.get(index + 1).is_none_or(|&(next, _)| next > time) {
            events.counter("packets on their way", on_their_way, time)?;
        }
    }
    for tick in &timeline.ticks {
        let left = timeline.sent.iter().filter(|sent| (tick.begin..tick.end).contains(&sent.left)).count();
        events.counter("packets sent in the tick", left as i64, tick.begin)?;
    }
    events.out.write_all(b"\n]}\n")
}

struct Events<'w, W> {
    out: &'w mut W,
    first: bool,
}

impl<W: Write> Events<'_, W> {
    fn event(&mut self, fields: std::fmt::Arguments<'_>) -> io::Result<()> {
        let comma = if std::mem::take(&mut self.first) { "" } else { ",\n" };
        write!(self.out, "{comma}{{{fields}}}")
    }

    fn name(&mut self, what: &str, process: u32, thread: u32, name: &str) -> io::Result<()> {
        let name = serde_json::to_string(name).expect("a text is JSON");
        self.event(format_args!("\"ph\":\"M\",\"name\":\"{what}\",\"pid\":{process},\"tid\":{thread},\"args\":{{\"name\":{name}}}"))
    }

    fn span(&mut self, process: u32, thread: u32, name: &str, begin: u64, end: u64) -> io::Result<()> {
        if end <= begin {
            return Ok(());
        }
        let (at, length) = (Micro(begin), Micro(end - begin));
        self.event(format_args!("\"ph\":\"X\",\"name\":\"{name}\",\"pid\":{process},\"tid\":{thread},\"ts\":{at},\"dur\":{length}"))
    }

    /// `s` begins an arrow, `f` ends it (at the slice that encloses it).
    fn arrow(&mut self, kind: &str, process: u32, thread: u32, id: usize, at: u64) -> io::Result<()> {
        let binding = if kind == "f" { ",\"bp\":\"e\"" } else { "" };
        let at = Micro(at);
        self.event(format_args!(
            "\"ph\":\"{kind}\",\"name\":\"packet\",\"cat\":\"packet\",\"id\":{id},\"pid\":{process},\"tid\":{thread},\"ts\":{at}{binding}"
        ))
    }

    fn counter(&mut self, name: &str, value: i64, at: u64) -> io::Result<()> {
        let at = Micro(at);
        self.event(format_args!("\"ph\":\"C\",\"name\":\"{name}\",\"pid\":0,\"tid\":0,\"ts\":{at},\"args\":{{\"value\":{value}}}"))
    }
}

/// Picoseconds, printed as microseconds.
struct Micro(u64);

impl std::fmt::Display for Micro {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}
