//! One well-formed graph, and for each rule a small change that breaks it.

use super::*;
use miette::Diagnostic;
use std::collections::BTreeSet;

/// Every model and connectivity. `N*1` stands for N times 1.
const WELL_FORMED: &str = "
graph g steps 4

population in source 2x4x4
population map lif 3x2x2 decay 3/2^2 floor shift 2 bits 20 bias [12*0] threshold [10, 11, 12]
population big lif 1x4x4 decay 1/2^2 floor shift 0 bits 20 bias [5] threshold [9]
population flat lif 6x1x1 decay 1/2^2 toward-zero shift 0 bits 16 bias [0] threshold [40]
population pick select 2x1x1 ways 3
population out readout 4x1x1 decay 3/2^2 ceiling shift 1 bits 12 bias [0] levels [255*7]
population photo image 1x4x4 shift 6

projection down from in to map conv size 3 stride 2 padding 1 output-padding 0 delay 0 weights [54*1]
projection up from map to big conv-transpose size 3 stride 2 padding 1 output-padding 1 delay 0 weights [27*1]
projection all from map to flat dense delay 0 weights [72*1]
projection again from pick to flat dense delay 1 weights [12*-1]
projection choose from flat to pick pick delay 0
projection draw from pick to out dense delay 0 weights [8*1]
projection see from photo to big conv size 1 stride 1 padding 0 output-padding 0 delay 0 weights [9]
";

fn graph(text: &str) -> LifGraph {
    let mut text = text.to_string();
    while let Some(star) = text.find('*') {
        let start = text[..star].rfind('[').expect("a list") + 1;
        let end = star + text[star..].find(']').expect("a list");
        let count: usize = text[start..star].parse().expect("a count");
        let list = vec![text[star + 1..end].to_string(); count].join(", ");
        text.replace_range(start..end, &list);
    }
    LifGraph::from_text(&text).expect("a graph")
}

#[test]
fn the_graph_of_these_tests_is_well_formed() {
    assert_eq!(graph(WELL_FORMED).check(), Ok(()));
}

/// A change, the rule that it breaks, and what is said about it.
const BREAKS: &[(&str, &str, &str, &str)] = &[
    ("graph g", "graph \"\"", "names-are-plain", "graph: the name is empty"),
    ("graph g", "graph \"\\u{7}\"", "names-are-plain", "graph: the name holds a control character"),
    ("n up ", "n all ", "names-are-unique", "projection `all`: an earlier projection has this name"),
    ("steps 4", "steps 0", "steps-are-bounded", "graph: 0 steps, and 1 to 65535 are allowed"),
    ("steps 4", "steps 65536", "steps-are-bounded", "graph: 65536 steps, and 1 to 65535 are allowed"),
    (
        "4x1x1",
        "4294967295x4096x4096",
        "shapes-are-bounded",
        "population `out`: shape 4294967295x4096x4096, and 1 to 16777216 neurons, with at least one channel and 1 to 4096 rows and columns, are allowed",
    ),
    (
        "size 3 stride 2 padding 1 output-padding 0",
        "size 33 stride 0 padding 1 output-padding 0",
        "kernels-are-bounded",
        "projection `down`: kernel of size 33, stride 0, padding 1, output padding 0, and size and stride of 1 to 32, paddings of 0 to 32 are allowed",
    ),
    (
        "to out dense delay 0 weights [8*1]",
        "to #9 dense delay 0 weights []",
        "ids-are-in-range",
        "projection `draw`: target is population 9, and there are 7",
    ),
    (
        "threshold [10, 11, 12]",
        "threshold [10, 11]",
        "parameters-fit-shape",
        "population `map`: threshold has 2 values, and the population has 3 channels and 12 neurons",
    ),
    (
        "bias [5]",
        "bias []",
        "parameters-fit-shape",
        "population `big`: bias has 0 values, and the population has 1 channels and 16 neurons",
    ),
    (
        "bias [5]",
        "bias [17*5]",
        "parameters-fit-shape",
        "population `big`: bias has 17 values, and the population has 1 channels and 16 neurons",
    ),
    ("3/2^2 floor", "4/2^2 floor", "decay-is-below-one", "population `map`: decay 4/2^2"),
    ("3/2^2 floor", "3/2^25 floor", "decay-is-below-one", "population `map`: decay 3/2^25"),
    ("bits 12", "bits 33", "membrane-is-representable", "population `out`: membrane of 33 bits"),
    ("shift 2 ", "shift 16 ", "membrane-is-representable", "population `map`: input shift 16"),
    (
        "threshold [10, 11, 12]",
        "threshold [10, -3, 12]",
        "thresholds-are-not-negative",
        "population `map`: threshold -3 at index 1 is negative",
    ),
    ("[255*7]", "[254*7]", "pixel-levels-ascend", "population `out`: 254 pixel levels"),
    (
        "population big lif 1x4x4",
        "population big lif 1x4x5",
        "shapes-fit-connectivity",
        "projection `up`: transposed convolution of 2x2 (size 3, stride 2, padding 1, output padding 1) gives 4 rows and 4 columns, and population `big` has 4x5",
    ),
    (
        "output-padding 0 delay 0 weights [54*1]",
        "output-padding 1 delay 0 weights [54*1]",
        "shapes-fit-connectivity",
        "projection `down`: output padding 1 in a convolution of stride 2",
    ),
    (
        "[54*1]",
        "[53*1]",
        "weights-fit-connectivity",
        "projection `down`: 53 weights, and 54 are needed (2 source channels x 3 target channels x 3 x 3)",
    ),
    ("[72*1]", "[71*1]", "weights-fit-connectivity", "projection `all`: 71 weights, and 72 are needed (6 targets x 12 sources)"),
    (
        "pick delay 0",
        "pick delay 0 weights [1]",
        "weights-fit-connectivity",
        "projection `choose`: 1 weights, and 0 are needed (a pick has none)",
    ),
    ("ways 3", "ways 2", "select-has-one-pick", "projection `choose`: 1-of-2 picks for 2 channels from 6 source channels"),
    (
        "to flat dense delay 1 weights [12*-1]",
        "to pick dense delay 1 weights [4*-1]",
        "select-has-one-pick",
        "population `pick`: a select stage with 2 incoming projections",
    ),
    (
        "to flat dense delay 1 weights [12*-1]",
        "to flat pick delay 1",
        "pick-feeds-select",
        "projection `again`: a pick into population `flat`, which is no select stage",
    ),
    (
        "to flat dense delay 0 weights [72*1]",
        "to in dense delay 1 weights [384*1]",
        "source-has-no-input",
        "projection `all`: ends in population `in`, whose spikes come from outside",
    ),
    (
        "from pick to flat dense delay 1 weights [12*-1]",
        "from out to flat dense delay 1 weights [24*-1]",
        "readout-has-no-output",
        "projection `again`: starts at population `out`, a read-out, which never fires",
    ),
    ("photo image 1x4x4 shift 6", "photo image 1x4x4 shift 25", "image-shift-is-bounded", "population `photo`: an image of shift 25"),
    (
        "from photo to big conv size 1 stride 1 padding 0 output-padding 0 delay 0",
        "from photo to big conv size 1 stride 1 padding 0 output-padding 0 delay 1",
        "image-drives-membranes",
        "projection `see`: delay 1 behind population `photo`, an image, which is the same at every step",
    ),
    (
        "from photo to big conv size 1 stride 1 padding 0 output-padding 0 delay 0 weights [9]",
        "from photo to pick pick delay 0",
        "image-drives-membranes",
        "projection `see`: a pick from population `photo`, an image, which never fires",
    ),
    (
        "from photo to big conv size 1 stride 1 padding 0 output-padding 0 delay 0 weights [9]",
        "from map to photo dense delay 0 weights [192*1]",
        "source-has-no-input",
        "projection `see`: ends in population `photo`, whose pixels come from outside",
    ),
    ("dense delay 1", "dense delay 2", "delay-is-zero-or-one", "projection `again`: delay 2"),
    ("dense delay 1", "dense delay 0", "loops-are-delayed", "graph: projections of delay 0 form the loop `flat` -> `pick` -> `flat`"),
    (
        "shift 1 bits 12 bias [0] levels [255*7]\n",
        "shift 15 bits 32 bias [0] levels [255*7]\npopulation wide source 1100x1x1\nprojection much from wide to out dense delay 0 weights [4400*127]\n",
        "input-fits",
        "population `out`: weights may sum to 139702 in one step, 34 bits with the input shift of 15, and 32 is the limit",
    ),
    (
        "bits 12 bias [0]",
        "bits 8 bias [50]",
        "membrane-fits",
        "population `out`: the membrane may reach 149 within 4 steps, which takes 9 bits, and it has 8",
    ),
];

#[test]
fn each_rule_says_what_is_wrong_and_what_to_do() {
    let mut all = String::new();
    for &(from, to, rule, message) in BREAKS {
        assert_eq!(WELL_FORMED.matches(from).count(), 1, "{from} must stand once in the text");
        let violations = graph(&WELL_FORMED.replace(from, to)).check().expect_err(message);
        let said: Vec<String> = violations.iter().map(|violation| violation.to_string()).collect();
        assert!(said.contains(&format!("{message} ({rule})")), "`{to}` gives {said:#?} and not {message}");
        let code = violations.code().map(|code| code.to_string()).unwrap_or_default();
        let help = violations.help().map(|help| help.to_string()).unwrap_or_default();
        assert!(!help.is_empty(), "{rule} has no remedy");
        all += &format!("{code} {violations}\n  help: {help}\n\n");
    }
    insta::assert_snapshot!("broken_rules", all);
}

#[test]
fn tables_are_bounded() {
    let mut many = graph(WELL_FORMED);
    many.populations = (0..=MAX_POPULATIONS).map(|n| Population { name: format!("p{n}"), ..many.populations[0].clone() }).collect();
    many.projections.clear();
    assert_eq!(many.check().unwrap_err().to_string(), "graph: 4097 populations, and 4096 is the limit (tables-are-bounded)");
    let none = graph("graph g steps 1");
    assert_eq!(none.check().unwrap_err().to_string(), "graph: no populations (tables-are-bounded)");
}

#[test]
fn every_rule_has_a_test() {
    let tested: BTreeSet<&str> = BREAKS.iter().map(|&(_, _, rule, _)| rule).chain(["tables-are-bounded"]).collect();
    let rules: BTreeSet<&str> = RULES.iter().chain(RANGE_RULES).map(|rule| rule.name).collect();
    assert_eq!(tested, rules);
}

#[test]
fn all_violations_are_reported_at_once() {
    let mut graph = graph(WELL_FORMED);
    graph.steps = 0;
    graph.projections[3].delay = 7;
    let violations = graph.check().expect_err("two violations");
    assert_eq!(
        violations.to_string(),
        "the graph breaks rules in 2 places\n  E021 graph: 0 steps, and 1 to 65535 are allowed (steps-are-bounded)\n  E027 projection `again`: delay 7 (delay-is-zero-or-one)"
    );
    assert_eq!(violations.code().map(|code| code.to_string()).as_deref(), Some("E021"));
    let help = violations.help().map(|help| help.to_string());
    assert_eq!(help.as_deref(), Some("change the number of steps; set the delay to 0 (this step) or 1 (the next)"));
}
