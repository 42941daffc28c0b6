//! A report in one HTML file: pictures, raster, where time and energy went, and the chip's floor plan over time. It loads nothing from anywhere.

use super::Probes;
use crate::Error;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lif_time::{Clock, Profile, Spike};
use serde_json::json;

/// The page, with places for what is put in.
const PAGE: &str = include_str!("report.html");

/// What a report shows.
pub(crate) struct Contents<'a> {
    pub title: String,
    /// PNG.
    pub pictures: Option<Vec<u8>>,
    pub profile: &'a Profile,
    /// Of the first image.
    pub spikes: &'a [Spike],
}

/// The whole file.
pub(crate) fn html(clock: &Clock<'_>, contents: &Contents<'_>) -> Result<Vec<u8>, Error> {
    let image = |bytes: &[u8], words: &str| format!("<img alt=\"{words}\" src=\"data:image/png;base64,{}\">", STANDARD.encode(bytes));
    let raster = super::raster::png(clock.graph, &Probes::new(clock.graph, &[])?, contents.spikes);
    let raster = raster.map(|bytes| image(&bytes, "raster")).unwrap_or_default();
    let neurons: Vec<usize> = clock.graph.populations.iter().map(|row| row.shape.neurons()).collect();
    let data = json!({ "profile": contents.profile, "neurons": neurons });
    // a name of a population must not end the script
    let data = data.to_string().replace('<', "\\u003c");
    let pictures = contents.pictures.as_deref().map(|bytes| image(bytes, "pictures")).unwrap_or_default();
    let page = PAGE
        .replace("{{title}}", &escaped(&contents.title))
        .replace("{{pictures}}", &pictures)
        .replace("{{raster}}", &raster)
        .replace("{{data}}", &data);
    Ok(page.into_bytes())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
