//! The command, from its arguments to its files.

mod common;
mod small;

use common::checkpoint;
use lif_graph::LifGraph;
use serde_json::Value;
use small::small_config;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder with a model in it; the command runs there.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("model.mpk"), checkpoint(small_config(), 7).to_bytes()).expect("it is writable");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fsvae-compile"));
        command.current_dir(self.folder.path()).env("NO_COLOR", "1");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command().args(args).output().expect("it runs")
    }

    /// Runs what must fail; gives stderr. Nothing may be left behind.
    fn error(&self, args: &[&str]) -> String {
        let before = names(self.folder.path());
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(output.stdout.is_empty());
        assert_eq!(names(self.folder.path()), before);
        stderr
    }
}

/// All files below a folder.
fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        names.extend(if path.is_dir() && !path.is_symlink() { names_in(&path) } else { vec![path] });
    }
    names.sort();
    names
}

fn names_in(folder: &Path) -> Vec<PathBuf> {
    let mut inner = names(folder);
    inner.push(folder.to_owned());
    inner
}

fn stdout(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    std::str::from_utf8(&output.stdout).expect("text")
}

fn json(output: &Output) -> Value {
    serde_json::from_str(stdout(output)).expect("one JSON object")
}

#[test]
fn a_model_becomes_a_graph_and_a_netlist() {
    let place = Place::new();
    let output = place.run(&["model.mpk", "--target", "loihi"]);
    insta::assert_snapshot!("summary", stdout(&output));
    let graph = LifGraph::from_bytes(&fs::read(place.path("model-loihi/model.lif")).unwrap()).expect("a graph");
    insta::assert_snapshot!("graph", graph.summary());
    let netlist: Value = serde_json::from_slice(&fs::read(place.path("model-loihi/netlist.json")).unwrap()).unwrap();
    assert_eq!(netlist["fingerprint"], graph.fingerprint());
    let reconstructs = LifGraph::from_bytes(&fs::read(place.path("model-loihi/model.reconstruct.lif")).unwrap()).expect("a graph");
    insta::assert_snapshot!("graph_that_reconstructs", reconstructs.summary());
    assert_eq!(names(&place.path("model-loihi")).len(), 4);
}

#[test]
fn one_network_can_be_had_alone() {
    let place = Place::new();
    let files = |network: &str| {
        let object = json(&place.run(&["model.mpk", "--network", network, "--json", "-o", network]));
        assert_eq!(object["reconstruct"], Value::Null);
        names(&place.path(network)).len()
    };
    assert_eq!((files("generate"), files("reconstruct")), (3, 1), "its image enters as currents, which no netlist holds");
    let both = json(&place.run(&["model.mpk", "--json"]));
    assert_eq!(both["reconstruct"]["model"], "model.reconstruct");
    for (network, file) in [("generate", "model.lif"), ("reconstruct", "model.reconstruct.lif")] {
        let alone = fs::read(place.path(network).join(file)).unwrap();
        assert!(alone == fs::read(place.path("model-loihi").join(file)).unwrap(), "{file} is the same with and without the other");
    }
}

#[test]
fn graphs_are_drawn_written_out_and_reported() {
    let place = Place::new();
    let text = stdout(&place.run(&["model.mpk", "--target", "loihi1", "--emit", "dot,text", "--html"])).to_owned();
    let files = [
        "arrays.npz",
        "model.dot",
        "model.lif",
        "model.reconstruct.dot",
        "model.reconstruct.lif",
        "model.reconstruct.txt",
        "model.txt",
        "netlist.json",
        "report.html",
    ];
    assert_eq!(names(&place.path("model-loihi1")), files.map(|file| place.path("model-loihi1").join(file)));
    assert!(text.contains("report.html"), "{text}");
    let read = |file: &str| fs::read_to_string(place.path("model-loihi1").join(file)).unwrap();
    insta::assert_snapshot!("dot", read("model.reconstruct.dot"));
    let graph = LifGraph::from_bytes(&fs::read(place.path("model-loihi1/model.lif")).unwrap()).unwrap();
    assert_eq!(LifGraph::from_text(&read("model.txt")), Ok(graph));
    // a chip whose cores stand nowhere has a report without a floor plan
    stdout(&place.run(&["model.mpk", "--target", "generic", "--html"]));
    let page = fs::read_to_string(place.path("model-generic/report.html")).unwrap();
    assert!(page.contains("<h2>Layers</h2>") && page.contains("<h2>Schedule: phased") && !page.contains("Floor plan"), "{page}");
}

#[test]
fn scales_can_be_chosen() {
    let place = Place::new();
    let layers = |more: &[&str]| {
        let object = json(&place.run(&[&["model.mpk", "--target", "generic", "--stop-after", "quantise", "--json"], more].concat()));
        object["layers"].as_array().unwrap().clone()
    };
    let scales = |rows: &[Value]| rows[1]["scale"].as_array().unwrap().len();
    let clipped = |rows: &[Value]| rows.iter().map(|row| row["clipped_weights"].as_u64().unwrap()).sum::<u64>();
    let finest = layers(&["--scales", "min-max"]);
    assert_eq!((scales(&finest), clipped(&finest)), (16, 0));
    let shared = layers(&["--scales", "min-max", "--scale-per", "layer"]);
    assert_eq!((scales(&shared), clipped(&shared)), (1, 0));
    assert!(clipped(&layers(&["--scales", "percentile", "--percentile", "90"])) > 20);
    assert_eq!(layers(&["--scale-per", "channel"]), layers(&[]));
}

#[test]
fn generic_is_the_graph_alone() {
    let place = Place::new();
    let object = json(&place.run(&["model.mpk", "--target", "generic", "-o", "a/b", "--json"]));
    insta::assert_json_snapshot!("object", object);
    assert_eq!(names(&place.path("a/b")), [place.path("a/b/model.lif"), place.path("a/b/model.reconstruct.lif")]);
}

#[test]
fn a_schedule_is_chosen_and_priced() {
    let place = Place::new();
    insta::assert_snapshot!("schedule_loihi1", stdout(&place.run(&["model.mpk", "--target", "loihi1", "--stop-after", "schedule"])));
    assert_eq!(names(place.folder.path()), [place.path("model.mpk")]);
    for target in ["loihi", "loihi1"] {
        let output = place.run(&["model.mpk", "--target", target, "--schedule", "buffered", "-o", target]);
        let (_, table) = stdout(&output).split_once("\n schedule of").expect("a table");
        insta::assert_snapshot!(format!("schedules_{target}"), table);
        let netlist: Value = serde_json::from_slice(&fs::read(place.path(target).join("netlist.json")).unwrap()).unwrap();
        assert_eq!(netlist["schedule"]["mode"], "buffered");
        assert_eq!(netlist["schedule"]["domains"].as_array().unwrap().len(), 2);
    }
    let object = json(&place.run(&["model.mpk", "--schedule", "phased", "--json"]));
    assert_eq!(object["schedule"], "phased");
    let updates = |index: usize| {
        let row = &object["schedules"]["schedules"][index];
        (row["schedule"].clone(), row["active_updates"].as_u64().unwrap() + row["inactive_updates"].as_u64().unwrap())
    };
    let [stepped, phased, buffered] = [0, 1, 3].map(updates);
    assert_eq!([&stepped.0, &phased.0, &buffered.0], ["stepped", "phased", "buffered"]);
    assert!(stepped.1 < buffered.1 && buffered.1 < phased.1);
}

#[test]
fn the_same_bytes_twice_and_with_any_number_of_threads() {
    let place = Place::new();
    let files = ["model.lif", "model.reconstruct.lif", "netlist.json", "arrays.npz", "report.html"];
    let bytes = |threads: &str, folder: &str| {
        let args = ["model.mpk", "--target", "loihi", "--html", "-o", folder];
        let output = place.command().args(args).env("RAYON_NUM_THREADS", threads).output();
        stdout(&output.expect("it runs"));
        files.map(|file| fs::read(place.path(folder).join(file)).expect("written"))
    };
    let first = bytes("1", "one");
    assert!(bytes("2", "two") == first);
    assert!(bytes("2", "two") == first, "over the old files");
}

#[test]
fn verify_prints_a_table_and_writes_nothing() {
    let place = Place::new();
    let output = place.run(&["model.mpk", "--verify", "--images", "8"]);
    insta::assert_snapshot!("verify", stdout(&output));
    let object = json(&place.run(&["model.mpk", "--verify", "--images", "8", "--seed", "2", "--json"]));
    assert_eq!(object["holds"], true);
    assert_eq!(object["verification"]["layers"].as_array().unwrap().len(), 6);
    let output = place.run(&["model.mpk", "--verify", "--network", "reconstruct", "--target", "generic", "--images", "8"]);
    insta::assert_snapshot!("verify_reconstruct", stdout(&output));
    assert_eq!(names(place.folder.path()), [place.path("model.mpk")]);
}

#[test]
fn verify_says_no_with_exit_code_1() {
    let place = Place::new();
    let mut model = checkpoint(small_config(), 7);
    // one weight a thousand times the others' size: at its scale the others vanish
    let tensor = model.tensors.iter_mut().find(|tensor| tensor.name == "prior.layers.1.weight").unwrap();
    let mut values = tensor.values.to_f32();
    values[0] = 300.0;
    *tensor = fsvae_checkpoint::NamedTensor::f32(tensor.name.clone(), tensor.shape.clone(), values);
    fs::write(place.path("odd.mpk"), model.to_bytes()).unwrap();
    let output = place.run(&["odd.mpk", "--verify", "--images", "8"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.ends_with("NOT every layer agrees on at least 99 % of its spikes\n"), "{text}");
}

#[test]
fn every_step_can_be_looked_at() {
    let place = Place::new();
    for step in ["import", "fold", "quantise", "lower"] {
        insta::assert_snapshot!(format!("stop_after_{step}"), stdout(&place.run(&["model.mpk", "--stop-after", step])));
        let object = json(&place.run(&["model.mpk", "--stop-after", step, "--json"]));
        let rows = object[if step == "lower" { "populations" } else { "layers" }].as_array().unwrap();
        assert_eq!(rows.len(), if step == "lower" { 8 } else { 7 });
    }
    assert_eq!(names(place.folder.path()), [place.path("model.mpk")]);
}

#[test]
fn a_mapping_can_be_looked_at_and_written() {
    let place = Place::new();
    for target in ["loihi1", "spinnaker1"] {
        let args = ["model.mpk", "--target", target, "--stop-after", "map"];
        insta::assert_snapshot!(format!("stop_after_map_{target}"), stdout(&place.run(&args)));
    }
    let args = ["model.mpk", "--target", "loihi1", "--stop-after", "map", "--json"];
    let shown = json(&place.run(&args));
    assert_eq!(names(place.folder.path()), [place.path("model.mpk")]);
    let one_thread = place.command().args(args).env("RAYON_NUM_THREADS", "1").output().expect("it runs");
    assert_eq!(json(&one_thread), shown);
    let text = stdout(&place.run(&["model.mpk", "--target", "loihi1", "--map"])).to_owned();
    assert!(text.contains("mapping.json") && text.contains("spikes x hops a step"), "{text}");
    let written: Value = serde_json::from_slice(&fs::read(place.path("model-loihi1/mapping.json")).unwrap()).unwrap();
    assert_eq!(written, shown);
    assert_eq!(names(&place.path("model-loihi1")).len(), 5);
}

#[test]
fn codes_are_explained() {
    let place = Place::new();
    insta::assert_snapshot!("explained", stdout(&place.run(&["--explain", "e112"])));
    assert_eq!(json(&place.run(&["--explain", "E021", "--json"]))["rules"][0]["rule"], "steps-are-bounded");
}

#[test]
fn targets_are_listed() {
    let place = Place::new();
    insta::assert_snapshot!("targets", stdout(&place.run(&["--list-targets"])));
    assert_eq!(json(&place.run(&["--list-targets", "--json"]))["targets"][0]["name"], "loihi2");
}

#[test]
fn wrong_words_are_one_error_each() {
    let place = Place::new();
    let wide = fsvae_checkpoint::NetworkConfig { channels: vec![2, 1100], ..small_config() };
    fs::write(place.path("wide.mpk"), checkpoint(wide, 7).to_bytes()).expect("it is writable");
    let cases: [&[&str]; 18] = [
        // what does not fit is not written, whether or not it was to be mapped
        &["model.mpk", "--target", "mesh2x2"],
        &["wide.mpk", "--target", "loihi1"],
        &["model.mpk", "--target", "spinnaker2", "--schedule", "phased"],
        &["model.mpk", "--target", "loihi1", "--network", "reconstruct", "--schedule", "phased"],
        &["model.mpk", "--percentile", "90"],
        &["model.mpk", "--schedule", "phased", "--stop-after", "quantise"],
        &["model.mpk", "--target", "loihi9"],
        &["model.mpk", "--stop-after", "route"],
        &["none.mpk"],
        &["model.mpk", "--target", "generic", "-o", "model.mpk"],
        &["model.mpk", "--target", "generic", "--stop-after", "map"],
        &["model.mpk", "--target", "mesh2x2", "--map"],
        &["model.mpk", "--target", "loihi1", "--schedule", "phased"],
        &["model.mpk", "--schedule", "stepped"],
        &["--explain", "E999"],
        &["model.mpk", "--scale-per", "channel"],
        &["model.mpk", "--scales", "percentile", "--percentile", "101"],
        &["model.mpk", "--verify", "--verify-fad"],
    ];
    let errors: Vec<String> = cases.iter().map(|args| format!("$ fsvae-compile {}\n{}", args.join(" "), place.error(args))).collect();
    insta::assert_snapshot!("wrong_words", errors.join("\n"));
    for usage in [
        &["--images", "3", "model.mpk"][..],
        &["model.mpk", "--verify", "--images", "0"],
        &[],
        &["model.mpk", "--verify", "-o", "a"],
        &["model.mpk", "--verify-fad"],
    ] {
        assert!(place.error(usage).contains("--help"), "{usage:?}");
    }
}

#[test]
fn a_damaged_model_is_one_error_and_leaves_nothing() {
    let place = Place::new();
    let good = fs::read(place.path("model.mpk")).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 8;
    let cases = [
        ("empty", vec![], "E030"),
        ("other", b"something else".to_vec(), "E031"),
        ("archive", b"PK\x03\x04 something else".to_vec(), "E090"),
        ("hdf5", b"\x89HDF\r\n\x1a\n something else".to_vec(), "E095"),
        ("safetensors", b"\x09\0\0\0\0\0\0\0{\"a\":".to_vec(), "E090"),
        ("pickle", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec(), "E091"),
        ("truncated", good[..good.len() - 7].to_vec(), "E032"),
        ("overlong", [&good[..], b"x"].concat(), "E033"),
        ("flipped", flipped, "E035"),
    ];
    for (name, bytes, code) in cases {
        let file = format!("{name}.mpk");
        fs::write(place.path(&file), bytes).unwrap();
        let error = place.error(&[&file, "--target", "loihi"]);
        assert!(error.starts_with(&format!("error[{code}]: ")) && error.contains("\n  help: "), "{name}: {error}");
    }
}

#[test]
fn a_model_without_sense_is_an_error() {
    let place = Place::new();
    let mut model = checkpoint(small_config(), 7);
    model.tensors.remove(0);
    fs::write(place.path("odd.mpk"), model.to_bytes()).unwrap();
    assert!(place.error(&["odd.mpk"]).starts_with("error[E037]: the checkpoint breaks 1 rule"));
}

#[test]
fn a_folder_that_cannot_be_written_is_one_error() {
    let place = Place::new();
    // a file where a folder is meant; a folder where a file is meant, found after the first file was begun
    fs::write(place.path("file"), b"").unwrap();
    assert!(place.error(&["model.mpk", "-o", "file/inner"]).starts_with("error[E006]"));
    fs::create_dir_all(place.path("out/netlist.json")).unwrap();
    assert!(place.error(&["model.mpk", "-o", "out"]).starts_with("error[E002]"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_error() {
    let place = Place::new();
    fs::create_dir(place.path("out")).unwrap();
    std::os::unix::fs::symlink("/dev/full", place.path("out/arrays.npz")).unwrap();
    assert!(place.error(&["model.mpk", "-o", "out"]).starts_with("error[E004]"));
    // the system has no folder that even root may write to here
    assert!(place.error(&["model.mpk", "-o", "/proc/nowhere"]).starts_with("error[E00"));
}

/// A file of the tests of another crate, or of this one.
fn fixture(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_state_dictionary_of_the_original_program_is_compiled() {
    let place = Place::new();
    let tiny = fixture("../fsvae-checkpoint/tests/data/tiny.pth");
    insta::assert_snapshot!("pth_summary", stdout(&place.run(&[&tiny, "--target", "generic", "--threshold", "0.3"])));
    let files = ["tiny.lif", "tiny.reconstruct.lif"];
    assert_eq!(names(&place.path("tiny-generic")), files.map(|file| place.path("tiny-generic").join(file)));
    let object = json(&place.run(&[&tiny, "--target", "generic", "--json"]));
    assert_eq!(
        object["settings"][5],
        serde_json::json!({"name": "steps", "value": "4", "origin": "inferred", "tensor": "membrane_output_layer.coef"})
    );
    assert_eq!(object["settings"][6]["origin"], "default");
    for step in ["import", "fold", "quantise", "lower"] {
        let stopped = json(&place.run(&[&tiny, "--target", "generic", "--json", "--stop-after", step]));
        assert_eq!(stopped["settings"], object["settings"], "{step}");
    }
    let verified = json(&place.run(&[&tiny, "--target", "generic", "--json", "--verify", "--images", "1"]));
    assert_eq!(verified["settings"], object["settings"]);
    assert!(place.error(&[&fixture("../fsvae-checkpoint/tests/data/evil.pth")]).starts_with("error[E092]: data.pkl"));
}

#[test]
fn a_nir_network_is_compiled_and_written_as_nir_again() {
    let place = Place::new();
    let network = fixture("tests/data/snntorch.nir");
    insta::assert_snapshot!("nir_summary", stdout(&place.run(&[&network, "--steps", "25", "--emit", "nir"])));
    assert!(lif_nir::NirGraph::from_bytes(&fs::read(place.path("snntorch-loihi/snntorch.nir")).unwrap()).is_ok());
    for step in ["import", "quantise", "lower", "map"] {
        insta::assert_snapshot!(format!("nir_after_{step}"), stdout(&place.run(&[&network, "--stop-after", step])));
    }
    let cases: [&[&str]; 7] = [
        &["tests/data/norse.nir", "--dt", "1e-3"],
        &["tests/data/norse.nir", "--network", "generate"],
        &["tests/data/snntorch.nir", "--verify"],
        &["tests/data/snntorch.nir", "--threshold", "0.5"],
        &["tests/data/refused_cuba.nir"],
        &["../fsvae-checkpoint/tests/data/tiny.pth", "--dt", "1"],
        &["../fsvae-checkpoint/tests/data/tiny.pth", "--target", "generic", "--emit", "nir"],
    ];
    let run = |args: &[&str]| place.error(&[&[&fixture(args[0])[..]], &args[1..]].concat());
    let mut errors: Vec<String> = cases.iter().map(|args| format!("$ fsvae-compile {}\n{}", args.join(" "), run(args))).collect();
    fs::copy(&network, place.path("own.nir")).unwrap();
    errors.push(format!("$ fsvae-compile own.nir --emit nir -o .\n{}", place.error(&["own.nir", "--emit", "nir", "-o", "."])));
    errors.push(format!("$ fsvae-compile model.mpk --steps 3\n{}", place.error(&["model.mpk", "--steps", "3"])));
    insta::assert_snapshot!("nir_errors", errors.join("\n"));
}
