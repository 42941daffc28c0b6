//! A profile for people.

use super::Timed;
use crate::summary::grouped;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use lif_time::Profile;
use lif_time::profile::{CoreProfile, LinkProfile};

/// Of long lists so many rows are printed, the busiest.
const ROWS: usize = 8;

/// Everything: the first chip in full, then how the others compare.
pub(super) fn all(run: &str, timed: &[Timed]) -> String {
    let Timed { mapping, profile, spikes, synaptic_operations, wall, timing, fingerprint, .. } = &timed[0];
    let system = &mapping.system;
    let mut text = format!("{run} on {}\n", profile.chip);
    text += &format!("{} of {} cores, {} of {} chips\n", system.cores_used, system.cores, system.chips_used, system.chips);
    text += &format!(
        "time   {} an image{}\nenergy {} an image\n",
        time(profile.time_ps_per_image),
        range(profile),
        energy(profile.energy_fj_per_image)
    );
    text += &format!("{} spikes, {} synaptic operations, fingerprint {fingerprint}\n", grouped(*spikes), grouped(*synaptic_operations));
    let sections = [stages(profile), populations(profile), ticks(profile), cores(profile), links(profile)];
    sections.iter().for_each(|table| text += &format!("\n{table}\n"));
    if let Some(timer) = profile.timer {
        let (busiest, period) = (time(timer.busiest_ps.0), time(timer.period_ps.0));
        text += &format!("\ntimer of {period}: a core is busy for {busiest} at most; {} overruns", timer.overruns);
        text += &if timer.slowdown > 1 { format!(", none with a timer {} times as slow\n", timer.slowdown) } else { "\n".into() };
    }
    if !profile.not_counted.is_empty() {
        text += &format!("\nnot counted, for want of figures: {}\n", profile.not_counted.join(", "));
    }
    if timed.len() > 1 {
        text += &format!("\n{}\n", comparison(timed));
    }
    text += &format!("\nsimulated in {:.2} ms an image, {:.2} ms of them timing\n", wall.as_secs_f64() * 1e3, timing.as_secs_f64() * 1e3);
    text
}

fn range(profile: &Profile) -> String {
    let [shortest, longest] = profile.time_ps_range.map(|limit| limit.0);
    if shortest == longest { String::new() } else { format!(" ({} to {})", time(shortest), time(longest)) }
}

fn table(heads: &[&str], texts: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(heads);
    table.column_iter_mut().skip(texts).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

fn share(part: u64, whole: u64) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}

fn stages(profile: &Profile) -> String {
    let mut rows = table(&["stage", "events", "busy, all units", "energy", "share"], 1);
    for stage in &profile.stages {
        let (busy, spent) = (stage.busy_ps.0 / profile.images, stage.energy_fj.0);
        let (events, share) = (grouped(stage.events / profile.images), share(spent, profile.energy_fj.0));
        rows.add_row([stage.name.to_string(), events, time(busy), energy(spent / profile.images), share]);
    }
    rows.trim_fmt()
}

fn populations(profile: &Profile) -> String {
    let heads = ["population", "cores", "spikes", "packets", "synaptic operations", "sending", "receiving", "stalled", "energy", "last"];
    let mut rows = table(&heads, 1);
    for row in &profile.populations {
        let [sending, receiving] = row.busy_ps.map(|busy| time(busy.0 / profile.images));
        rows.add_row([
            row.name.clone(),
            row.cores.to_string(),
            grouped(row.spikes / profile.images),
            grouped(row.packets / profile.images),
            grouped(row.synaptic_operations / profile.images),
            sending,
            receiving,
            time(row.stalled_ps.0 / profile.images),
            energy(row.energy_fj.0 / profile.images),
            row.last.to_string(),
        ]);
    }
    rows.trim_fmt()
}

fn ticks(profile: &Profile) -> String {
    let mut rows = table(&["tick", "time", "sending", "travel", "receiving", "barrier", "energy", "last core", "of"], 1);
    for (number, tick) in profile.ticks.iter().enumerate() {
        let core = &profile.cores[tick.last_core as usize];
        let [sending, travel, receiving, barrier] = tick.critical_ps.map(|part| time(part.0 / profile.images));
        let (whole, energy) = (time(tick.time_ps.0 / profile.images), energy(tick.energy_fj.0 / profile.images));
        let last = format!("({}, {}) {}", core.x, core.y, core.core);
        rows.add_row([number.to_string(), whole, sending, travel, receiving, barrier, energy, last, tick.last_population.clone()]);
    }
    rows.trim_fmt()
}

fn cores(profile: &Profile) -> String {
    let mut busiest: Vec<&CoreProfile> = profile.cores.iter().collect();
    busiest.sort_by_key(|core| std::cmp::Reverse(core.utilisation_permille));
    let mut rows = table(&["busiest cores", "population", "neurons", "sending", "receiving", "stalled", "queue", "busy", "energy"], 2);
    for core in busiest.into_iter().take(ROWS) {
        let [sending, receiving] = core.busy_ps.map(|busy| time(busy.0 / profile.images));
        rows.add_row([
            format!("({}, {}) {}", core.x, core.y, core.core),
            core.population.clone(),
            grouped(core.neurons),
            sending,
            receiving,
            time(core.stalled_ps.0 / profile.images),
            core.deepest_queue.to_string(),
            permille(core.utilisation_permille),
            energy(core.energy_fj.0 / profile.images),
        ]);
    }
    rows.trim_fmt()
}

fn links(profile: &Profile) -> String {
    let mut busiest: Vec<&LinkProfile> = profile.links.iter().collect();
    busiest.sort_by_key(|link| std::cmp::Reverse(link.packets));
    let mut rows = table(&["busiest links", "packets", "busy", "queue", "waited"], 1);
    for link in busiest.into_iter().take(ROWS) {
        let direction = serde_json::to_value(link.direction).expect("a word");
        rows.add_row([
            format!("({}, {}) {}", link.x, link.y, direction.as_str().unwrap_or_default()),
            grouped(link.packets / profile.images),
            permille(link.utilisation_permille),
            link.deepest_queue.to_string(),
            time(link.waited_ps.0 / profile.images),
        ]);
    }
    rows.trim_fmt()
}

fn comparison(timed: &[Timed]) -> String {
    let mut rows = table(&["what if", "cores", "time", "times", "energy", "times"], 1);
    let first = &timed[0].profile;
    let times = |value: u64, of: u64| format!("{:.3}", value as f64 / of.max(1) as f64);
    for Timed { mapping, profile, .. } in timed {
        rows.add_row([
            profile.chip.clone(),
            mapping.system.cores_used.to_string(),
            time(profile.time_ps_per_image),
            times(profile.time_ps_per_image, first.time_ps_per_image),
            energy(profile.energy_fj_per_image),
            times(profile.energy_fj_per_image, first.energy_fj_per_image),
        ]);
    }
    rows.trim_fmt()
}

fn permille(value: u64) -> String {
    format!("{}.{} %", value / 10, value % 10)
}

/// With a unit that leaves one to three digits before the point.
pub(super) fn time(picoseconds: u64) -> String {
    scaled(picoseconds, ["ps", "ns", "us", "ms", "s"])
}

/// With a unit that leaves one to three digits before the point.
pub(super) fn energy(femtojoules: u64) -> String {
    scaled(femtojoules, ["fJ", "pJ", "nJ", "uJ", "mJ"])
}

fn scaled(value: u64, units: [&str; 5]) -> String {
    let (mut unit, mut size) = (0, 1u64);
    while unit + 1 < units.len() && value / size >= 1000 {
        (unit, size) = (unit + 1, size * 1000);
    }
    if unit == 0 { format!("{value} {}", units[0]) } else { format!("{:.3} {}", value as f64 / size as f64, units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_fit_the_value() {
        assert_eq!([0, 999, 1000, 12_345_678, u64::MAX].map(time), ["0 ps", "999 ps", "1.000 ns", "12.346 us", "18446744.074 s"]);
        assert_eq!(energy(81_000), "81.000 pJ");
    }
}
