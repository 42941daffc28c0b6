//! The rules of the house: who may depend on whom.

use std::process::Command;

fn depends_on_burn(package: &str) -> bool {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let output = command.args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "-p", package]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().any(|line| line.starts_with("burn"))
}

#[test]
fn burn_stands_behind_the_trainer_alone() {
    for package in
        ["fsvae-sim", "fsvae-compile", "fsvae-checkpoint", "lif-graph", "lif-chip", "lif-map", "lif-netlist", "lif-nir", "lif-sim"]
    {
        assert!(!depends_on_burn(package), "{package} depends on burn");
    }
    assert!(depends_on_burn("fsvae-train"), "the question is asked wrongly");
}
