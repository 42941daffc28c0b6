//! From the network and its mapping to the files.

use super::arithmetic::Constants;
use super::netlist::{
    EdgeRow, Keys, MembraneRow, Model, Netlist, Pattern, Place, Placement, PopulationRow, ProjectionRow, RoleRow, Root, Schedule, SliceRow,
    System, Table, TableEntry, VertexRow,
};
use super::network::{Network, Role};
use super::rules::Suited;
use super::{ARRAYS_FILE, COMPRESSED_TABLES_FILE, NETLIST_FILE, PLACEMENTS_FILE, SYNAPSES_FILE, TABLES_FILE};
use crate::npz::Arrays;
use crate::{NetlistError, NetlistFile, json};
use lif_graph::{Connectivity, LifGraph, Membrane, NeuronModel, Population, Shape};
use lif_map::route::table::Entry;
use lif_map::{Mapping, PlacedSlice, Topology};

/// Writes all files; the same network and mapping give the same bytes.
pub fn files(suited: &Suited<'_>, mapping: &Mapping) -> Result<Vec<NetlistFile>, NetlistError> {
    let (placements, tables, compressed) = placed(mapping);
    let mut writer = Writer { arrays: Arrays::new(ARRAYS_FILE) };
    let netlist = writer.netlist(suited, mapping)?;
    let mut synapses = Arrays::new(SYNAPSES_FILE);
    for (row, edge) in netlist.edges.iter().zip(&suited.rows) {
        let name = |part| format!("{}/{part}", row.synapses);
        synapses.add(&name("starts"), &[edge.starts.len()], &edge.starts)?;
        synapses.add(&name("post"), &[edge.targets.len()], &edge.targets)?;
        synapses.add(&name("weight"), &[edge.weights.len()], &edge.weights)?;
    }
    let file = |name, bytes| NetlistFile { name, bytes };
    Ok(vec![
        file(NETLIST_FILE, json::lines(&netlist)),
        file(ARRAYS_FILE, writer.arrays.finish()?),
        file(SYNAPSES_FILE, synapses.finish()?),
        file(PLACEMENTS_FILE, json::table(&placements)),
        file(TABLES_FILE, json::table(&tables)),
        file(COMPRESSED_TABLES_FILE, json::table(&compressed)),
    ])
}

/// Placements, complete tables and the tables that routers are loaded with, as PACMAN writes them.
fn placed(mapping: &Mapping) -> (Vec<Placement>, Vec<Table>, Vec<Table>) {
    let labels = labels(&mapping.slices);
    let placement = |(slice, (label, _)): (&PlacedSlice, &(String, [u32; 2]))| Placement {
        vertex_label: label.clone(),
        x: slice.x,
        y: slice.y,
        p: slice.core,
    };
    let complete = mapping.complete_tables.iter().map(|table| {
        let needed = table.entries.iter().map(|entry| table_entry(entry, false));
        let straight_on = table.defaultable.iter().map(|entry| table_entry(entry, true));
        Table { x: table.x, y: table.y, entries: needed.chain(straight_on).collect() }
    });
    let compressed = mapping.routing_tables.iter().map(|table| {
        let entries = table.entries.iter().map(|entry| table_entry(entry, false)).collect();
        Table { x: table.x, y: table.y, entries }
    });
    (mapping.slices.iter().zip(&labels).map(placement).collect(), complete.collect(), compressed.collect())
}

fn table_entry(entry: &Entry, defaultable: bool) -> TableEntry {
    // the mapper has cores of the chip file alone, and a rule keeps their numbers below 18
    TableEntry { key: entry.keys.key, mask: entry.keys.mask, defaultable, spinnaker_route: entry.route.bits().unwrap_or(0) }
}

/// Label, first and last neuron of each slice.
fn labels(slices: &[PlacedSlice]) -> Vec<(String, [u32; 2])> {
    let of_vertex = |slices: &[PlacedSlice]| {
        let mut first = 0;
        let label = |slice: &PlacedSlice| {
            let last = first + slice.region.neurons() as u32 - 1;
            let label = (format!("{}({first}:{last})", slice.population), [first, last]);
            first = last + 1;
            label
        };
        slices.iter().map(label).collect::<Vec<_>>()
    };
    slices.chunk_by(|a, b| a.population == b.population).flat_map(of_vertex).collect()
}

struct Writer {
    arrays: Arrays,
}

impl Writer {
    fn netlist(&mut self, suited: &Suited<'_>, mapping: &Mapping) -> Result<Netlist, NetlistError> {
        let (network, graph) = (&suited.network, suited.network.graph);
        let populations: Result<Vec<_>, _> = graph.populations.iter().enumerate().map(|row| self.population(network, row)).collect();
        let projections: Result<Vec<_>, _> = (0..graph.projections.len()).map(|index| self.projection(graph, index)).collect();
        let vertices: Result<Vec<_>, _> = (0..network.vertices.len()).map(|index| self.vertex(suited, index)).collect();
        let edge = |(index, edge): (usize, &super::network::Edge)| EdgeRow {
            name: edge.name.clone(),
            source: network.vertices[edge.source].name.clone(),
            target: network.vertices[edge.target].name.clone(),
            delay: network.plan.delay(edge),
            synapses: folder("edges", index, &edge.name),
            count: suited.rows[index].targets.len(),
        };
        Ok(Netlist {
            format: "lif-netlist/spinnaker".into(),
            version: 1,
            name: graph.name.clone(),
            fingerprint: graph.fingerprint(),
            chip: mapping.chip.clone(),
            schedule: Schedule {
                mode: network.mode,
                steps: graph.steps,
                milliseconds: 1,
                ticks_per_step: network.plan.ticks_per_step,
                ticks_per_image: network.plan.ticks_per_image(graph.steps),
            },
            system: System {
                columns: mapping.system.columns,
                rows: mapping.system.rows,
                torus: mapping.system.topology == Topology::HexagonalTorus,
            },
            populations: populations?,
            projections: projections?,
            vertices: vertices?,
            edges: network.edges.iter().enumerate().map(edge).collect(),
            slices: slices(mapping),
        })
    }

    fn array<T: ndarray_npy::WritableElement>(&mut self, folder: &str, name: &str, values: &[T]) -> Result<String, NetlistError> {
        let name = format!("{folder}/{name}");
        self.arrays.add(&name, &[values.len()], values)?;
        Ok(name)
    }

    fn population(&mut self, network: &Network<'_>, (index, row): (usize, &Population)) -> Result<PopulationRow, NetlistError> {
        let folder = folder("populations", index, &row.name);
        let model = match &row.model {
            NeuronModel::Lif { membrane, threshold } => {
                Model::Lif { membrane: self.membrane(&folder, membrane)?, thresholds: self.array(&folder, "thresholds", threshold)? }
            }
            NeuronModel::Readout { membrane, pixels } => {
                Model::Readout { membrane: self.membrane(&folder, membrane)?, levels: self.array(&folder, "levels", &pixels.levels)? }
            }
            NeuronModel::Select { ways } => Model::Select { ways: *ways },
            NeuronModel::Source => Model::Source,
            NeuronModel::Image { shift } => Model::Image { shift: *shift },
        };
        let fires = |vertex: &super::network::Vertex| vertex.name == row.name && matches!(vertex.role, Role::Neurons { .. });
        let on = if network.vertices.iter().any(fires) { Place::Machine } else { Place::Host };
        Ok(PopulationRow { name: row.name.clone(), layout: layout(row.shape), on, model })
    }

    fn membrane(&mut self, folder: &str, membrane: &Membrane) -> Result<MembraneRow, NetlistError> {
        let biases = self.array(folder, "biases", &membrane.bias)?;
        Ok(MembraneRow { decay: membrane.decay, input_shift: membrane.input_shift, biases, membrane_bits: membrane.bits })
    }

    fn projection(&mut self, graph: &LifGraph, index: usize) -> Result<ProjectionRow, NetlistError> {
        let row = &graph.projections[index];
        let weights = self.array(&folder("projections", index, &row.name), "weights", &row.weights)?;
        let [source, target] = [row.source, row.target].map(|end| graph.population(end).name.clone());
        let pattern = match row.connectivity {
            Connectivity::Dense => Pattern::Dense,
            Connectivity::Conv2d(kernel) => Pattern::Conv2d(kernel),
            Connectivity::ConvTranspose2d(kernel) => Pattern::ConvTranspose2d(kernel),
            Connectivity::Pick => Pattern::Pick,
        };
        Ok(ProjectionRow { name: row.name.clone(), source, target, delay: row.delay, pattern, weights })
    }

    fn vertex(&mut self, suited: &Suited<'_>, index: usize) -> Result<VertexRow, NetlistError> {
        let (network, vertex) = (&suited.network, &suited.network.vertices[index]);
        let role = match &vertex.role {
            Role::Neurons { constants, thresholds } => {
                let thresholds: Vec<i32> = (0..vertex.shape.neurons()).map(|neuron| vertex.shape.value_of(thresholds, neuron)).collect();
                RoleRow::Neurons {
                    constants: *constants,
                    leak: leak(network, index, constants),
                    thresholds: self.array(&folder("vertices", index, &vertex.name), "thresholds", &thresholds)?,
                    worst_ring: suited.worst[index],
                }
            }
            Role::Given(id) => RoleRow::Given { population: network.graph.population(*id).name.clone() },
            Role::Picks { ways } => RoleRow::Picks { ways: *ways },
            Role::Clock => RoleRow::Clock,
        };
        let (name, neurons, layout) = (vertex.name.clone(), vertex.shape.neurons(), layout(vertex.shape));
        Ok(VertexRow { name, neurons, layout, first_tick: network.plan.first_ticks[index], role })
    }
}

/// The leak of a tick in real numbers.
fn leak(network: &Network<'_>, vertex: usize, constants: &Constants) -> Root {
    let population = network.graph.find(&network.vertices[vertex].name).map(|id| network.graph.population(id));
    match population.map(|population| &population.model) {
        Some(NeuronModel::Lif { membrane, .. }) if *constants != Constants::GATE => {
            Root { multiplier: membrane.decay.multiplier, shift: membrane.decay.shift, ticks: network.plan.ticks_per_step }
        }
        _ => Root { multiplier: 0, shift: 15, ticks: 1 },
    }
}

fn slices(mapping: &Mapping) -> Vec<SliceRow> {
    let labels = labels(&mapping.slices);
    let mut targets = vec![Vec::new(); mapping.slices.len()];
    mapping.edges.iter().for_each(|edge| targets[edge.source as usize].push(labels[edge.target as usize].0.clone()));
    let mut rows = Vec::new();
    for ((slice, label), targets) in mapping.slices.iter().zip(&labels).zip(targets) {
        rows.push(SliceRow {
            label: label.0.clone(),
            vertex: slice.population.clone(),
            neurons: label.1,
            channels: slice.region.channels,
            rows: slice.region.rows,
            columns: slice.region.columns,
            keys: slice.keys.map(|block| Keys { key: block.key, mask: block.mask }),
            targets,
        });
    }
    rows
}

fn layout(shape: Shape) -> [u32; 3] {
    [shape.channels, shape.height, shape.width]
}

/// Where the arrays of a row of a table stand: unique by its number, and a path that every file system takes when the archive is unpacked.
fn folder(table: &str, row: usize, name: &str) -> String {
    let harmless = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.replace("->", "-to-").chars().map(harmless).collect();
    format!("{table}/{row}-{name}")
}
