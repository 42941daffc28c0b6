//! The tools of SpiNNaker, as a user runs them.

use lif_graph::{LifGraph, SpikeTrain};
use lif_netlist::NetlistFile;
use lif_netlist::spinnaker::Netlist;
use lif_netlist::spinnaker::machine::Spikes;
use ndarray::{Array1, OwnedRepr};
use ndarray_npy::NpzReader;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// An environment that `cargo xtask setup` makes.
#[derive(Clone, Copy)]
pub enum Environment {
    Spynnaker,
    Nest,
}

impl Environment {
    fn python(self) -> PathBuf {
        let folder = match self {
            Self::Spynnaker => "target/spynnaker",
            Self::Nest => "target/nest",
        };
        let python = root().join(folder).join("bin/python");
        assert!(python.exists(), "{folder} is not there: run `cargo xtask setup` first");
        python
    }
}

/// Python with our package, in a folder.
pub fn python(environment: Environment, folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(environment.python());
    command.current_dir(folder).env("PYTHONPATH", root().join("targets/spinnaker")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.args(words).output().expect("Python runs")
}

/// What a module prints as JSON, and its exit code.
pub fn json_of(environment: Environment, folder: &Path, words: &[&str]) -> (Option<i32>, Value) {
    let output = python(environment, folder, words);
    let text = String::from_utf8_lossy(&output.stdout);
    let value = serde_json::from_str(&text);
    let errors = String::from_utf8_lossy(&output.stderr);
    (output.status.code(), value.unwrap_or_else(|_| panic!("{words:?}: {text}\n{}", &errors[errors.len().saturating_sub(4000)..])))
}

/// Whether the emulator of the machine's processor is there.
pub fn has_emulator() -> bool {
    python(Environment::Spynnaker, &root(), &["-c", "import unicorn"]).status.success()
}

/// Writes a netlist's files.
pub fn write(files: &[NetlistFile], folder: &Path) {
    files.iter().for_each(|file| std::fs::write(folder.join(file.name), &file.bytes).expect("a file"));
}

/// The spikes of one image as `fsvae-sim generate --events` writes them.
pub fn write_events(graph: &LifGraph, trains: &BTreeMap<String, SpikeTrain>, path: &Path) {
    let mut columns: [Vec<usize>; 4] = Default::default();
    for (population, row) in graph.populations.iter().enumerate() {
        for (step, neurons) in trains.get(&row.name).into_iter().flatten().enumerate() {
            let fired = neurons.iter().enumerate().filter(|(_, fires)| **fires);
            fired.for_each(|(neuron, _)| {
                columns.iter_mut().zip([0, step, population, neuron]).for_each(|(column, value)| column.push(value))
            });
        }
    }
    let names: Vec<&str> = graph.populations.iter().map(|population| &population.name[..]).collect();
    let [image, step, population, neuron] = columns;
    let events = json!({"image": image, "step": step, "population": population, "neuron": neuron, "population_names": names, "model": [graph.fingerprint()]});
    let text = path.with_extension("json");
    std::fs::write(&text, events.to_string()).expect("a file");
    let to_npz = "import json, numpy, sys; numpy.savez(sys.argv[2], **{k: numpy.array(v, None if k in ('population_names', 'model') else int) for k, v in json.load(open(sys.argv[1])).items()})";
    let words = ["-c", to_npz, text.to_str().expect("a path"), path.to_str().expect("a path")];
    assert!(python(Environment::Nest, path.parent().expect("a folder"), &words).status.success());
}

/// The spikes that the runner wrote, `[vertex][tick - 1]`; sources have none.
pub fn read_spikes(netlist: &Netlist, path: &Path) -> Spikes {
    let mut archive = NpzReader::new(File::open(path).expect("the file was written")).expect("an npz file");
    let mut column = |name: &str| archive.by_name::<OwnedRepr<i64>, _>(name).map(Array1::into_raw_vec_and_offset).expect("a column").0;
    let [tick, vertex, neuron] = ["tick", "vertex", "neuron"].map(&mut column);
    let computing: Vec<usize> = (0..netlist.vertices.len()).filter(|&index| is_computed(netlist, index)).collect();
    let mut spikes: Spikes = vec![vec![vec![]; netlist.schedule.ticks_per_image as usize]; netlist.vertices.len()];
    for ((tick, vertex), neuron) in tick.into_iter().zip(vertex).zip(neuron) {
        spikes[computing[vertex as usize]][tick as usize - 1].push(neuron as u32);
    }
    spikes
}

/// Whether a vertex is made of neurons.
pub fn is_computed(netlist: &Netlist, vertex: usize) -> bool {
    matches!(netlist.vertices[vertex].role, lif_netlist::spinnaker::RoleRow::Neurons { .. })
}

/// The bytes of a picture in a file of spikes.
pub fn picture(path: &Path, name: &str) -> Vec<u8> {
    let mut archive = NpzReader::new(File::open(path).expect("the file was written")).expect("an npz file");
    let pixels: ndarray::Array4<u8> = archive.by_name(&format!("pixels/{name}")).expect("a picture");
    pixels.into_raw_vec_and_offset().0
}
