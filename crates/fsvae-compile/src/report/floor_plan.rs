//! The chip from above: routers with their cores, coloured by population, load or spikes, and the links between them by traffic.

use super::{escaped, hue};
use lif_chip::Chip;
use lif_graph::LifGraph;
use lif_map::rules::CORE_RULES;
use lif_map::{Load, Machine, Mapping, PlacedSlice};
use std::collections::BTreeMap;
use std::fmt::Write;

/// From one router to the next; a router is 1 wide, the rest is room for links.
const PITCH: f64 = 1.3;

/// Heading, switches, drawing and legend.
pub fn section(graph: &LifGraph, chip: &Chip, mapping: &Mapping) -> String {
    let hues: BTreeMap<&str, u32> = graph.populations.iter().enumerate().map(|(index, row)| (&row.name[..], hue(index))).collect();
    let views = [("population", "population"), ("load", "fullest limit"), ("sent", "spikes sent")];
    let switch = |(place, (id, words)): (usize, &(&str, &str))| {
        let checked = if place == 0 { " checked" } else { "" };
        format!("<input type=\"radio\" name=\"view\" id=\"view-{id}\"{checked}> <label for=\"view-{id}\">{words}</label>")
    };
    let switches: String = views.iter().enumerate().map(switch).collect();
    let placed = graph.populations.iter().filter(|row| mapping.slices.iter().any(|slice| slice.population == row.name));
    let entry = |row: &lif_graph::Population| {
        let hue = hues.get(&row.name[..]).copied().unwrap_or(0);
        format!("<span><span class=\"dot\" style=\"background:hsl({hue} 60% 55%)\"></span>{}</span>", escaped(&row.name))
    };
    let legend: String = placed.map(entry).collect();
    format!(
        "<div class=\"plan\"><h2>Floor plan</h2>\n{switches}\n{}<div class=\"legend\">{legend}</div>\
         <p class=\"note\">Each square is a core, each box a router. Lines are links, wide and red where many spikes pass. Point at \
         anything for its figures.</p></div>",
        drawing(chip, mapping, &hues)
    )
}

fn drawing(chip: &Chip, mapping: &Mapping, hues: &BTreeMap<&str, u32>) -> String {
    // the mapping was made on the same machine
    let Ok(machine) = Machine::new(chip, mapping.slices.len() as u64) else { return String::new() };
    let (columns, rows) = (f64::from(machine.columns), f64::from(machine.rows));
    let corner = |x: u32, y: u32| (f64::from(x) * PITCH + 0.15, (rows - 1.0 - f64::from(y)) * PITCH + 0.15);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {:.2} {:.2}\" role=\"img\" aria-label=\"floor plan of {} routers\">\n",
        columns * PITCH,
        rows * PITCH,
        machine.routers.len()
    );
    links(&mut svg, mapping, &corner);
    let sent = spikes_sent(mapping);
    let most = sent.iter().copied().max().unwrap_or(0).max(1);
    let slices: BTreeMap<(u32, u32, u32), usize> =
        mapping.slices.iter().enumerate().map(|(index, slice)| ((slice.x, slice.y, slice.core), index)).collect();
    for router in &machine.routers {
        let (left, top) = corner(router.x, router.y);
        let _ = writeln!(svg, "<rect class=\"router\" x=\"{left:.2}\" y=\"{top:.2}\" width=\"1\" height=\"1\" rx=\".06\"/>");
        let across = (1..).find(|side| side * side >= router.cores).unwrap_or(1);
        let side = 0.92 / f64::from(across);
        for number in 0..router.cores {
            let (x, y) = (left + 0.04 + side * f64::from(number % across), top + 0.04 + side * f64::from(number / across));
            let place = format!("x=\"{x:.3}\" y=\"{y:.3}\" width=\"{0:.3}\" height=\"{0:.3}\"", side * 0.92);
            let core = router.first_core + number;
            match slices.get(&(router.x, router.y, core)) {
                None => svg += &format!("<rect class=\"core\" {place}/>\n"),
                Some(&index) => {
                    let slice = &mapping.slices[index];
                    let (hue, load) = (hues.get(&slice.population[..]).copied().unwrap_or(0), fullest(&slice.load, chip));
                    let heat = sent[index] as f64 / most as f64;
                    let _ = writeln!(
                        svg,
                        "<rect class=\"core used\" {place} style=\"--hue:{hue};--load:{load:.3};--sent:{heat:.3}\"><title>{}</title></rect>",
                        escaped(&words(slice, core, load, sent[index], mapping.rates.steps))
                    );
                }
            }
        }
    }
    svg + "</svg>\n"
}

fn links(svg: &mut String, mapping: &Mapping, corner: &impl Fn(u32, u32) -> (f64, f64)) {
    let most = mapping.links.iter().map(|link| link.spikes).max().unwrap_or(0).max(1) as f64;
    for link in &mapping.links {
        let (left, top) = corner(link.x, link.y);
        let (dx, dy) = link.direction.step();
        let (dx, dy) = (f64::from(dx), -f64::from(dy));
        // from the box's side to the next box's; the two directions beside each other
        let (x, y) = (left + 0.5 + 0.5 * dx - 0.06 * dy, top + 0.5 + 0.5 * dy + 0.06 * dx);
        let (to_x, to_y) = (x + (PITCH - 1.0) * dx, y + (PITCH - 1.0) * dy);
        let heat = (link.spikes as f64 / most).sqrt();
        let _ = writeln!(
            svg,
            "<line class=\"link\" x1=\"{x:.2}\" y1=\"{y:.2}\" x2=\"{to_x:.2}\" y2=\"{to_y:.2}\" stroke-width=\"{:.3}\" \
             style=\"--heat:{heat:.3}\"><title>({}, {}) {:?}: {:.1} spikes a step</title></line>",
            0.015 + 0.08 * heat,
            link.x,
            link.y,
            link.direction,
            link.spikes as f64 / f64::from(mapping.rates.steps)
        );
    }
}

/// Spikes of each slice's neurons to each slice that listens.
fn spikes_sent(mapping: &Mapping) -> Vec<u64> {
    let mut sent = vec![0; mapping.slices.len()];
    mapping.edges.iter().for_each(|edge| sent[edge.source as usize] += edge.spikes);
    sent
}

/// The largest share of a limit that a slice takes.
fn fullest(load: &Load, chip: &Chip) -> f64 {
    let shares = CORE_RULES.iter().filter_map(|rule| Some((rule.figure)(load) as f64 / (rule.limit)(chip)? as f64));
    shares.fold(0.0, f64::max)
}

fn words(slice: &PlacedSlice, core: u32, load: f64, sent: u64, steps: u32) -> String {
    let range = |[first, end]: [u32; 2]| format!("{first}..{end}");
    let region = [slice.region.channels, slice.region.rows, slice.region.columns].map(range).join(" x ");
    format!(
        "{} {region}\nrouter ({}, {}) core {core}\n{} neurons, {} synapses, {} bytes\n{} input axons, {} output axons\nfullest limit {:.1} %\n{:.1} spikes a step",
        slice.population,
        slice.x,
        slice.y,
        slice.load.neurons,
        slice.load.synapses,
        slice.load.memory_bytes,
        slice.load.input_axons,
        slice.load.output_axons,
        100.0 * load,
        sent as f64 / f64::from(steps)
    )
}
