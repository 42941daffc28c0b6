//! Schedules as documents, against their rules, and for random graphs.

use lif_chip::{Chip, Ticks};
use lif_graph::random::well_formed_graph;
use lif_graph::{LifGraph, ProjectionId};
use lif_map::schedule::{Between, schedule};
use lif_map::{Mode, Schedule};
use miette::Diagnostic;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn chip(name: &str) -> Chip {
    lif_chip::find(name).expect("in the catalogue")
}

/// The FSVAE's generator: a prior of three layers with its loop, picks, a decoder. `[N*1]` stands for N times 1.
const FSVAE: &str = "graph fsvae steps 4
population prior.0 lif 4x1x1 decay 1024/2^12 toward-zero shift 7 bits 24 bias [64] threshold [640]
population prior.1 lif 8x1x1 decay 1024/2^12 toward-zero shift 7 bits 24 bias [64] threshold [640]
population prior.2 lif 4x1x1 decay 1024/2^12 toward-zero shift 7 bits 24 bias [64] threshold [640]
population select select 2x1x1 ways 2
population decoder.input lif 1x2x2 decay 1024/2^12 toward-zero shift 7 bits 24 bias [64] threshold [640]
population decoder.0 lif 1x4x4 decay 1024/2^12 toward-zero shift 7 bits 24 bias [64] threshold [640]
population readout readout 1x4x4 decay 3277/2^12 toward-zero shift 7 bits 24 bias [64] levels [255*0]
projection a from select to prior.0 dense delay 1 weights [8*5]
projection b from prior.0 to prior.1 dense delay 0 weights [32*5]
projection c from prior.1 to prior.2 dense delay 0 weights [32*5]
projection d from prior.2 to select pick delay 0
projection e from select to decoder.input dense delay 0 weights [8*5]
projection f from decoder.input to decoder.0 conv-transpose size 3 stride 2 padding 1 output-padding 1 delay 0 weights [9*5]
projection g from decoder.0 to readout conv-transpose size 3 stride 1 padding 1 output-padding 0 delay 0 weights [9*5]
projection h from decoder.input to readout dense delay 0 weights [64*1]
";

fn graph(text: &str) -> LifGraph {
    let mut text = text.to_string();
    while let Some(star) = text.find('*') {
        let start = text[..star].rfind('[').expect("a list") + 1;
        let end = star + text[star..].find(']').expect("a list");
        let list = vec![&text[star + 1..end]; text[start..star].parse().expect("a count")].join(", ");
        text.replace_range(start..end, &list);
    }
    let graph = LifGraph::from_text(&text).expect("a graph");
    assert_eq!(graph.check(), Ok(()));
    graph
}

fn fsvae() -> LifGraph {
    graph(FSVAE)
}

#[test]
fn the_fsvae_in_every_mode() {
    let graph = fsvae();
    let mut text = String::new();
    for (name, mode) in [
        ("loihi2", Mode::Stepped),
        ("loihi2", Mode::Phased),
        ("loihi1", Mode::Substep),
        ("loihi2", Mode::Buffered),
        ("loihi1", Mode::Buffered),
        ("generic", Mode::Phased),
    ] {
        text += &schedule(&graph, &chip(name), mode).unwrap_or_else(|error| panic!("{error}")).text(&graph);
        text += "\n----\n";
    }
    insta::assert_snapshot!("fsvae", text);
}

#[test]
fn a_schedule_as_json() {
    let schedule = schedule(&fsvae(), &chip("loihi1"), Mode::Buffered).unwrap();
    let json = serde_json::to_string_pretty(&schedule).unwrap();
    assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule);
    insta::assert_snapshot!("json", json);
}

#[test]
fn every_rule_has_a_broken_case() {
    let slow = FSVAE.replace("decay 3277/2^12", "decay 4095/2^12");
    let cases = [
        (fsvae(), Chip { ticks: None, ..chip("generic") }, Mode::Phased),
        (fsvae(), chip("loihi1"), Mode::Phased),
        (graph(&slow), chip("loihi1"), Mode::Substep),
        (chain(6), chip("mesh2x2"), Mode::Substep),
        (fsvae(), chip("mesh2x2"), Mode::Buffered),
    ];
    let (mut text, mut codes) = (String::new(), BTreeSet::new());
    for (graph, chip, mode) in cases {
        let error = schedule(&graph, &chip, mode).unwrap_err();
        codes.insert(error.code().unwrap().to_string());
        text += &format!("error[{}]: {error}\n  help: {}\n\n", error.code().unwrap(), error.help().unwrap());
    }
    let all: BTreeSet<String> = lif_map::rules::SCHEDULE_RULES.iter().map(|rule| rule.code.to_owned()).collect();
    assert_eq!(codes, all);
    insta::assert_snapshot!("broken", text);
}

/// Layers one after the other, and a projection past all of them.
fn chain(length: usize) -> LifGraph {
    let layer = |index| format!("population p{index} lif 1x1x1 decay 1024/2^12 toward-zero shift 7 bits 24 bias [0] threshold [640]\n");
    let wire = |index| format!("projection w{index} from p{index} to p{} dense delay 0 weights [5]\n", index + 1);
    let text: String = (0..length).map(layer).chain((0..length - 1).map(wire)).collect();
    let shortcut = format!("projection shortcut from p0 to p{} dense delay 0 weights [5]\n", length - 1);
    graph(&format!("graph chain steps 3\n{text}{shortcut}"))
}

#[test]
fn a_chip_is_scheduled_by_what_its_neurons_can_do() {
    let modes = ["loihi2", "loihi1", "generic"].map(|name| Mode::of(&chip(name)));
    assert_eq!(modes, [Mode::Phased, Mode::Substep, Mode::Phased]);
    assert_eq!(Mode::of(&Chip { ticks: None, ..chip("loihi2") }), Mode::Stepped);
    assert_eq!("buffered".parse(), Ok(Mode::Buffered));
    assert_eq!("fast".parse::<Mode>().unwrap_err(), "there is no schedule \"fast\"; schedules: stepped, phased, substep, buffered");
}

proptest! {
    /// Spikes never arrive before they can, loops have no tick to spare, and domains only hear earlier ones.
    #[test]
    fn every_spike_has_time(graph in well_formed_graph(), select in 1u32..3, synapse in 1u32..3, holds: bool, mode in prop::sample::select(&Mode::ALL[1..])) {
        let ticks = Ticks { synapse, synapse_wait_max: u32::MAX, select, holds: holds || mode == Mode::Phased, resets: true };
        let chip = Chip { ticks: Some(ticks), ..chip("generic") };
        let Ok(schedule) = schedule(&graph, &chip, mode) else { return Ok(()) }; // not every decay has a root
        for (index, projection) in graph.projections.iter().enumerate() {
            let target = &graph.population(projection.target).model;
            let stages = u64::from(synapse) * if let lif_graph::NeuronModel::Select { .. } = target { u64::from(select) } else { 1 };
            prop_assert_eq!(schedule.latency(&graph, ProjectionId::from_index(index)), stages + schedule.waits[index]);
            let [from, to] = [projection.source, projection.target].map(|end| schedule.populations[end.index()].domain);
            prop_assert!(from <= to);
            prop_assert!(from == to || projection.delay == 0);
            prop_assert!(!schedule.domains[to].streams || projection.delay == 0);
        }
        for domain in &schedule.domains {
            prop_assert_eq!(domain.streams, domain.between == Between::Nothing);
            prop_assert!(!domain.streams || domain.ticks_per_step == 1);
        }
        let once = |name: &str| schedule.domains.iter().filter(|domain| domain.name == name).count() <= 1;
        prop_assert!(once("recurrent") && once("feed-forward") && once("network"));
        prop_assert_eq!(&serde_json::from_str::<Schedule>(&serde_json::to_string(&schedule).unwrap()).unwrap(), &schedule);
    }
}
