//! A graph that takes an image is refused, by name.

use lif_graph::LifGraph;
use lif_netlist::backend;
use miette::Diagnostic;

#[test]
fn an_image_cannot_be_written() {
    let text = "graph g steps 2
        population photo image 1x2x2 shift 3
        population out lif 1x1x1 decay 1024/2^12 toward-zero shift 7 bits 24 bias [0] threshold [640]
        projection see from photo to out dense delay 0 weights [1, 2, 3, 4]";
    let graph = LifGraph::from_text(text).expect("a graph");
    let error = backend("loihi").unwrap().check(&graph, &lif_chip::find("loihi2").unwrap()).expect_err("it has an image");
    let place = "photo: its pixels enter as currents, which this netlist cannot hold (images-are-not-injected)";
    assert_eq!(error.to_string(), format!("the graph does not fit loihi2\n{place}"));
    let help = error.help().map(|help| help.to_string());
    assert_eq!(help.as_deref(), Some("write the netlist of the generator, which needs no image (fsvae-compile --network generate)"));
}
