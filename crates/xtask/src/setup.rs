//! What the tests need beyond Rust.

use crate::run::step;
use std::path::Path;
use std::process::Command;

/// Where Debian's package puts Fashion-MNIST; `fsvae-train` looks there by default.
const FASHION_MNIST: &str = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz";

/// Installs the data sets that are not there yet.
pub fn data_sets() -> Result<(), String> {
    if Path::new(FASHION_MNIST).exists() {
        return Ok(());
    }
    let help = "install the Debian package dataset-fashion-mnist by hand, then try again";
    step("package lists", &mut apt_get(&["update", "-q"])).map_err(|e| format!("{e}; {help}"))?;
    step("Fashion-MNIST", &mut apt_get(&["install", "-q", "-y", "dataset-fashion-mnist"])).map_err(|e| format!("{e}; {help}"))
}

/// `apt-get`, through sudo for those who are not root.
fn apt_get(words: &[&str]) -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    let mut command = Command::new(if root { "apt-get" } else { "sudo" });
    if !root {
        command.arg("apt-get");
    }
    command.args(words);
    command
}
