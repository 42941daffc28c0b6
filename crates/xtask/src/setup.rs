//! What the tests need beyond Rust.

use crate::run::{apt_get, step};
use std::path::Path;

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
