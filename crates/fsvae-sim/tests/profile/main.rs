//! `fsvae-sim profile` as a user runs it, and its files as others read them.

#[path = "../cli/network.rs"]
mod network;

mod report;
mod timeline;
mod waves;

use lif_graph::{LifGraph, PopulationId};
use lif_sim::{Drawing, Engine, Inputs, Record};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder with a small network in it.
struct Folder {
    folder: TempDir,
    graph: LifGraph,
}

impl Folder {
    fn new() -> Self {
        let (folder, graph) = (tempfile::tempdir().unwrap(), network::fsvae(&network::TINY));
        std::fs::write(folder.path().join("tiny.lif"), graph.to_bytes()).unwrap();
        Self { folder, graph }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn output(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_fsvae-sim")).current_dir(self.folder.path()).args(words).output().unwrap()
    }

    fn run(&self, words: &[&str]) -> String {
        let output = self.output(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.run(words)).expect("one object")
    }

    fn error(&self, words: &[&str]) -> String {
        let output = self.output(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    }

    /// Image 0 of seed 1.
    fn drawing(&self) -> Drawing {
        let engine = Engine::new(&self.graph).unwrap();
        engine.draw(&mut engine.state(), 1, 0, &Inputs::default(), Record { events: true, membranes: true, ..Record::default() })
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn spikes_and_pictures_are_those_of_generate() {
    let folder = Folder::new();
    let drawn = folder.json(&["generate", "tiny.lif", "--count", "5", "--out", "a.png", "--json"]);
    let timed = folder.json(&["generate", "tiny.lif", "--count", "5", "--out", "b.png", "--json", "--target", "loihi1"]);
    for key in ["fingerprint", "spikes", "synaptic_operations", "model", "seed", "images"] {
        assert_eq!(drawn[key], timed[key], "{key}");
    }
    assert!(std::fs::read(folder.path("a.png")).unwrap() == std::fs::read(folder.path("b.png")).unwrap());
    let profile = folder.json(&["profile", "tiny.lif", "--count", "5", "--json"]);
    for key in ["fingerprint", "time_ps", "energy_fj", "ticks", "cores", "links"] {
        assert_eq!(profile[key], timed[key], "{key}");
    }
    assert_eq!(folder.files(), ["a.png", "b.png", "tiny.lif"]);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let folder = Folder::new();
    for target in ["loihi1", "sanafe-loihi", "spinnaker1"] {
        let run = |threads| {
            let mut profile = folder.json(&["profile", "tiny.lif", "--target", target, "--count", "9", "--threads", threads, "--json"]);
            for clock in ["wall_ms_per_image", "timing_ms_per_image"] {
                assert!(profile[clock].as_f64().unwrap() > 0.0);
                profile.as_object_mut().unwrap().remove(clock);
            }
            profile
        };
        let one = run("1");
        assert_eq!(one, run("3"));
        assert!(one["time_ps_per_image"].as_u64().unwrap() > 0 && one["energy_fj_per_image"].as_u64().unwrap() > 0, "{target}");
        let sum = |list: &str, of: &str| one[list].as_array().unwrap().iter().map(|row| row[of].as_u64().unwrap()).sum::<u64>();
        assert_eq!(one["energy_fj"], sum("stages", "energy_fj"));
        assert_eq!(one["time_ps"], sum("ticks", "time_ps"));
        assert_eq!(one["hops"], sum("links", "packets"));
    }
}

#[test]
fn what_if() {
    let folder = Folder::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../targets/loihi/loihi1.toml");
    let file = std::fs::read_to_string(root).unwrap();
    // synapses at no time and no energy
    let changed =
        file.replace("{ time_ps = 3_500, energy_fj = 23_600 }", "{ time_ps = 0, energy_fj = 0 }").replace("\"loihi1\"", "\"free\"");
    std::fs::write(folder.path("free.toml"), changed).unwrap();
    let profile = folder.json(&["profile", "tiny.lif", "--what-if", "free.toml", "--json"]);
    let free = &profile["what_if"][0];
    let synapses = |profile: &Value| {
        profile["stages"].as_array().unwrap().iter().find(|stage| stage["name"] == "synapses").unwrap()["events"].as_u64().unwrap()
    };
    let convolutions = profile["stages"][2]["events"].as_u64().unwrap();
    assert_eq!(synapses(&profile), synapses(free));
    let saved = profile["energy_fj"].as_u64().unwrap() - free["energy_fj"].as_u64().unwrap();
    assert_eq!(saved, 23_600 * (synapses(&profile) + convolutions));
    assert!(free["time_ps"].as_u64() < profile["time_ps"].as_u64());
    let text = folder.run(&["profile", "tiny.lif", "--what-if", "free.toml"]);
    assert!(text.contains("what if") && text.contains("free"));
}

/// `tiny` has four stages in its loop, and the AND gates of a select stage: five ticks a step.
#[test]
fn the_ticks_of_a_schedule() {
    let folder = Folder::new();
    let [stepped, substep] = ["stepped", "substep"].map(|mode| folder.json(&["profile", "tiny.lif", "--schedule", mode, "--json"]));
    assert_eq!(stepped["ticks"].as_array().unwrap().len(), 16);
    assert!(substep["ticks"].as_array().unwrap().len() >= 80);
    for key in ["fingerprint", "spikes", "synaptic_operations", "packets", "hops"] {
        assert_eq!(stepped[key], substep[key], "{key}");
    }
    // every further tick costs every neuron an update, and a barrier
    assert!(substep["energy_fj"].as_u64() > stepped["energy_fj"].as_u64());
    assert_eq!([&stepped["schedule"], &substep["schedule"]], ["stepped", "substep"]);
    assert!(folder.error(&["profile", "tiny.lif", "--schedule", "phased"]).contains("E141"));
    assert!(folder.error(&["profile", "tiny.lif", "--schedule", "buffered"]).contains("E153"));
    assert!(folder.error(&["profile", "tiny.lif", "--schedule", "substep", "--trace", "a.vcd"]).contains("cannot be used with"));
}

#[test]
fn what_cannot_be_done_is_one_error() {
    let folder = Folder::new();
    std::fs::write(folder.path("broken.toml"), "name = 1").unwrap();
    let words: [&[&str]; 10] = [
        &["profile", "tiny.lif", "--target", "loihi2"],
        &["profile", "tiny.lif", "--target", "nothing"],
        &["profile", "tiny.lif", "--target", "nothing.toml"],
        &["profile", "tiny.lif", "--target", "broken.toml"],
        &["profile", "tiny.lif", "--trace", "run.wav"],
        &["profile", "tiny.lif", "--trace", "nowhere/run.vcd"],
        &["profile", "tiny.lif", "--messages", "nowhere/messages.csv"],
        &["profile", "tiny.lif", "--probe", "decoder.9"],
        &["profile", "tiny.lif", "--probe", "select:4"],
        &["generate", "tiny.lif", "--target", "loihi1", "--events"],
    ];
    let errors: Vec<String> = words.iter().map(|words| format!("$ fsvae-sim {}\n{}", words.join(" "), folder.error(words))).collect();
    insta::assert_snapshot!(errors.join("\n"));
    assert_eq!(folder.files(), ["broken.toml", "tiny.lif"]);
}

#[test]
fn a_table_for_people() {
    let folder = Folder::new();
    let text = folder.run(&["profile", "tiny.lif", "--count", "2", "--threads", "1"]);
    let (figures, clock) = text.rsplit_once("\nsimulated in ").unwrap();
    assert!(clock.ends_with("timing\n"));
    insta::assert_snapshot!(figures);
}

#[test]
fn messages_in_the_columns_of_sanafe() {
    let folder = Folder::new();
    // few neurons a core, so that packets travel
    let file = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../targets/sanafe/sanafe-loihi.toml")).unwrap();
    std::fs::write(folder.path("many.toml"), file.replace("neurons_per_core = 1024", "neurons_per_core = 32")).unwrap();
    let profile = folder.json(&["profile", "tiny.lif", "--target", "many.toml", "--messages", "messages.csv", "--json"]);
    let text = std::fs::read_to_string(folder.path("messages.csv")).unwrap();
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == columns.len()));
    let column = |name: &str| columns.iter().position(|column| *column == name).unwrap();
    let sum = |name: &str| rows.iter().map(|row| row[column(name)].parse::<f64>().unwrap()).sum::<f64>();
    assert_eq!(profile["packets"], rows.len());
    assert!(sum("hops") > 0.0);
    assert_eq!(profile["hops"].as_f64(), Some(sum("hops")));
    for row in &rows {
        let picoseconds = |name: &str| row[column(name)].strip_suffix("e-12").unwrap().parse::<u64>().unwrap();
        let [sent, received, done] = ["send_timestamp", "received_timestamp", "processed_timestamp"].map(picoseconds);
        let [processing, network, shortest] = ["processing_delay", "network_delay", "min_hop_delay"].map(picoseconds);
        assert!(sent + network <= received && received + processing == done && shortest <= network, "{row:?}");
        assert_eq!(row[column("hops")] == "0", shortest == 0, "{row:?}");
    }
    // whoever fires and is heard, and the gates
    let senders = |row: &Vec<&str>| row[column("src_neuron")].rsplit_once('.').unwrap().0.to_owned();
    let names: std::collections::BTreeSet<String> = rows.iter().map(senders).collect();
    assert!(names.contains("select/gate") && names.contains("select") && !names.contains("readout"), "{names:?}");
    let far = rows.iter().filter(|row| row[column("hops")] != "0").take(3).map(|row| row.join(","));
    insta::assert_snapshot!(text.lines().take(6).map(str::to_owned).chain(far).collect::<Vec<_>>().join("\n"));

    // a packet of a multicast tree has a line for each core
    let profile = folder.json(&["profile", "tiny.lif", "--target", "spinnaker1", "--messages", "tree.csv", "--json"]);
    let lines = std::fs::read_to_string(folder.path("tree.csv")).unwrap().lines().count() as u64 - 1;
    assert!(lines >= profile["packets"].as_u64().unwrap());

    folder.run(&["profile", "tiny.lif", "--target", "many.toml", "--messages", "few.csv", "--probe", "prior.0:0..4"]);
    let few = std::fs::read_to_string(folder.path("few.csv")).unwrap();
    let held = |line: &&str| (0..4).any(|neuron| line.contains(&format!(",prior.0.{neuron},")));
    let expected: Vec<&str> = text.lines().take(1).chain(text.lines().filter(held)).collect();
    assert!(expected.len() > 1 && few.lines().eq(expected));
}

#[test]
fn events_and_raster() {
    let folder = Folder::new();
    folder.run(&[
        "profile",
        "tiny.lif",
        "--events",
        "spikes.csv",
        "--raster",
        "raster.png",
        "--probe",
        "select",
        "--probe",
        "prior.0:0..4",
    ]);
    let drawing = folder.drawing();
    let mut expected = String::from("neuron,timestep\n");
    for event in &drawing.events {
        let name = &folder.graph.population(event.population).name;
        if name == "select" || (name == "prior.0" && event.neuron < 4) {
            expected += &format!("{name}.{},{}\n", event.neuron, event.step + 1);
        }
    }
    assert_eq!(std::fs::read_to_string(folder.path("spikes.csv")).unwrap(), expected);
    assert!(std::fs::read(folder.path("raster.png")).unwrap().starts_with(b"\x89PNG"));

    folder.run(&["profile", "tiny.lif", "--events", "spikes.npz"]);
    let mut archive = ndarray_npy::NpzReader::new(std::fs::File::open(folder.path("spikes.npz")).unwrap()).unwrap();
    let mut column = |name: &str| archive.by_name::<ndarray::OwnedRepr<u32>, ndarray::Ix1>(name).unwrap().to_vec();
    let (t, core, population, neuron) = (column("t"), column("core"), column("population"), column("neuron"));
    let cores = column("core_x_y_number").len() / 3;
    let found: Vec<(u32, PopulationId, u32)> =
        t.iter().zip(&population).zip(&neuron).map(|((&t, &population), &neuron)| (t, PopulationId(population), neuron)).collect();
    let expected: Vec<(u32, PopulationId, u32)> = drawing.events.iter().map(|event| (event.step, event.population, event.neuron)).collect();
    assert_eq!(found, expected);
    assert!(core.iter().all(|&core| (core as usize) < cores));
}
