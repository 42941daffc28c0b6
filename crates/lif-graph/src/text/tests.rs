//! Texts there and back, and what is said about texts that are none.

use super::lexer::quoted;
use crate::random::well_formed_graph;
use crate::testing::small;
use crate::{LifGraph, PopulationId};
use proptest::prelude::*;

#[test]
fn a_graph_as_text() {
    insta::assert_snapshot!(small().to_text());
}

#[test]
fn a_graph_in_short() {
    insta::assert_snapshot!(small().summary());
}

#[test]
fn layout_and_comments_do_not_matter() {
    let text = "graph   g ; a comment\n steps\n2 ;; another ] \"\n\npopulation in source 1x1x1";
    let graph = LifGraph::from_text(text).expect("a graph");
    assert_eq!(graph.to_text(), "graph g steps 2\n\npopulation in source 1x1x1\n");
}

#[test]
fn ill_formed_graphs_can_be_written_down() {
    let mut graph = small();
    graph.name = "spaces, \"quotes\", \\ and \n control".into();
    graph.populations[1].name = graph.populations[0].name.clone();
    graph.populations[2].name = String::new();
    graph.projections[0].target = PopulationId(77);
    graph.projections[2].weights = vec![1];
    assert_eq!(LifGraph::from_text(&graph.to_text()), Ok(graph));
}

/// The text before `//!` is parsed; what stands behind it is the error.
#[track_caller]
fn fails(text: &str) {
    let (line, expected) = text
        .lines()
        .zip(1..)
        .find_map(|(line, number)| line.split_once("//! ").map(|(_, message)| (number, message)))
        .expect("a test case says what is wrong");
    let source: Vec<&str> = text.lines().map(|line| line.split("//!").next().expect("always one")).collect();
    let error = LifGraph::from_text(&source.join("\n")).expect_err("an error");
    assert_eq!(error.to_string(), format!("line {line}: {expected}"));
}

#[test]
fn errors_name_the_line_and_the_word() {
    fails("//! expected `graph`, found the end");
    fails("graph g steps -1 //! `-1` is no whole number in the range of `steps`");
    fails("graph a=b steps 1 //! expected a name (in quotes if it has other characters than letters, digits and _.->+:/), found `a=b`");
    fails("graph \"g //! a quoted name ends on its line with `\"`\ncontinued\" steps 1");
    fails("graph \"\\u{d800}\" steps 1 //! `\\u{d800}` is no character");
    fails("graph g steps 1\nneuron //! expected `population` or `projection`, found `neuron`");
    fails("graph g steps 1\npopulation p lif 1x1 //! expected a shape such as 32x4x4, found `1x1`");
    fails("graph g steps 1\npopulation p fancy 1x1x1 //! expected `lif`, `select`, `readout`, `source` or `draw`, found `fancy`");
    fails("graph g steps 1\npopulation p lif 1x1x1 decay 1/4 //! expected a decay such as 1024/2^12, found `1/4`");
    fails("graph g steps 1\npopulation p lif 1x1x1 decay 1/2^2 up //! expected `toward-zero`, `floor` or `ceiling`, found `up`");
    let membrane = "graph g steps 1\npopulation p lif 1x1x1 decay 1/2^2 floor shift 0 bits 24";
    fails(&format!("{membrane} bias 0 //! expected `[` after `bias`, found `0`"));
    fails(&format!("{membrane} bias [0 1] //! expected `,` or `]`, found `1`"));
    fails(&format!("{membrane} bias [0,\n] //! expected a whole number for `bias`, found `]`"));
    fails(&format!("{membrane} bias [0]\n //! expected `threshold`, found the end"));
    let ends = "graph g steps 1\npopulation p source 1x1x1\nprojection x from p to";
    fails(&format!("{ends} q dense delay 0 weights [1] //! there is no population `q`"));
    fails(&format!("{ends} p sparse //! expected `dense`, `conv`, `conv-transpose` or `pick`, found `sparse`"));
    fails(&format!("{ends} p dense delay 0 weights [128] //! `128` is no whole number in the range of `weights`"));
    fails(&format!("{ends} \"p //! a quoted name ends on its line with `\"`"));
}

proptest! {
    #[test]
    fn what_was_printed_is_parsed(graph in well_formed_graph()) {
        prop_assert_eq!(LifGraph::from_text(&graph.to_text()), Ok(graph));
    }

    #[test]
    fn any_name_survives(name in any::<String>()) {
        let graph = LifGraph { name, ..small() };
        prop_assert_eq!(LifGraph::from_text(&graph.to_text()), Ok(graph));
    }

    #[test]
    fn quoted_names_stay_on_their_line(name in any::<String>()) {
        prop_assert!(!quoted(&name).contains(char::is_control));
    }

    /// Words of the language in a wild order: an error or a graph, never a panic.
    #[test]
    fn no_text_is_a_panic(words in proptest::collection::vec(word(), 0..30)) {
        let text = format!("graph g steps 3 {}", words.join(" "));
        if let Ok(graph) = LifGraph::from_text(&text) {
            prop_assert_eq!(LifGraph::from_text(&graph.to_text()), Ok(graph));
        }
    }

    #[test]
    fn no_damage_is_a_panic(graph in well_formed_graph(), place in any::<usize>(), with in any::<char>()) {
        let mut text: Vec<char> = graph.to_text().chars().collect();
        let place = place % text.len();
        text[place] = with;
        if let Ok(graph) = LifGraph::from_text(&text.into_iter().collect::<String>()) {
            prop_assert_eq!(LifGraph::from_text(&graph.to_text()), Ok(graph));
        }
    }
}

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[
            "population",
            "projection",
            "p",
            "q",
            "\"a b\"",
            "#0",
            "lif",
            "source",
            "select",
            "readout",
            "1x1x1",
            "3x2x2",
            "decay",
            "1/2^2",
            "floor",
            "shift",
            "1",
            "bits",
            "24",
            "bias",
            "[0]",
            "[",
            "]",
            ",",
            "threshold",
            "levels",
            "ways",
            "from",
            "to",
            "dense",
            "conv",
            "delay",
            "weights",
            "[1, 2]",
            ";",
            "\n",
        ][..],
    )
}
