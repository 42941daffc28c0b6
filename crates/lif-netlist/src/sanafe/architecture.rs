//! `arch.yaml`: the chip as SANA-FE's architecture description.
//!
//! Times and energies are written in seconds and joules as `<integer>e-12` and `<integer>e-15`: the nearest floating-point numbers to what the chip
//! file says.

use lif_chip::{Between, Chip, Cost, Costs};
use std::fmt::Write;

/// Names of SANA-FE's units, which `snn.yaml` refers to.
pub const SOMA: &str = "lif";
pub const DENSE: &str = "dense";
pub const CONVOLUTION: &str = "convolution";

/// For a mesh of this size; `inputs` neurons of a core can be played in from a record. Routers that hold neurons are `tiles`.
pub fn text(chip: &Chip, costs: &Costs, [columns, rows]: [u32; 2], inputs: u64) -> String {
    let cost = |cost: Option<Cost>| {
        let Cost { time_ps, energy_fj } = cost.unwrap_or_default();
        (time_ps.unwrap_or_default().0, energy_fj.unwrap_or_default().0)
    };
    let mesh_cores = chip.mesh.map_or(1, |mesh| mesh.cores_per_router);
    let mut text = String::new();
    let mut line = |indent: usize, words: String| writeln!(text, "{:indent$}{words}", "").expect("a string grows");
    line(0, format!("# {}: {}", chip.name, chip.description));
    line(0, "architecture:".into());
    line(2, format!("name: {}", chip.name));
    line(2, "attributes:".into());
    line(4, "topology: mesh".into());
    line(4, format!("width: {columns}"));
    line(4, format!("height: {rows}"));
    line(4, format!("link_buffer_size: {}", costs.link_buffer.unwrap_or(u32::MAX)));
    match &costs.barrier {
        Some(barrier) => {
            // SANA-FE reads its table as a staircase
            let last = barrier.table_ps.last().map_or(1, |entry| entry[0]);
            let counts: Vec<u64> = match barrier.between {
                Between::Step => barrier.table_ps.iter().map(|entry| entry[0]).collect(),
                Between::Line => (1..=last).collect(),
            };
            let entries: Vec<String> = counts.iter().map(|&count| format!("{count}: {}e-12", barrier.time(count).0)).collect();
            line(4, "sync_model: table".into());
            line(4, format!("latency_sync: {{ {} }}", entries.join(", ")));
        }
        None => {
            line(4, "sync_model: fixed".into());
            line(4, "latency_sync: 0.0".into());
        }
    }
    line(2, "tile:".into());
    line(4, format!("- name: tile[0..{}]", columns * rows - 1));
    line(6, "attributes:".into());
    for (name, price) in [("north", costs.north_south), ("east", costs.east_west), ("south", costs.north_south), ("west", costs.east_west)]
    {
        let (time, energy) = cost(price);
        line(8, format!("energy_{name}_hop: {energy}e-15"));
        line(8, format!("latency_{name}_hop: {time}e-12"));
    }
    line(6, "core:".into());
    line(8, format!("- name: core[0..{}]", mesh_cores - 1));
    line(10, "attributes:".into());
    line(12, "buffer_position: soma".into());
    line(12, "buffer_inside_unit: false".into());
    line(12, format!("max_neurons_supported: {}", chip.core.neurons_per_core));
    let mut unit = |section: Option<&str>, name: &str, model: Option<&str>, figures: &[(&str, u64, u64)]| {
        section.iter().for_each(|section| line(10, format!("{section}:")));
        line(12, format!("- name: {name}"));
        line(14, "attributes:".into());
        model.iter().for_each(|model| line(16, format!("model: {model}")));
        for (figure, time, energy) in figures {
            line(16, format!("energy_{figure}: {energy}e-15"));
            line(16, format!("latency_{figure}: {time}e-12"));
        }
    };
    let (time, energy) = cost(costs.axon_in);
    unit(Some("axon_in"), "axon_in", None, &[("message_in", time, energy)]);
    let (synapse, convolution) = (cost(costs.synapse), cost(costs.convolution.or(costs.synapse)));
    unit(Some("synapse"), DENSE, Some("current_based"), &[("process_spike", synapse.0, synapse.1)]);
    unit(None, CONVOLUTION, Some("current_based"), &[("process_spike", convolution.0, convolution.1)]);
    unit(Some("dendrite"), "accumulator", Some("accumulator"), &[("update", 0, 0)]);
    let (access, active, spike) = (cost(costs.neuron_inactive.or(costs.neuron_active)), cost(costs.neuron_active), cost(costs.spike));
    let update = (active.0.saturating_sub(access.0), active.1.saturating_sub(access.1));
    let soma =
        [("access_neuron", access), ("update_neuron", update), ("spike_out", spike)].map(|(name, (time, energy))| (name, time, energy));
    unit(Some("soma"), SOMA, Some("leaky_integrate_fire"), &soma);
    if inputs > 0 {
        let free = ["access_neuron", "update_neuron", "spike_out"].map(|name| (name, 0, 0));
        unit(None, &format!("input[0..{}]", inputs - 1), Some("input"), &free);
    }
    let (time, energy) = cost(costs.axon_out);
    unit(Some("axon_out"), "axon_out", None, &[("message_out", time, energy)]);
    text
}
