//! Waveforms, read back by an independent library (wellen, which the viewer Surfer reads waves with).

use super::Folder;
use lif_graph::{Interpreter, PopulationId};
use std::collections::BTreeMap;
use wellen::simple::Waveform;
use wellen::{SignalValueRef, TimescaleUnit};

/// A signal's changes, the repeated ones left out: time and bits, the most significant first.
type Changes = Vec<(u64, String)>;

/// Every signal by its full name.
fn read(path: &std::path::Path) -> BTreeMap<String, Changes> {
    let mut waveform: Waveform = wellen::simple::read(path).expect("a waveform");
    assert_eq!(waveform.hierarchy().timescale().map(|scale| (scale.factor, scale.unit)), Some((1, TimescaleUnit::PicoSeconds)));
    let names: Vec<_> = {
        let hierarchy = waveform.hierarchy();
        hierarchy.all_vars().map(|var| (hierarchy[var].full_name(hierarchy), hierarchy[var].signal_ref())).collect()
    };
    waveform.load_signals(&names.iter().map(|(_, signal)| *signal).collect::<Vec<_>>());
    let times = waveform.time_table().to_vec();
    let changes = |signal| {
        let mut changes: Changes = Vec::new();
        for (index, value) in waveform.get_signal(signal).expect("it is loaded").iter_changes() {
            let SignalValueRef::BitVec(bits) = value else { panic!("bits alone") };
            let bits = bits.bit_string();
            if changes.last().is_none_or(|(_, last)| *last != bits) {
                changes.push((times[index as usize], bits));
            }
        }
        changes
    };
    names.into_iter().map(|(name, signal)| (name, changes(signal))).collect()
}

/// What a signal is at a time.
fn at(changes: &Changes, time: u64) -> &str {
    &changes[changes.partition_point(|&(change, _)| change <= time) - 1].1
}

fn signed(bits: &str) -> i64 {
    let value = i64::from_str_radix(bits, 2).unwrap();
    if bits.starts_with('1') { value - (1 << bits.len()) } else { value }
}

#[test]
fn both_kinds_hold_the_spikes_and_membranes() {
    let folder = Folder::new();
    let profile = folder.json(&["profile", "tiny.lif", "--trace", "run.vcd", "--trace", "run.fst", "--json"]);
    let (vcd, fst) = (read(&folder.path("run.vcd")), read(&folder.path("run.fst")));
    assert!(vcd == fst, "the two files differ");
    let mut begins = vec![0];
    profile["ticks"].as_array().unwrap().iter().for_each(|tick| begins.push(begins.last().unwrap() + tick["time_ps"].as_u64().unwrap()));

    // by population and neuron, wherever they are
    let by_neuron: BTreeMap<(String, String), &Changes> = vcd
        .iter()
        .map(|(name, changes)| {
            let parts: Vec<&str> = name.split('.').collect();
            assert!(parts[0] == "loihi1" && parts[1].starts_with("tile_") && parts[2].starts_with("core_"), "{name}");
            ((if parts.len() == 5 { parts[3].into() } else { parts[..3].join(".") }, parts[parts.len() - 1].into()), changes)
        })
        .collect();
    let mut interpreter = Interpreter::new(&folder.graph, 1, 0);
    let (mut fired, mut below_zero) = (0, 0);
    for (step, &begin) in begins.iter().take(folder.graph.steps as usize).enumerate() {
        interpreter.step();
        for (index, row) in folder.graph.populations.iter().enumerate() {
            let id = PopulationId::from_index(index);
            let scope = row.name.replace('.', "_");
            let signal = |name: String| at(by_neuron[&(scope.clone(), name)], begin);
            for (neuron, &fires) in interpreter.spikes(id).iter().enumerate() {
                assert_eq!(signal(format!("spike_{neuron}")) == "1", fires, "{} {neuron}, step {step}", row.name);
                fired += u32::from(fires);
            }
            for (neuron, &v) in interpreter.membranes(id).iter().enumerate() {
                assert_eq!(signed(signal(format!("v_{neuron}"))), i64::from(v), "{} {neuron}, step {step}", row.name);
                below_zero += u32::from(v < 0);
            }
        }
    }
    assert!(fired > 100 && below_zero > 100);

    // the receiving half of all cores is high for as long as the profile says
    let high = |half: &str| -> u64 {
        let of = by_neuron.iter().filter(|((_, name), _)| name == half);
        of.map(|(_, changes)| changes.windows(2).filter(|pair| pair[0].1 == "1").map(|pair| pair[1].0 - pair[0].0).sum::<u64>()).sum()
    };
    let receiving: u64 = profile["cores"].as_array().unwrap().iter().map(|core| core["busy_ps"][1].as_u64().unwrap()).sum();
    assert_eq!(high("receiving"), receiving);
}

#[test]
fn probes_leave_the_others_out() {
    let folder = Folder::new();
    folder.run(&["profile", "tiny.lif", "--trace", "run.vcd", "--probe", "prior.1:3..5", "--probe", "select:0"]);
    let names: Vec<String> = read(&folder.path("run.vcd")).into_keys().map(|name| name.rsplit('.').next().unwrap().into()).collect();
    let count = |name: &str| names.iter().filter(|found| *found == name).count();
    assert_eq!([count("spike_3"), count("spike_4"), count("v_3"), count("v_4"), count("spike_0"), count("v_0")], [1, 1, 1, 1, 1, 0]);
    assert_eq!(names.len(), 5 + count("sending") + count("receiving"));
}
