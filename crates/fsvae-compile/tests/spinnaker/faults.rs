//! Eight ways to be wrong: each is refused by a rule of ours, by name, and by the check of PACMAN's that it concerns.

use super::{chip, compiled, emitted, small_config, tools};
use crate::tools::Environment;
use lif_netlist::NetlistFile;
use lif_netlist::spinnaker::checks::check;
use lif_netlist::spinnaker::{Placement, Table, TableEntry, texts};

/// What is changed: placements and complete routing tables.
type Change = fn(&mut Vec<Placement>, &mut Vec<Table>);

/// What it is, our rule, PACMAN's check.
const FAULTS: [(&str, &str, &str, Change); 8] = [
    ("wrong core", "spikes-reach-their-targets", "routes", |_, tables| {
        let entry = entry(tables, |entry| entry.spinnaker_route >> 6 != 0);
        // its lowest core's neighbour that it does not send to
        let low = (6..24).find(|bit| entry.spinnaker_route >> bit & 1 == 1).expect("a core");
        let other = (8..24).find(|bit| entry.spinnaker_route >> bit & 1 == 0).expect("another");
        entry.spinnaker_route ^= 1 << low | 1 << other;
    }),
    ("tight mask", "keys-are-covered", "routes", |_, tables| entry(tables, |entry| entry.mask & 0xF0 == 0).mask |= 1 << 4),
    ("core used twice", "cores-hold-one-slice", "placements", |placements, _| {
        let Placement { x, y, p, .. } = placements[0];
        (placements[1].x, placements[1].y, placements[1].p) = (x, y, p);
    }),
    // with the routes that lead there; a route has no bit for it
    ("core out of range", "cores-exist", "schema of routing tables", |placements, tables| {
        let heard = |place: &&mut Placement| {
            tables.iter().any(|table| {
                (table.x, table.y) == (place.x, place.y)
                    && table.entries.iter().any(|entry| entry.spinnaker_route >> (6 + place.p) & 1 == 1)
            })
        };
        let place = placements.iter_mut().find(heard).expect("a slice that hears another");
        for table in tables.iter_mut().filter(|table| (table.x, table.y) == (place.x, place.y)) {
            for entry in table.entries.iter_mut().filter(|entry| entry.spinnaker_route >> (6 + place.p) & 1 == 1) {
                entry.spinnaker_route ^= 1 << (6 + place.p) | 1 << 24;
            }
        }
        place.p = 18;
    }),
    ("loop", "routes-end", "routes", |_, tables| {
        // a router that passes a key on to a neighbour, and the neighbour sends it back
        for from in 0..tables.len() {
            for (link, (dx, dy)) in [(1i32, 0i32), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1)].into_iter().enumerate() {
                let place = (tables[from].x as i32 + dx, tables[from].y as i32 + dy);
                let Some(to) = tables.iter().position(|table| (table.x as i32, table.y as i32) == place) else { continue };
                let sent = tables[from].entries.iter().find(|entry| entry.spinnaker_route >> link & 1 == 1).map(|entry| entry.key);
                if let Some(back) = tables[to].entries.iter_mut().find(|entry| Some(entry.key) == sent) {
                    back.spinnaker_route |= 1 << ((link + 3) % 6);
                    return;
                }
            }
        }
        panic!("a network on several chips has links");
    }),
    // out by a link behind which no router knows the key
    ("bad link", "spikes-reach-their-targets", "routes", |_, tables| {
        let entry = entry(tables, |entry| (entry.spinnaker_route & 0x3F).is_power_of_two());
        let link = (entry.spinnaker_route & 0x3F).trailing_zeros();
        entry.spinnaker_route ^= 1 << link | 1 << ((link + 3) % 6);
    }),
    ("missing chip", "chips-exist", "placements", |placements, _| (placements[1].x, placements[1].y) = (7, 0)),
    ("key outside of its mask", "keys-lie-in-their-masks", "routing tables", |_, tables| {
        entry(tables, |entry| entry.mask & 1 == 0).key |= 1
    }),
];

fn entry(tables: &mut [Table], wanted: fn(&TableEntry) -> bool) -> &mut TableEntry {
    tables.iter_mut().flat_map(|table| &mut table.entries).find(|entry| wanted(entry)).expect("such an entry")
}

#[test]
fn every_fault_is_refused_by_us_and_by_pacman() {
    let folder = tempfile::tempdir().unwrap();
    let files = emitted(&compiled(small_config(), "small"), lif_map::Mode::Buffered);
    let good: Vec<NetlistFile> = files.into_iter().filter(|file| file.name.ends_with(".json")).collect();
    let mut words = vec!["-m".to_owned(), "fsvae_spinnaker.pacman_check".to_owned()];
    for (what, rule, _, change) in FAULTS {
        let read = texts(&good, &chip()).unwrap();
        let (mut placements, mut tables) = (read.placements, read.tables);
        change(&mut placements, &mut tables);
        let damaged: Vec<NetlistFile> = good
            .iter()
            .map(|file| match file.name {
                "placements.json" => NetlistFile { name: file.name, bytes: serde_json::to_vec(&placements).unwrap() },
                "routing_tables.json" => NetlistFile { name: file.name, bytes: serde_json::to_vec(&tables).unwrap() },
                _ => file.clone(),
            })
            .collect();
        let error = check(&texts(&damaged, &chip()).unwrap(), &chip()).unwrap_err().to_string();
        assert!(error.contains(&format!("({rule})")), "{what}: {error}");
        let name = what.replace(' ', "-");
        std::fs::create_dir(folder.path().join(&name)).unwrap();
        tools::write(&damaged, &folder.path().join(&name));
        words.push(name);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (_, reports) = tools::json_of(Environment::Spynnaker, folder.path(), &words);
    for ((what, rule, check, _), report) in FAULTS.iter().zip(reports.as_array().unwrap()) {
        let problems = report["problems"].as_array().unwrap();
        let concerned = problems.iter().find(|problem| problem["check"] == **check);
        let words = concerned.unwrap_or_else(|| panic!("PACMAN does not mind: {what}: {problems:?}"))["words"].as_str().unwrap();
        println!("{what}: {rule}; PACMAN: {check}: {words:.100}");
    }
}
