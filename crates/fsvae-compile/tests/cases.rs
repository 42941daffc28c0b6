//! Every step of every case for every chip, as `tests/cases/README.md` of the workspace says.

mod common;

use common::checkpoint;
use fsvae_checkpoint::NetworkConfig;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The chips of the snapshots: those of the catalogue; a new one is added here, then blessed.
const CHIPS: [&str; 7] = ["generic", "loihi1", "loihi2", "mesh2x2", "sanafe-loihi", "spinnaker1", "spinnaker2"];

/// What a TOML case holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    network: String,
    seed: u64,
    config: NetworkConfig,
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases")
}

/// A case's model and the options that it is compiled with.
fn model(case: &Path, folder: &Path) -> (PathBuf, Vec<String>) {
    let text = fs::read_to_string(case).expect("a case");
    let Case { network, seed, config } = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", case.display()));
    let model = folder.join("model.mpk");
    fs::write(&model, checkpoint(config, seed).to_bytes()).expect("writable");
    (model, vec!["--network".into(), network])
}

/// What the command prints, or its one error.
fn printed(folder: &Path, model: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fsvae-compile"));
    let output = command.current_dir(folder).env("NO_COLOR", "1").arg(model).args(args).output().expect("it runs");
    let said = if output.status.success() { output.stdout } else { output.stderr };
    String::from_utf8(said).expect("text")
}

/// Length and hash of every file that is written; their texts have snapshots where they are made.
fn files(folder: &Path) -> String {
    let all = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path());
    let names: BTreeSet<PathBuf> = all.collect();
    let line = |path: &PathBuf| {
        let bytes = fs::read(path).expect("readable");
        let digest = sha256(&bytes);
        format!("{} {} bytes, sha256 {digest}\n", path.file_name().unwrap_or_default().display(), bytes.len())
    };
    names.iter().map(line).collect()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_step_of_every_case_for_every_chip() {
    let catalogue: BTreeSet<String> = lif_chip::catalogue().into_iter().map(|chip| chip.name).collect();
    assert_eq!(catalogue, CHIPS.map(str::to_owned).into());
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(cases()).expect("the workspace's cases") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (model, args) = model(&path, folder.path());
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(cases().join("../snapshots").join(&name));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| {
            let print = |more: &[&str]| {
                let args: Vec<&str> = args.iter().map(String::as_str).chain(more.iter().copied()).collect();
                printed(folder.path(), &model, &args)
            };
            for step in ["import", "fold"] {
                insta::assert_snapshot!(step, print(&["--stop-after", step]));
            }
            for chip in CHIPS.map(|name| lif_chip::find(name).expect("in the catalogue")) {
                for step in ["quantise", "lower", "schedule", "map"] {
                    insta::assert_snapshot!(format!("{step}@{}", chip.name), print(&["--target", &chip.name, "--stop-after", step]));
                }
                let out = folder.path().join(&chip.name);
                let said = print(&["--target", &chip.name, "--out", &chip.name]);
                // where nothing was written there is an error
                let emitted = if out.exists() { files(&out) } else { said };
                insta::assert_snapshot!(format!("emit@{}", chip.name), emitted);
            }
        });
        seen.insert(name);
    }
    assert!(seen.len() >= 3, "{seen:?}");
}
