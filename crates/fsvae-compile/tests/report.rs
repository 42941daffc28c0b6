//! The report in a browser: headless Chromium (`cargo xtask setup` installs it) shows the floor plan and has nothing to complain about.

mod common;
mod small;

use common::checkpoint;
use small::small_config;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What the browser made of a page, and what it wrote on its console.
struct Shown {
    dom: String,
    console: Vec<String>,
}

/// Opens a page, with an empty profile and without looking for the network.
fn open(page: &Path, profile: &Path, more: &[&str]) -> Shown {
    let quiet = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-logging=stderr",
        "--window-size=1500,1400",
        "--hide-scrollbars",
    ];
    let profile = format!("--user-data-dir={}", profile.display());
    let url = format!("file://{}", page.display());
    let output = Command::new("chromium").args(quiet).args([&profile]).args(more).arg(&url).output();
    let output = output.expect("Chromium is installed by `cargo xtask setup`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let console = String::from_utf8_lossy(&output.stderr).lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    Shown { dom: String::from_utf8_lossy(&output.stdout).into_owned(), console }
}

#[test]
fn the_report_shows_the_floor_plan_without_a_console_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let profile = folder.path().join("profile");
    fs::write(folder.path().join("model.mpk"), checkpoint(small_config(), 7).to_bytes()).expect("writable");
    let compile = Command::new(env!("CARGO_BIN_EXE_fsvae-compile"))
        .current_dir(folder.path())
        .args(["model.mpk", "--target", "loihi1", "--html", "--out", "out"])
        .output();
    assert!(compile.expect("it runs").status.success());
    let page = folder.path().join("out/report.html");
    let shown = open(&page, &profile, &["--dump-dom"]);
    assert_eq!(shown.console, Vec::<String>::new());
    assert_eq!(shown.dom.matches("class=\"router\"").count(), 32, "Loihi's 8 x 4 tiles");
    assert_eq!(shown.dom.matches("class=\"core used\"").count(), 8, "a core for each population");
    assert!(shown.dom.matches("class=\"link\"").count() > 0, "eight cores are more than a tile has");
    assert_eq!(shown.dom.matches("class=\"name\"").count(), 8, "a row of the time-line for each population");
    assert!(shown.dom.matches("class=\"update\"").count() > 20, "and a box for each of its steps");
    for words in ["Floor plan", "Schedule: substep", "Limits of a core", "decoder.input", "weight error", "1 of 3"] {
        assert!(shown.dom.contains(words), "{words}");
    }
    assert!(!fs::read_to_string(&page).expect("text").contains("http"), "the page needs nothing from elsewhere");

    // so that an empty console means something
    let broken = folder.path().join("broken.html");
    fs::write(&broken, "<!DOCTYPE html><title>x</title><script>nowhere()</script>").expect("writable");
    assert_eq!(open(&broken, &profile, &["--dump-dom"]).console.len(), 1);

    if let Some(picture) = std::env::var_os("REPORT_SCREENSHOT") {
        open(&page, &profile, &[&format!("--screenshot={}", Path::new(&picture).display())]);
    }
}
