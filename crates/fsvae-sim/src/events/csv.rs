//! Events as comma-separated text (RFC 4180, with `\n` alone between lines).

use lif_sim::Event;

/// The first line.
pub(super) const HEADER: &[u8] = b"image,step,population,neuron\n";

/// A name as a field: in quotes if it holds a comma or a quote.
pub(super) fn field(name: &str) -> String {
    if name.contains([',', '"']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.into() }
}

/// One line for each event.
pub(super) fn lines(image: u32, events: &[Event], names: &[String]) -> Vec<u8> {
    let (mut image_digits, mut digits) = (itoa::Buffer::new(), itoa::Buffer::new());
    let image = image_digits.format(image).as_bytes();
    let mut text = Vec::with_capacity(24 * events.len());
    for event in events {
        text.extend_from_slice(image);
        text.push(b',');
        text.extend_from_slice(digits.format(event.step).as_bytes());
        text.push(b',');
        text.extend_from_slice(names[event.population.index()].as_bytes());
        text.push(b',');
        text.extend_from_slice(digits.format(event.neuron).as_bytes());
        text.push(b'\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use lif_graph::PopulationId;

    #[test]
    fn names_that_would_break_a_line_are_quoted() {
        let names = ["prior.0", "a,b", "say \"hi\""].map(field);
        let events = [0, 1, 2].map(|n| Event { step: n, population: PopulationId(n), neuron: 10 * n });
        let text = String::from_utf8(lines(7, &events, &names)).expect("text");
        assert_eq!(text, "7,0,prior.0,0\n7,1,\"a,b\",10\n7,2,\"say \"\"hi\"\"\",20\n");
    }
}
