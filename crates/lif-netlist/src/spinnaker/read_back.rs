//! From the files to the graph, and to a machine that runs them.
//!
//! The tables `populations` and `projections` say what the graph says. Nothing is believed: lengths come from the arrays that are there, and
//! whoever calls [`graph`] emits it again and compares.

use super::netlist::{MembraneRow, Model, Netlist, Pattern, Placement, PopulationRow, ProjectionRow, Table};
use super::{ARRAYS_FILE, COMPRESSED_TABLES_FILE, NETLIST_FILE, PLACEMENTS_FILE, TABLES_FILE};
use crate::npz::StoredArrays;
use crate::{NetlistError, NetlistFile};
use lif_chip::Chip;
use lif_graph::{Connectivity, LifGraph, Membrane, NeuronModel, PixelTable, Population, PopulationId, Projection, Shape};
use serde::de::DeserializeOwned;

/// What stands in the netlist's text files.
pub struct Texts {
    /// `netlist.json`.
    pub netlist: Netlist,
    /// `placements.json`.
    pub placements: Vec<Placement>,
    /// `routing_tables.json`.
    pub tables: Vec<Table>,
    /// `compressed_tables.json`.
    pub compressed: Vec<Table>,
}

/// Reads the text files of a netlist for this chip.
///
/// # Errors
/// [`NetlistError::Damaged`] for a file that is missing, no such text, or for another chip.
pub fn texts(files: &[NetlistFile], chip: &Chip) -> Result<Texts, NetlistError> {
    let netlist: Netlist = text(files, NETLIST_FILE)?;
    if netlist.chip != chip.name {
        return Err(damaged(NETLIST_FILE, format!("it is for {}, and not for {}", netlist.chip, chip.name)));
    }
    let placements = text(files, PLACEMENTS_FILE)?;
    Ok(Texts { netlist, placements, tables: text(files, TABLES_FILE)?, compressed: text(files, COMPRESSED_TABLES_FILE)? })
}

fn text<T: DeserializeOwned>(files: &[NetlistFile], name: &'static str) -> Result<T, NetlistError> {
    serde_json::from_slice(&file(files, name)?.bytes).map_err(|error| damaged(name, error))
}

/// The file of this name.
pub fn file<'f>(files: &'f [NetlistFile], name: &'static str) -> Result<&'f NetlistFile, NetlistError> {
    files.iter().find(|file| file.name == name).ok_or_else(|| damaged(name, "it is missing"))
}

pub fn damaged(file: &'static str, cause: impl ToString) -> NetlistError {
    NetlistError::Damaged { file, cause: cause.to_string() }
}

/// The graph, as far as the files make one; it may break every rule.
pub fn graph(files: &[NetlistFile], netlist: &Netlist) -> Result<LifGraph, NetlistError> {
    let arrays = StoredArrays::new(ARRAYS_FILE, &file(files, ARRAYS_FILE)?.bytes)?;
    let mut reader = Reader { netlist, arrays };
    Ok(LifGraph {
        name: netlist.name.clone(),
        steps: netlist.schedule.steps,
        populations: netlist.populations.iter().map(|row| reader.population(row)).collect::<Result<_, _>>()?,
        projections: netlist.projections.iter().map(|row| reader.projection(row)).collect::<Result<_, _>>()?,
    })
}

struct Reader<'a> {
    netlist: &'a Netlist,
    arrays: StoredArrays<'a>,
}

impl Reader<'_> {
    fn population(&mut self, row: &PopulationRow) -> Result<Population, NetlistError> {
        let [channels, height, width] = row.layout;
        let model = match &row.model {
            Model::Lif { membrane, thresholds } => {
                NeuronModel::Lif { membrane: self.membrane(membrane)?, threshold: self.arrays.read(thresholds)? }
            }
            Model::Readout { membrane, levels } => {
                let pixels = PixelTable { levels: self.arrays.read(levels)? };
                NeuronModel::Readout { membrane: self.membrane(membrane)?, pixels }
            }
            Model::Select { ways } => NeuronModel::Select { ways: *ways },
            Model::Source => NeuronModel::Source,
            Model::Image { shift } => NeuronModel::Image { shift: *shift },
        };
        Ok(Population { name: row.name.clone(), shape: Shape { channels, height, width }, model })
    }

    fn membrane(&mut self, row: &MembraneRow) -> Result<Membrane, NetlistError> {
        let bias = self.arrays.read(&row.biases)?;
        Ok(Membrane { decay: row.decay, input_shift: row.input_shift, bias, bits: row.membrane_bits })
    }

    fn projection(&mut self, row: &ProjectionRow) -> Result<Projection, NetlistError> {
        let id = |name: &str| {
            let found = self.netlist.populations.iter().position(|population| population.name == name);
            found.map(PopulationId::from_index).ok_or_else(|| damaged(NETLIST_FILE, format!("there is no population {name:?}")))
        };
        let (source, target) = (id(&row.source)?, id(&row.target)?);
        let connectivity = match row.pattern {
            Pattern::Dense => Connectivity::Dense,
            Pattern::Conv2d(kernel) => Connectivity::Conv2d(kernel),
            Pattern::ConvTranspose2d(kernel) => Connectivity::ConvTranspose2d(kernel),
            Pattern::Pick => Connectivity::Pick,
        };
        let weights = self.arrays.read(&row.weights)?;
        Ok(Projection { name: row.name.clone(), source, target, delay: row.delay, connectivity, weights })
    }
}
