//! What cannot be done: one clear error, exit code 2, and no file that was not there before.

use crate::folder::Folder;
use crate::network::{TINY, fsvae};
use lif_graph::LifGraph;
use std::fs;

/// The error of a command in a folder with `model.lif`.
fn fails(folder: &Folder, command: &str) -> String {
    let before = folder.files();
    let output = folder.run_any(command);
    assert_eq!(output.code, Some(2), "{command}: {}", output.stderr);
    assert_eq!(output.stdout, "", "{command}");
    assert_eq!(folder.files(), before, "{command}");
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    output.stderr
}

#[test]
fn options_that_make_no_sense() {
    let folder = Folder::with_model(&fsvae(&TINY));
    let mut text = String::new();
    for options in [
        "--count 0",
        "--count 1000000000",
        "--count 18446744073709551615",
        "--out none/images.png",
        "--shard 1/2",
        "--shard-images 5",
        "--shard 3/2 --out out",
        "--shard-images 0 --out out",
        "--shard-images 1000000 --out out",
        "--count 2000000000000 --out out",
        "--out {shard}.jpg",
        "--out out --events",
        "--out model.lif",
        "--out ./a.png --events a.png",
        "--out events.csv --events",
        "--events none/events.npz",
        "--events ./model.lif",
        "--events other.lif",
        "--threads 0",
        "--count many",
    ] {
        text += &format!("$ generate model.lif {options}\n{}\n", fails(&folder, &format!("generate model.lif {options}")));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn an_unwritable_file_is_found_before_the_work() {
    let folder = Folder::with_model(&fsvae(&TINY));
    fs::write(folder.path("old.png"), "old").expect("written");
    let mut mode = fs::metadata(folder.path("old.png")).expect("a file").permissions();
    mode.set_readonly(true);
    fs::set_permissions(folder.path("old.png"), mode).expect("set");
    assert!(fails(&folder, "generate model.lif --out old.png").starts_with("error[E003]: cannot write old.png"));
    assert_eq!(fs::read(folder.path("old.png")).expect("a file"), b"old");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let folder = Folder::with_model(&fsvae(&TINY));
    for options in ["--out /dev/full", "--events /dev/full"] {
        let error = fails(&folder, &format!("generate model.lif --count 40 {options}"));
        assert!(error.starts_with("error[E004]: cannot write /dev/full"), "{error}");
        assert_eq!(error.lines().count(), 2, "{error}");
    }
}

#[test]
fn files_that_are_no_model() {
    let good = fsvae(&TINY).to_bytes();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 4;
    let mut newer = good.clone();
    newer[8] = 2;
    let mut endless = good.clone();
    endless[12..20].copy_from_slice(&u64::MAX.to_le_bytes());
    let cases: [(&str, &[u8]); 9] = [
        ("empty", &[]),
        ("text", b"not a model\n"),
        ("header", &good[..40]),
        ("truncated", &good[..good.len() - 1]),
        ("overlong", &[&good[..], b"x"].concat()),
        ("flipped", &flipped),
        ("newer", &newer),
        ("endless", &endless),
        ("ill-formed", &LifGraph { steps: 0, ..fsvae(&TINY) }.to_bytes()),
    ];
    let folder = Folder::with_model(&fsvae(&TINY));
    let mut text = String::new();
    for (name, bytes) in cases {
        fs::write(folder.path(&format!("{name}.lif")), bytes).expect("written");
        text += &format!("{}\n", fails(&folder, &format!("generate {name}.lif --events")));
    }
    for options in ["none.lif", ".", "model.lif/a"] {
        text += &format!("{}\n", fails(&folder, &format!("generate {options}")));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn graphs_that_draw_nothing() {
    let lif = "decay 0/2^0 floor shift 0 bits 8 bias [1]";
    let cases = [
        "graph silent steps 1 population a lif 1x1x1 decay 0/2^0 floor shift 0 bits 8 bias [1] threshold [0]".into(),
        format!("graph blue steps 1 population a readout 2x4x4 {lif} levels [{}]", vec!["0"; 255].join(", ")),
        format!("graph wide steps 1 population a readout 1x4096x4096 {lif} levels [{}]", vec!["0"; 255].join(", ")),
        format!("graph long steps 65535 population a readout 1x64x64 {lif} levels [{}]", vec!["0"; 255].join(", ")),
        format!(
            "graph deaf steps 1 population in source 1x1x1 population a readout 1x4x4 {lif} levels [{}]
             projection p from in to a dense delay 0 weights [{}]",
            vec!["0"; 255].join(", "),
            vec!["1"; 16].join(", ")
        ),
    ];
    let mut text = String::new();
    for case in &cases {
        let folder = Folder::with_model(&LifGraph::from_text(case).expect("a graph"));
        text += &format!("{}\n", fails(&folder, "generate model.lif"));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn help_is_for_reading() {
    let folder = Folder::with_model(&fsvae(&TINY));
    insta::assert_snapshot!("help", folder.run("--help").stdout);
    insta::assert_snapshot!("help_of_generate", folder.run("generate --help").stdout);
    insta::assert_snapshot!("help_of_speed", folder.run("speed --help").stdout);
    insta::assert_snapshot!("help_of_reconstruct", folder.run("reconstruct --help").stdout);
}
