//! What the tests need beyond Rust.

use crate::run::{apt_get, step};
use std::path::Path;
use std::process::Command;

/// Where Debian's package puts Fashion-MNIST; `fsvae-train` looks there by default.
const FASHION_MNIST: &str = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz";

/// The Pythons that Lava and the tools of SpiNNaker run on, in the order in which they are tried.
const PYTHONS: [&str; 3] = ["python3.10", "python3.11", "python3"];
/// Lava's environment, and the Python in it that the tests call.
const LAVA_ENVIRONMENT: &str = "target/lava";
const LAVA_PYTHON: &str = "target/lava/bin/python";

/// SANA-FE's environment, and the Python in it that tests and benchmarks call.
const SANAFE_ENVIRONMENT: &str = "target/sanafe";
pub const SANAFE_PYTHON: &str = "target/sanafe/bin/python";
const SANAFE: &str = "sanafe==2.2.9";

/// The browser that reports are opened in.
const CHROMIUM: &str = "/usr/bin/chromium";
/// The environment of SpiNNaker's tools, and the Python in it that the tests call.
const SPYNNAKER_ENVIRONMENT: &str = "target/spynnaker";
const SPYNNAKER_PYTHON: &str = "target/spynnaker/bin/python";
/// NEST's environment.
const NEST_ENVIRONMENT: &str = "target/nest";
/// TensorBoard's environment, whose reader the tests ask what a training run wrote.
const TENSORBOARD_ENVIRONMENT: &str = "target/tensorboard";
const TENSORBOARD_PYTHON: &str = "target/tensorboard/bin/python";
const TENSORBOARD: &str = "tensorboard==2.21.0";

/// Installs what is not there yet.
pub fn all() -> Result<(), String> {
    data_sets()?;
    browser()?;
    tensorboard()?;
    lava()?;
    sanafe()?;
    spynnaker()?;
    nest()
}

fn browser() -> Result<(), String> {
    if Path::new(CHROMIUM).exists() {
        return Ok(());
    }
    let help = "install the Debian package chromium by hand, then try again";
    step("package lists", &mut apt_get(&["update", "-q"])).map_err(|e| format!("{e}; {help}"))?;
    step("Chromium", &mut apt_get(&["install", "-q", "-y", "--no-install-recommends", "chromium"])).map_err(|e| format!("{e}; {help}"))
}

fn tensorboard() -> Result<(), String> {
    let check = "import tensorboard.backend.event_processing.event_accumulator";
    if Command::new(TENSORBOARD_PYTHON).args(["-c", check]).output().is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    step("TensorBoard's environment", Command::new("python3").args(["-m", "venv", "--clear", TENSORBOARD_ENVIRONMENT]))?;
    step("TensorBoard", Command::new(TENSORBOARD_PYTHON).args(["-m", "pip", "install", "--quiet", TENSORBOARD]))
}

fn data_sets() -> Result<(), String> {
    if Path::new(FASHION_MNIST).exists() {
        return Ok(());
    }
    let help = "install the Debian package dataset-fashion-mnist by hand, then try again";
    step("package lists", &mut apt_get(&["update", "-q"])).map_err(|e| format!("{e}; {help}"))?;
    step("Fashion-MNIST", &mut apt_get(&["install", "-q", "-y", "dataset-fashion-mnist"])).map_err(|e| format!("{e}; {help}"))
}

/// lava-nc 0.10.0 in an environment of its own. Its demands (older packages, Python 3.10) are replaced by those of
/// `targets/loihi/requirements.txt`, with which it was compared.
fn lava() -> Result<(), String> {
    let check = "from fsvae_lava import versions; versions.check(); versions.prepare_import()";
    let works =
        Command::new(LAVA_PYTHON).env("PYTHONPATH", "targets/loihi").env("PYTHONDONTWRITEBYTECODE", "1").args(["-c", check]).output();
    if works.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    let suits = "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 10), (3, 11)))";
    let suitable = |python: &&&str| Command::new(python).args(["-c", suits]).output().is_ok_and(|output| output.status.success());
    let python = PYTHONS.iter().find(suitable).ok_or("Lava needs Python 3.10 or 3.11 with its venv module; install one of them")?;
    step("Lava's environment", Command::new(python).args(["-m", "venv", "--clear", LAVA_ENVIRONMENT]))?;
    let pip = |words: &[&str]| step("Lava", Command::new(LAVA_PYTHON).args(["-m", "pip", "install", "--quiet"]).args(words));
    pip(&["-r", "targets/loihi/requirements.txt"])?;
    pip(&["--no-deps", "--ignore-requires-python", "lava-nc==0.10.0"])
}

/// SANA-FE in an environment of its own.
pub fn sanafe() -> Result<(), String> {
    let check = "import importlib.metadata as m, sanafe; assert m.version('sanafe') == '2.2.9'";
    if Command::new(SANAFE_PYTHON).args(["-c", check]).output().is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    step("SANA-FE's environment", Command::new("python3").args(["-m", "venv", "--clear", SANAFE_ENVIRONMENT]))?;
    step("SANA-FE", Command::new(SANAFE_PYTHON).args(["-m", "pip", "install", "--quiet", SANAFE]))
}

/// sPyNNaker with PACMAN and the binaries of the machine; and an emulator for those, where there is one for this machine.
fn spynnaker() -> Result<(), String> {
    environment("sPyNNaker", SPYNNAKER_ENVIRONMENT, "targets/spinnaker/requirements-spynnaker.txt", "import pacman, spynnaker")?;
    let emulator = || Command::new(SPYNNAKER_PYTHON).args(["-c", "import unicorn"]).output().is_ok_and(|output| output.status.success());
    if !emulator() {
        let mut pip = Command::new(SPYNNAKER_PYTHON);
        let installed = step("emulator", pip.args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "unicorn==2.1.4"]));
        if installed.is_err() {
            eprintln!("no emulator for this machine: the test of the ARM binary's neuron code will say that it is left out");
        }
    }
    Ok(())
}

fn nest() -> Result<(), String> {
    environment("NEST", NEST_ENVIRONMENT, "targets/spinnaker/requirements-nest.txt", "import nest")
}

/// Packages in an environment of their own, unless `check` runs in it already.
fn environment(name: &str, folder: &str, requirements: &str, check: &str) -> Result<(), String> {
    let python = format!("{folder}/bin/python");
    if Command::new(&python).args(["-c", check]).output().is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    let suits = "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 10), (3, 11)))";
    let suitable = |python: &&&str| Command::new(python).args(["-c", suits]).output().is_ok_and(|output| output.status.success());
    let found = PYTHONS
        .iter()
        .find(suitable)
        .ok_or_else(|| format!("{name} needs Python 3.10 or 3.11 with its venv module; install one of them"))?;
    step(&format!("{name}'s environment"), Command::new(found).args(["-m", "venv", "--clear", folder]))?;
    step(name, Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r", requirements]))
}
