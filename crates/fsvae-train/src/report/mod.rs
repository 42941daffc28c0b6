//! A training run as one page that needs nothing else: curves as SVG, pictures as data, settings and scores.

mod plot;

use crate::args::ShowRun;
use crate::error::TrainError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fsvae_cli::{Report, print, read_file, write_file};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use plot::{Curve, Scale};
use serde_json::Value;
use std::path::Path;

/// Epochs whose samples are shown: the first, the last, and some between.
const EPOCHS_SHOWN: usize = 6;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#1a1a1a;background:#fff}\
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}figure{display:inline-block;margin:0 1em 1em 0;vertical-align:top}\
figcaption{color:#555}figure img{image-rendering:pixelated;width:512px;max-width:100%}figure svg{max-width:100%;height:auto}\
table{border-collapse:collapse}td,th{padding:.1em 1.2em .1em 0;text-align:left;vertical-align:top}\
td.number{text-align:right;font-variant-numeric:tabular-nums}";

/// Writes the page of a run and says where it is.
pub fn report(arguments: &ShowRun) -> Result<(), Report> {
    let page = page(&arguments.run)?;
    let path = arguments.out.clone().unwrap_or_else(|| arguments.run.join("report.html"));
    write_file(&path, page.as_bytes())?;
    print(&format!("wrote {}\nnext: open it in a browser\n", path.display()))?;
    Ok(())
}

/// The page of the run in this folder.
pub fn page(run: &Path) -> Result<String, Report> {
    let log = run.join("log.jsonl");
    if !log.is_file() {
        return Err(TrainError::NoRun { path: run.to_owned() }.into());
    }
    let log = String::from_utf8_lossy(&read_file(&log)?).into_owned();
    let view = View::new(&log);
    let picture = |kind: &'static str, epoch: u64| -> Result<Option<Picture>, Report> {
        let path = run.join(format!("{kind}-{epoch:03}.png"));
        let png = if path.is_file() { Some(read_file(&path)?) } else { None };
        Ok(png.map(|png| Picture { caption: format!("{kind}, epoch {epoch}"), png }))
    };
    let mut pictures = Vec::new();
    for epoch in some_of(&view.epochs, EPOCHS_SHOWN) {
        pictures.extend(picture("samples", epoch)?);
    }
    if let Some(last) = view.epochs.last() {
        pictures.extend(picture("reconstructions", *last)?);
    }
    Ok(view.html(&pictures).into_string())
}

struct Picture {
    caption: String,
    png: Vec<u8>,
}

/// What a log tells.
struct View {
    entries: Vec<Value>,
    /// Complete epochs, counted from 1.
    epochs: Vec<u64>,
}

/// At most `count` of these, evenly, with the first and the last.
fn some_of(all: &[u64], count: usize) -> Vec<u64> {
    if all.len() <= count {
        return all.to_vec();
    }
    (0..count).map(|i| all[i * (all.len() - 1) / (count - 1)]).collect()
}

impl View {
    /// Lines that a kill tore do not count.
    fn new(log: &str) -> Self {
        let entries: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let epochs = entries.iter().filter(|entry| entry["event"] == "epoch").filter_map(|entry| entry["epoch"].as_u64()).collect();
        Self { entries, epochs }
    }

    fn events(&self, event: &str) -> impl Iterator<Item = &Value> {
        self.entries.iter().filter(move |entry| entry["event"] == event)
    }

    /// A field of all lines of a kind, over optimiser steps.
    fn curve(&self, event: &str, field: &str, name: &str) -> Curve {
        let points = self.events(event).filter_map(|entry| Some((entry["step"].as_f64()?, entry[field].as_f64()?)));
        Curve { name: name.to_owned(), points: points.collect() }
    }

    /// The split that was measured after each epoch.
    fn split(&self) -> Option<String> {
        let epoch = self.events("epoch").next()?;
        epoch.as_object()?.keys().find_map(|name| name.strip_suffix("_mse")).map(str::to_owned)
    }

    fn html(&self, pictures: &[Picture]) -> Markup {
        let start = self.events("start").next().unwrap_or(&Value::Null);
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let split = self.split();
        let error = split.as_ref().map(|split| self.curve("epoch", &format!("{split}_mse"), &format!("{split} images")));
        let best = error.iter().flat_map(|curve| &curve.points).map(|point| point.1).min_by(f64::total_cmp);
        let last = self.entries.last().unwrap_or(&Value::Null);
        let mut errors = vec![self.curve("step", "mse", "images that are learnt")];
        errors.extend(error);
        let plots = [
            ("Mean squared error of reconstructions, pixels in [-1, 1]", errors, Scale::Logarithmic),
            ("Distance of prior and posterior", vec![self.curve("step", "prior", "prior")], Scale::Logarithmic),
            ("Synaptic operations to draw an image", vec![self.curve("epoch", "synaptic_operations", "operations")], Scale::Linear),
            ("Learning rate", vec![self.curve("step", "learning_rate", "learning rate")], Scale::Linear),
            ("Images a second", vec![self.curve("step", "images_per_second", "images a second")], Scale::Linear),
        ];
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width";
                    title { "Training on " (text(&start["dataset"])) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    h1 { "Training on " (text(&start["dataset"])) }
                    table {
                        tr { th { "Images learnt" } td { (text(&start["images"])) } }
                        tr { th { "Optimiser steps" } td { (text(&last["step"])) } }
                        tr { th { "Epochs" } td { (self.epochs.len()) " of " (self.planned_epochs()) } }
                        @if let (Some(split), Some(best)) = (&split, best) {
                            tr { th { "Best error on " (split) " images" } td { (format!("{best:.5}")) } }
                        }
                    }
                    h2 { "Curves" }
                    @for (title, curves, scale) in &plots {
                        @if let Some(svg) = plot::svg(curves, *scale) {
                            figure { figcaption { (title) } (PreEscaped(svg)) }
                        }
                    }
                    @if !pictures.is_empty() {
                        h2 { "Pictures" }
                        @for Picture { caption, png } in pictures {
                            figure {
                                figcaption { (caption) }
                                img alt=(caption) src={ "data:image/png;base64," (STANDARD.encode(png)) };
                            }
                        }
                    }
                    @if let Some(split) = &split {
                        h2 { "Errors" }
                        table {
                            tr { th { "Epoch" } th { "Mean squared error" } th { "Images" } }
                            @for entry in self.events("epoch") {
                                tr {
                                    td.number { (text(&entry["epoch"])) }
                                    td.number { (format!("{:.5}", entry[format!("{split}_mse")].as_f64().unwrap_or(f64::NAN))) }
                                    td.number { (text(&entry[format!("{split}_images")])) }
                                }
                            }
                        }
                    }
                    @for (section, values) in start["settings"].as_object().into_iter().flatten() {
                        h2 { "Settings: " (section) }
                        table {
                            @for (name, value) in values.as_object().into_iter().flatten() {
                                tr { th { (name) } td { (text(value)) } }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The last word counts: a resumed run can be longer.
    fn planned_epochs(&self) -> u64 {
        let resumed = self.events("resume").last().and_then(|entry| entry["epochs"].as_u64());
        let begun = self.events("start").next().and_then(|entry| entry["settings"]["schedule"]["epochs"].as_u64());
        resumed.or(begun).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"{"event":"start","step":0,"dataset":"fashion-mnist","images":60000,"settings":{"network":{"latent":128},"recipe":{"batch":250,"surrogate":"<centred>"},"schedule":{"epochs":2}}}
{"event":"step","step":10,"epoch":1,"mse":0.5,"prior":0.01,"learning_rate":0.001,"images_per_second":70.0}
{"event":"step","step":20,"epoch":1,"mse":0.25,"prior":0.02,"learning_rate":0.001,"images_per_second":72.5}
{"event":"epoch","step":20,"epoch":1,"validation_mse":0.3,"validation_images":1000,"synaptic_operations":33500000.0}
{"event":"resume","step":20,"epochs":3}
{"event":"step","step":30,"epoch":2,"mse":0.125,"prior":0.015,"learning_rate":0.0005,"images_per_second":71.0}
{"event":"epoch","step":30,"epoch":2,"validation_mse":0.15,"validation_images":1000,"synaptic_operations":16700000.0}
{"event":"st"#;

    #[test]
    fn the_page_shows_all_that_the_log_tells() {
        let picture = Picture { caption: "samples, epoch 2".into(), png: b"not really a picture".to_vec() };
        let page = View::new(LOG).html(&[picture]).into_string();
        assert!(!page.contains("<script") && !page.contains("href="), "it needs nothing else");
        assert!(page.contains("&lt;centred&gt;"), "what comes from outside is text");
        insta::assert_snapshot!(page.replace("><", ">\n<"));
    }

    #[test]
    fn a_run_that_has_just_begun_has_a_page_too() {
        for log in ["", LOG.lines().next().unwrap()] {
            let page = View::new(log).html(&[]).into_string();
            assert!(page.contains("<h2>Curves</h2>") && !page.contains("<svg"), "{page}");
        }
    }

    #[test]
    fn some_epochs_stand_for_all() {
        assert_eq!(some_of(&[1, 2, 3], 6), [1, 2, 3]);
        assert_eq!(some_of(&(1..=150).collect::<Vec<_>>(), 6), [1, 30, 60, 90, 120, 150]);
        assert!(some_of(&[], 6).is_empty());
    }
}
