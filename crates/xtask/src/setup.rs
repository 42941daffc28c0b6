//! What the tests need beyond Rust.

use crate::run::{apt_get, step};
use std::path::Path;
use std::process::Command;

/// Where Debian's package puts Fashion-MNIST; `fsvae-train` looks there by default.
const FASHION_MNIST: &str = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz";

/// The Pythons that Lava runs on, in the order in which they are tried.
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

/// Installs what is not there yet.
pub fn all() -> Result<(), String> {
    data_sets()?;
    lava()?;
    sanafe()?;
    chromium()
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

fn chromium() -> Result<(), String> {
    if Path::new(CHROMIUM).exists() {
        return Ok(());
    }
    let help = "install the package chromium by hand, then try again";
    step("package lists", &mut apt_get(&["update", "-q"])).map_err(|e| format!("{e}; {help}"))?;
    step("Chromium", &mut apt_get(&["install", "-q", "-y", "--no-install-recommends", "chromium"])).map_err(|e| format!("{e}; {help}"))
}
