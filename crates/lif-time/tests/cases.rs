//! The documents of `tests/cases/timing`: networks small enough for times and energies that are worked out by hand.

use lif_chip::{Chip, Costs};
use lif_graph::{Interpreter, LifGraph};
use lif_map::{Hops, Load, Machine, Mapping, PlacedSlice, RatesUsed, Region, System};
use lif_time::engine::{Outcome, UnitLoad, Watch};
use lif_time::layout::Layout;
use lif_time::{Clock, Schedule, WatchTicks, replay};
use std::path::Path;

/// A block of a document: the word behind its name, and its text.
fn block<'d>(document: &'d str, name: &str) -> (&'d str, &'d str) {
    let start = document.find(&format!("\n```{name}")).unwrap_or_else(|| panic!("no block `{name}`")) + 4 + name.len();
    let (word, rest) = document[start..].split_once('\n').unwrap();
    (word.trim(), rest.split_once("\n```").unwrap().0)
}

fn mapping(graph: &LifGraph, chip: &Chip, cores: &str) -> Mapping {
    let slice = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [population, range, place @ ..] = &words[..] else { panic!("{line}") };
        let ends: Vec<u32> = range.split("..").map(|end| end.parse().unwrap()).collect();
        let [x, y, core] = [0, 1, 2].map(|index| place[index].parse().unwrap());
        let region = Region { channels: [ends[0], ends[1]], rows: [0, 1], columns: [0, 1] };
        let load = Load { neurons: region.neurons(), ..Load::default() };
        PlacedSlice { population: population.to_string(), region, x, y, core, load, spikes_at_once: 0, keys: None }
    };
    let slices: Vec<PlacedSlice> = cores.lines().map(slice).collect();
    let machine = Machine::new(chip, slices.len() as u64).unwrap();
    Mapping {
        graph: graph.name.clone(),
        fingerprint: graph.fingerprint(),
        chip: chip.name.clone(),
        seed: 0,
        rates: RatesUsed { measured: false, steps: 1 },
        system: System {
            topology: machine.topology,
            columns: machine.columns,
            rows: machine.rows,
            chips: machine.chips,
            chips_used: 1,
            cores: machine.sites.len() as u32,
            cores_used: slices.len() as u32,
        },
        hops: Hops { sequential: 0, curve: 0, annealed: 0 },
        limits: vec![],
        slices,
        edges: vec![],
        links: vec![],
        routing_tables: vec![],
        complete_tables: vec![],
    }
}

/// Keeps what each tick came to.
#[derive(Default)]
struct Ticks(Vec<(Outcome, u64)>);

impl Watch for Ticks {}

impl WatchTicks for Ticks {
    fn ended(&mut self, _: u32, outcome: &Outcome, whole: u64) {
        self.0.push((*outcome, whole));
    }
}

fn load(load: UnitLoad) -> String {
    format!("packets {} waited {} deepest {}", load.packets, load.waited, load.deepest)
}

fn core_of(graph: &LifGraph, layout: &Layout, population: &str) -> usize {
    let id = graph.find(population).unwrap();
    layout.cores.iter().position(|core| core.population == id).unwrap()
}

/// What came out, in the words of an `expect` line.
fn check(document: &str) {
    let graph = LifGraph::from_text(block(document, "graph").1).unwrap();
    let (chip, costs) = block(document, "costs");
    let mut chip = lif_chip::find(if chip.is_empty() { "loihi1" } else { chip }).unwrap();
    chip.costs = Some(toml::from_str::<Costs>(costs).unwrap());
    let mapping = mapping(&graph, &chip, block(document, "cores").1);
    let clock = Clock::new(&graph, &mapping, &chip, Schedule::stepped(&graph)).unwrap();
    let spikes = replay::recorded(&Interpreter::new(&graph, 0, 0).run());
    let (mut totals, mut ticks) = (clock.totals(), Ticks::default());
    clock.run(&mut clock.state(), &spikes, &mut totals, &mut ticks).unwrap();
    let profile = clock.profile(&totals).unwrap();
    let expected = block(document, "expect").1;
    let found = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["tick", number, ..] => {
                let (outcome, whole) = ticks.0[number.parse::<usize>().unwrap()];
                let critical = outcome.critical;
                format!("tick {number} sent {} arrived {} end {} time {whole}", critical.sent, critical.arrived, outcome.end)
            }
            ["time", _] => format!("time {}", profile.time_ps.0),
            ["energy", _] => format!("energy {}", profile.energy_fj.0),
            ["link", x, y, direction, ..] => {
                let is_it = |link: &lif_time::layout::Link| {
                    let name = serde_json::to_value(link.direction).unwrap();
                    (link.x.to_string(), link.y.to_string(), name.as_str().unwrap()) == (x.into(), y.into(), direction)
                };
                let link = clock.layout.links.iter().position(is_it).expect("the link is used");
                format!("link {x} {y} {direction} {}", load(totals.loads[clock.layout.link_unit(link) as usize]))
            }
            ["port", population, ..] => {
                let core = core_of(&graph, &clock.layout, population);
                format!("port {population} {}", load(totals.loads[clock.layout.port_unit(core) as usize]))
            }
            ["stalled", population, _] => format!("stalled {population} {}", totals.stalled[core_of(&graph, &clock.layout, population)]),
            ["overruns", ..] => {
                let timer = profile.timer.unwrap();
                format!("overruns {} slowdown {}", timer.overruns, timer.slowdown)
            }
            _ => panic!("{line}"),
        }
    };
    let found: Vec<String> = expected.lines().map(found).collect();
    assert_eq!(found.join("\n"), expected);
}

#[test]
fn every_case_comes_out_as_it_was_worked_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/timing");
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.retain(|name| name.file_name().is_some_and(|name| name != "README.md"));
    assert_eq!(names.len(), 6);
    for name in names {
        println!("{}", name.display());
        check(&std::fs::read_to_string(&name).unwrap());
    }
}
