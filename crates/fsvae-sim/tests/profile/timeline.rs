//! The Perfetto file against the rules of the trace event format, and against the profile.

use super::Folder;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the format demands of an event (Google, "Trace Event Format"): a phase that is known, the fields of that phase, of the right type.
fn well_formed(event: &Value) -> bool {
    let number = |key: &str| event[key].is_number();
    let text = |key: &str| event[key].is_string();
    let common = number("pid") && number("tid") && text("name");
    let timed = common && event["ts"].as_f64().is_some_and(|ts| ts >= 0.0);
    match event["ph"].as_str() {
        Some("M") => common && event["args"]["name"].is_string(),
        Some("X") => timed && event["dur"].as_f64().is_some_and(|length| length > 0.0),
        Some("s") => timed && number("id") && text("cat"),
        Some("f") => timed && number("id") && text("cat") && event["bp"] == "e",
        Some("C") => timed && event["args"].as_object().is_some_and(|args| args.values().all(Value::is_number)),
        _ => false,
    }
}

fn picoseconds(event: &Value, key: &str) -> u64 {
    (event[key].as_f64().unwrap() * 1e6).round() as u64
}

#[test]
fn a_timeline_of_every_stage() {
    let folder = Folder::new();
    let profile = folder.json(&["profile", "tiny.lif", "--target", "sanafe-loihi", "--trace", "run.json", "--json"]);
    assert_eq!(profile["files"], serde_json::json!(["run.json"]));
    let trace: Value = serde_json::from_slice(&std::fs::read(folder.path("run.json")).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    events.iter().for_each(|event| assert!(well_formed(event), "{event}"));
    let of = |phase: &str| events.iter().filter(|event| event["ph"] == phase).collect::<Vec<_>>();

    // a process for each core beside that of the chip, and its four threads
    let threads = of("M").into_iter().filter(|event| event["name"] == "thread_name").count();
    assert_eq!(threads, 1 + 4 * profile["cores"].as_array().unwrap().len());

    // spans of a thread do not overlap
    let mut last: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let mut spans = of("X");
    spans.sort_by_key(|event| picoseconds(event, "ts"));
    for event in &spans {
        let end = last.entry((event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap())).or_default();
        assert!(*end <= picoseconds(event, "ts"), "{event}");
        *end = picoseconds(event, "ts") + picoseconds(event, "dur");
    }

    // threads are as busy as the profile says
    let busy = |thread: u64| -> u64 {
        let inside = spans.iter().filter(|event| event["pid"] != 0 && event["tid"] == thread && event["name"] != "stalled");
        inside.map(|event| picoseconds(event, "dur")).sum()
    };
    let stage =
        |name: &str| profile["stages"].as_array().unwrap().iter().find(|stage| stage["name"] == name).unwrap()["busy_ps"].as_u64().unwrap();
    assert_eq!(busy(2), stage("axon out"));
    // the picks of the select stage are one span
    let picks = profile["cores"].as_array().unwrap().iter().filter(|core| core["population"] == "select").count() as u64 * 16;
    let latent = 4 * 16;
    assert_eq!(busy(3) + (latent - picks) * 16_000, stage("axon in"));
    assert_eq!(busy(3) + busy(4), stage("axon in") + stage("synapses") + stage("synapses of convolutions"));

    // every arrow has two ends, and does not fly back in time
    let mut begins = BTreeMap::new();
    of("s").into_iter().for_each(|event| assert!(begins.insert(event["id"].as_u64(), picoseconds(event, "ts")).is_none()));
    for event in of("f") {
        let begin = begins.remove(&event["id"].as_u64()).expect("an arrow begins before it ends");
        assert!(begin <= picoseconds(event, "ts"));
    }
    assert!(begins.is_empty());
    assert_eq!(of("s").len() as u64, profile["packets"].as_u64().unwrap());

    // in the end no packet is on its way
    let counters = of("C");
    let flying = counters.iter().filter(|event| event["name"] == "packets on their way").max_by_key(|event| picoseconds(event, "ts"));
    assert_eq!(flying.unwrap()["args"]["value"], 0);
}
