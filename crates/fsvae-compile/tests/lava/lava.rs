//! `python -m fsvae_lava`, as a user runs it.

use super::trace::{Given, Trace, at_rest, find};
use lif_netlist::NetlistFile;
use lif_netlist::loihi::{ARRAYS_FILE, Kind, NETLIST_FILE, Netlist, Process};
use ndarray::{Array1, Array2, Array3, ArrayD, IxDyn, OwnedRepr};
use ndarray_npy::{NpzReader, NpzWriter, ReadableElement, WritableElement};
use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Python with Lava and our package, in a folder.
pub fn python(folder: &Path, words: &[&str]) -> Output {
    let python = root().join("target/lava/bin/python");
    assert!(python.exists(), "Lava is not installed: run `cargo xtask setup` first");
    let mut command = Command::new(python);
    command.current_dir(folder).env("PYTHONPATH", root().join("targets/loihi")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.args(words).output().expect("Python runs")
}

/// `python -m fsvae_lava` with these words, in a folder.
pub fn fsvae_lava(folder: &Path, words: &[&str]) -> Output {
    python(folder, &[&["-m", "fsvae_lava"][..], words].concat())
}

/// Writes a netlist's files.
pub fn write(files: &[NetlistFile], folder: &Path) {
    files.iter().for_each(|file| std::fs::write(folder.join(file.name), &file.bytes).expect("a file"));
}

/// Runs images 0, 1, ... with all membranes recorded.
pub fn run(files: &[NetlistFile], seed: u64, images: usize, given: &Given) -> Trace {
    let folder = tempfile::tempdir().expect("a folder");
    write(files, folder.path());
    let [seed, count] = [seed.to_string(), images.to_string()];
    let mut words = vec![".", "--seed", &seed, "--images", &count, "--membranes", "all", "--timeout", "300", "--out", "spikes.npz"];
    if !given.is_empty() {
        let mut archive = NpzWriter::new(File::create(folder.path().join("given.npz")).expect("a file"));
        for (name, train) in given {
            let neurons = train.first().map_or(0, Vec::len);
            let spikes = Array2::from_shape_vec((train.len(), neurons), train.concat()).expect("a train");
            archive.add_array(&name[..], &spikes).expect("an array");
        }
        archive.finish().expect("an archive");
        words.extend(["--given", "given.npz"]);
    }
    let output = fsvae_lava(folder.path(), &words);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    read(&netlist(files), images, &folder.path().join("spikes.npz"))
}

fn read(netlist: &Netlist, images: usize, path: &Path) -> Trace {
    let mut archive = NpzReader::new(File::open(path).expect("the file was written")).expect("an npz file");
    let mut column = |name: &str| archive.by_name::<OwnedRepr<u32>, _>(name).map(Array1::into_raw_vec_and_offset).expect("a column").0;
    let [tick, process, neuron] = ["tick", "process", "neuron"].map(&mut column);
    let image = archive.by_name::<OwnedRepr<u64>, _>("image").map(Array1::into_raw_vec_and_offset).expect("a column").0;
    let mut traces = at_rest(netlist, images);
    let processes: Vec<_> =
        netlist.processes.iter().filter(|process| !matches!(process.kind, Kind::Dense { .. } | Kind::Sparse { .. })).collect();
    // a run of images that follow each other is in the file image by image
    let place = |process: &Process, image: usize, tick: usize| match netlist.schedule.domains[process.domain].streams {
        true => (0, image * netlist.schedule.steps as usize + tick),
        false => (image, tick),
    };
    for (((image, tick), process), neuron) in image.into_iter().zip(tick).zip(process).zip(neuron) {
        let process = processes[process as usize];
        let (run, tick) = place(process, image as usize, tick as usize - 1);
        find(&mut traces, &process.name, run).spikes[tick][neuron as usize] = true;
    }
    for process in processes.iter().filter(|process| !matches!(process.kind, Kind::RingBuffer { .. })) {
        let held: Array3<i32> = archive.by_name(&format!("membranes/{}", process.name)).expect("membranes");
        assert_eq!(held.shape()[0], images);
        for ((image, tick, neuron), &v) in held.indexed_iter() {
            let (run, tick) = place(process, image, tick);
            find(&mut traces, &process.name, run).membranes.as_mut().expect("it has some")[tick][neuron] = v;
        }
    }
    traces
}

/// A netlist's text as data.
pub fn netlist(files: &[NetlistFile]) -> Netlist {
    serde_json::from_slice(&files.iter().find(|file| file.name == NETLIST_FILE).expect("written").bytes).expect("a netlist")
}

/// The files with another text.
pub fn with_netlist(files: &[NetlistFile], change: impl FnOnce(&mut Netlist)) -> Vec<NetlistFile> {
    let mut netlist = netlist(files);
    change(&mut netlist);
    let changed = NetlistFile { name: NETLIST_FILE, bytes: serde_json::to_vec(&netlist).expect("JSON") };
    files.iter().map(|file| if file.name == NETLIST_FILE { changed.clone() } else { file.clone() }).collect()
}

/// The files with another array of the type that arrays of this name have.
pub fn with_array<T: ReadableElement + WritableElement>(
    files: &[NetlistFile],
    name: &str,
    change: impl FnOnce(&mut ArrayD<T>),
) -> Vec<NetlistFile> {
    let old = &files.iter().find(|file| file.name == ARRAYS_FILE).expect("written").bytes;
    let mut reader = NpzReader::new(Cursor::new(old)).expect("an npz file");
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    let mut change = Some(change);
    for other in reader.names().expect("names") {
        if other == name {
            let mut array: ArrayD<T> = reader.by_name::<OwnedRepr<T>, IxDyn>(name).expect("of that type");
            change.take().expect("one array of that name")(&mut array);
            writer.add_array(&other, &array).expect("added");
            continue;
        }
        match other.rsplit('/').next() {
            Some("bias_mant" | "data" | "weights" | "bias+" | "bias-" | "bias+7" | "bias-7") => {
                copy::<i16>(&mut reader, &mut writer, &other)
            }
            Some("kernels") => copy::<i8>(&mut reader, &mut writer, &other),
            Some("bias_exp") => copy::<u8>(&mut reader, &mut writer, &other),
            _ => copy::<i32>(&mut reader, &mut writer, &other),
        }
    }
    assert!(change.is_none(), "there is no {name}");
    let changed = NetlistFile { name: ARRAYS_FILE, bytes: writer.finish().expect("an archive").into_inner() };
    files.iter().map(|file| if file.name == ARRAYS_FILE { changed.clone() } else { file.clone() }).collect()
}

fn copy<T: ReadableElement + WritableElement>(from: &mut NpzReader<Cursor<&Vec<u8>>>, to: &mut NpzWriter<Cursor<Vec<u8>>>, name: &str) {
    let array: ArrayD<T> = from.by_name::<OwnedRepr<T>, IxDyn>(name).expect("of that type");
    to.add_array(name, &array).expect("added");
}
