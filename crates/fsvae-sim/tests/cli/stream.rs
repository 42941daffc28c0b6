//! Shards: the same images wherever they are drawn, whole files, and going on after an interruption.

use crate::folder::Folder;
use crate::network::{TINY, fsvae};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn summary(folder: &Folder, command: &str) -> Value {
    serde_json::from_str(&folder.run(&format!("{command} --json")).stdout).expect("JSON")
}

/// Names and bytes of a folder's files.
fn contents(folder: &Folder, name: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder.path(name)).expect("a folder").map(|entry| entry.expect("an entry"));
    entries.map(|entry| (entry.file_name().into_string().expect("text"), fs::read(entry.path()).expect("a file"))).collect()
}

#[test]
fn shards_have_the_images_of_the_picture() {
    let folder = Folder::with_model(&fsvae(&TINY));
    folder.run("generate model.lif --count 20 --seed 3 --out all.png");
    let all = folder.pictures("all.png", 20, 1);
    summary(&folder, "generate model.lif --count 20 --seed 3 --out out --shard-images 9");
    assert_eq!(contents(&folder, "out").keys().collect::<Vec<_>>(), ["images-000000.png", "images-000001.png", "images-000002.png"]);
    let shards = [("out/images-000000.png", 9), ("out/images-000001.png", 9), ("out/images-000002.png", 2)];
    let images: Vec<Vec<u8>> = shards.iter().flat_map(|&(name, count)| folder.pictures(name, count, 1)).collect();
    assert!(images == all);

    summary(&folder, "generate model.lif --count 20 --seed 3 --out out/{shard}.npz --shard-images 15");
    let mut images = Vec::new();
    for name in ["out/000000.npz", "out/000001.npz"] {
        let file = fs::File::open(folder.path(name)).expect("a file");
        let pixels: ndarray::Array4<u8> = ndarray_npy::NpzReader::new(file).expect("npz").by_name("pixels").expect("pixels");
        images.extend(pixels.outer_iter().map(|image| image.iter().copied().collect::<Vec<u8>>()));
    }
    assert!(images == all);
}

#[test]
fn parts_threads_and_machines_leave_no_trace() {
    let folder = Folder::with_model(&fsvae(&TINY));
    let command = "generate model.lif --count 50 --shard-images 8";
    let whole = summary(&folder, &format!("{command} --out whole --threads 1"));
    let mut operations = 0;
    for part in 1..=3 {
        let of_part = summary(&folder, &format!("{command} --out parts --shard {part}/3 --threads {part}"));
        operations += of_part["synaptic_operations"].as_u64().expect("a count");
    }
    assert!(contents(&folder, "whole") == contents(&folder, "parts"));
    assert_eq!(whole["synaptic_operations"], operations);
    // all parts are there: the whole has nothing to draw, and says the same
    let again = summary(&folder, &format!("{command} --out parts"));
    assert_eq!(again["images_drawn"], 0);
    for field in ["pixels_fingerprint", "spikes", "synaptic_operations", "populations", "images"] {
        assert_eq!(again[field], whole[field], "{field}");
    }
    let other = summary(&folder, &format!("{command} --out other.npz"));
    assert_eq!(other["pixels_fingerprint"], whole["pixels_fingerprint"], "nor does the size of shards");
}

#[test]
fn counts_are_those_of_the_whole_network() {
    let folder = Folder::with_model(&fsvae(&TINY));
    let picture = summary(&folder, "generate model.lif --count 12");
    let shards = summary(&folder, "generate model.lif --count 12 --out out");
    assert_eq!(picture["synaptic_operations"], shards["synaptic_operations"]);
    let rows = |summary: &Value| summary["populations"].as_array().expect("rows").clone();
    for (full, row) in rows(&picture).into_iter().zip(rows(&shards)) {
        if row["name"] == "prior.2" {
            assert_eq!(row["spikes"], Value::Null);
            assert_eq!(full["synaptic_operations"], row["synaptic_operations"]);
        } else {
            assert_eq!(full, row);
        }
    }
}

#[test]
fn what_is_missing_is_drawn_again() {
    let folder = Folder::with_model(&fsvae(&TINY));
    let command = "generate model.lif --count 30 --shard-images 8 --out out";
    folder.run(command);
    let before = contents(&folder, "out");
    fs::remove_file(folder.path("out/images-000001.png")).expect("removed");
    let output = folder.run(command);
    assert!(output.stdout.contains("(1 drawn, 3 found)"), "{}", output.stdout);
    assert!(contents(&folder, "out") == before);
}

#[test]
fn shards_of_another_run_are_left_alone() {
    let folder = Folder::with_model(&fsvae(&TINY));
    folder.run("generate model.lif --count 16 --shard-images 8 --out out");
    let before = contents(&folder, "out");
    for other in ["--seed 2 --shard-images 8", "--shard-images 4"] {
        let output = folder.run_any(&format!("generate model.lif --count 16 --out out {other}"));
        assert_eq!(output.code, Some(2));
        assert!(output.stderr.starts_with("error[E181]"), "{}", output.stderr);
        assert!(contents(&folder, "out") == before);
    }
    fs::write(folder.path("out/images-000001.png"), "not a picture").expect("written");
    assert!(folder.run_any("generate model.lif --count 16 --shard-images 8 --out out").stderr.starts_with("error[E181]"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_error_and_leaves_whole_shards() {
    let folder = Folder::with_model(&fsvae(&TINY));
    for kind in ["png", "npz"] {
        let second = folder.path(&format!("out-{kind}/000001.{kind}"));
        fs::create_dir(folder.path(&format!("out-{kind}"))).expect("a folder");
        std::os::unix::fs::symlink("/dev/full", &second).expect("a link");
        let output = folder.run_any(&format!("generate model.lif --count 24 --shard-images 8 --out out-{kind}/{{shard}}.{kind}"));
        assert_eq!(output.code, Some(2));
        assert!(output.stderr.starts_with("error[E004]: cannot write"), "{}", output.stderr);
        assert_eq!(output.stderr.lines().count(), 2, "{}", output.stderr);
        let files = fs::read_dir(folder.path(&format!("out-{kind}"))).expect("a folder").count();
        assert_eq!(files, 2, "the first shard and the link, and nothing half-written");
        // with room again the run goes on
        fs::remove_file(&second).expect("removed");
        let output = folder.run(&format!("generate model.lif --count 24 --shard-images 8 --out out-{kind}/{{shard}}.{kind}"));
        assert!(output.stdout.contains("(2 drawn, 1 found)"), "{}", output.stdout);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_leaves_whole_shards_and_the_run_goes_on() {
    let folder = Folder::with_model(&fsvae(&TINY));
    let words = ["generate", "model.lif", "--count", "1000000000", "--shard-images", "64", "--out", "out"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_fsvae-sim"));
    let mut run = command.args(words).current_dir(folder.path("")).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
    let started = Instant::now();
    while !folder.path("out/images-000002.png").exists() {
        assert!(started.elapsed() < Duration::from_secs(120), "no shard appears");
        std::thread::sleep(Duration::from_millis(5));
    }
    let killed = Command::new("kill").args(["-INT", &run.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    assert_eq!(run.wait().expect("it ends").code(), Some(2));
    let mut stderr = String::new();
    std::io::Read::read_to_string(&mut run.stderr.take().expect("piped"), &mut stderr).expect("text");
    assert!(stderr.starts_with("error[E180]: interrupted: "), "{stderr}");
    let shards = contents(&folder, "out");
    assert!(shards.keys().all(|name| name.starts_with("images-") && name.ends_with(".png")), "{:?}", shards.keys());
    let whole = format!("error[E180]: interrupted: {} of 15625000 shards", shards.len());
    assert!(stderr.starts_with(&whole), "{stderr}");
    // what is there is what an uninterrupted run draws
    folder.run(&format!("generate model.lif --count {} --shard-images 64 --out short", 64 * shards.len()));
    assert!(contents(&folder, "short") == shards);
}

/// Ten times the images take no more memory.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_count() {
    let folder = Folder::with_model(&fsvae(&TINY));
    let peak = |count: u32| {
        let words = format!("generate model.lif --count {count} --shard-images 500 --threads 2 --out out-{count}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_fsvae-sim"));
        let mut run = command.args(words.split(' ')).current_dir(folder.path("")).stdout(Stdio::null()).spawn().expect("it runs");
        let mut peak = 0u64;
        while run.try_wait().expect("a state").is_none() {
            let status = fs::read_to_string(format!("/proc/{}/status", run.id())).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            peak = peak.max(line.unwrap_or(0));
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(run.wait().expect("it ends").success());
        peak
    };
    let (few, many) = (peak(2_000), peak(20_000));
    assert!(few > 0 && many < few + 8 * 1024, "{few} KiB for 2,000 images, {many} KiB for 20,000");
}
