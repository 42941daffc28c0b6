//! The report, opened in headless Chromium (Debian's package, installed by `cargo xtask setup`).

use super::Folder;
use std::process::Command;

#[test]
fn the_report_opens_without_an_error() {
    let folder = Folder::new();
    for (target, name) in [("loihi1", "loihi.html"), ("spinnaker1", "spinnaker.html")] {
        folder.run(&["profile", "tiny.lif", "--target", target, "--count", "5", "--report", name]);
        let page = std::fs::read_to_string(folder.path(name)).unwrap();
        assert!(!page.contains("http://") || page.matches("http://").count() == page.matches("http://www.w3.org/2000/svg").count());
        assert!(!page.contains("https://"), "it loads nothing");
        let output = Command::new("/usr/bin/chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr"])
            .arg(format!("--user-data-dir={}", folder.path("profile").display()))
            .args(["--dump-dom", &format!("file://{}", folder.path(name).display())])
            .output()
            .expect("Chromium starts: run `cargo xtask setup`");
        let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{log}");
        assert!(!log.contains("CONSOLE"), "{log}");
        // the script ran to its end, and drew tables, squares and lines
        assert!(dom.contains("data-ready=\"yes\""), "{dom}");
        assert!(dom.matches("<rect").count() >= 5 && dom.matches("<img").count() == 2);
        assert!(dom.contains("decoder.3") && dom.contains("energy an image"));
    }
}
