//! From the files to the graph.
//!
//! The tables `populations` and `projections` say what the processes stand for, the processes have the parameters. Nothing is believed:
//! lengths come from the arrays that are there, and whoever calls this emits the graph again and compares.

use super::netlist::{Model, Netlist, Pattern, PopulationRow, Process, ProjectionRow};
use super::{damaged, files_of};
use crate::NetlistError;
use crate::npz::StoredArrays;
use crate::{NetlistFile, loihi::ARRAYS_FILE, loihi::NETLIST_FILE};
use lif_chip::Chip;
use lif_graph::{Connectivity, Decay, LifGraph, Membrane, NeuronModel, PixelTable, Population, PopulationId, Projection, Rounding, Shape};
use std::collections::BTreeMap;

/// The graph, as far as the files make one; it may break every rule.
pub fn graph(files: &[NetlistFile], chip: &Chip) -> Result<LifGraph, NetlistError> {
    let [netlist, arrays] = files_of(files)?;
    let netlist: Netlist = serde_json::from_slice(&netlist.bytes).map_err(|error| damaged(NETLIST_FILE, error))?;
    if netlist.chip != chip.name {
        return Err(damaged(NETLIST_FILE, format!("it is for {}, and not for {}", netlist.chip, chip.name)));
    }
    let processes = netlist.processes.iter().map(|process| (process.name(), process)).collect();
    let arrays = StoredArrays::new(ARRAYS_FILE, &arrays.bytes)?;
    /// For a chip whose file does not limit its synapses: 256 MB of them.
    const ROOM: u64 = 1 << 28;
    let room = chip.core.synapses_per_chip.unwrap_or(ROOM);
    let mut reader = Reader { netlist: &netlist, chip, processes, arrays, room };
    Ok(LifGraph {
        name: netlist.name.clone(),
        steps: netlist.schedule.steps,
        populations: netlist.populations.iter().map(|row| reader.population(row)).collect::<Result<_, _>>()?,
        projections: netlist.projections.iter().map(|row| reader.projection(row)).collect::<Result<_, _>>()?,
    })
}

struct Reader<'a> {
    netlist: &'a Netlist,
    chip: &'a Chip,
    processes: BTreeMap<&'a str, &'a Process>,
    arrays: StoredArrays<'a>,
    /// How many weights of sparse projections may still be laid out: those take memory that the files do not.
    room: u64,
}

impl Reader<'_> {
    fn population(&mut self, row: &PopulationRow) -> Result<Population, NetlistError> {
        let [channels, height, width] = row.layout;
        let model = match row.model {
            Model::Lif { membrane_bits, biases, thresholds } => {
                let (membrane, vth, neurons) = self.membrane(row, membrane_bits, biases)?;
                let threshold = vth.checked_shl(self.chip.threshold.shift_bits.into()).unwrap_or(vth);
                // all neurons share it, however long the list was; no list is longer than the population
                NeuronModel::Lif { membrane, threshold: vec![threshold; thresholds.min(neurons)] }
            }
            Model::Readout { membrane_bits, biases } => {
                let (membrane, ..) = self.membrane(row, membrane_bits, biases)?;
                let output = self.netlist.outputs.iter().find(|output| output.process == row.name);
                let output = output.ok_or_else(|| missing("output", &row.name))?;
                NeuronModel::Readout { membrane, pixels: PixelTable { levels: self.arrays.read(&output.levels)? } }
            }
            Model::Select { ways } => NeuronModel::Select { ways },
            Model::Source => NeuronModel::Source,
            Model::Draw { channel } => NeuronModel::Draw { channel },
        };
        Ok(Population { name: row.name.clone(), shape: Shape { channels, height, width }, model })
    }

    /// The membrane, the threshold's mantissa, and how many neurons there are.
    fn membrane(&mut self, row: &PopulationRow, bits: u8, biases: usize) -> Result<(Membrane, i32, usize), NetlistError> {
        let Some(Process::PhasedLIF { dv, vth, bias_mant, bias_exp, .. }) = self.processes.get(&row.name[..]) else {
            return Err(missing("PhasedLIF", &row.name));
        };
        let (mantissas, exponents): (Vec<i16>, Vec<u8>) = (self.arrays.read(bias_mant)?, self.arrays.read(bias_exp)?);
        let neurons: Vec<i32> =
            mantissas.iter().zip(exponents).map(|(&mantissa, exponent)| i32::from(mantissa) << (exponent & 15)).collect();
        let every = (neurons.len() / biases.max(1)).max(1); // a channel's first neuron has the channel's bias
        let unity = 1u32 << self.chip.decay.bits;
        let decay = Decay { multiplier: unity.saturating_sub(*dv), shift: self.chip.decay.bits, rounding: Rounding::TowardZero };
        let bias = neurons.iter().copied().step_by(every).collect();
        Ok((Membrane { decay, input_shift: self.chip.input_shift(), bias, bits }, *vth, neurons.len()))
    }

    fn projection(&mut self, row: &ProjectionRow) -> Result<Projection, NetlistError> {
        let id = |name: &str| {
            let found = self.netlist.populations.iter().position(|population| population.name == name);
            found.map(PopulationId::from_index).ok_or_else(|| missing("population", name))
        };
        let (source, target) = (id(&row.source)?, id(&row.target)?);
        let (connectivity, weights) = match &row.pattern {
            Pattern::Dense => (Connectivity::Dense, self.dense(&row.name)?),
            Pattern::Conv2d(unrolled) => (Connectivity::Conv2d(unrolled.kernel), self.arrays.read(&unrolled.kernels)?),
            Pattern::ConvTranspose2d(unrolled) => (Connectivity::ConvTranspose2d(unrolled.kernel), self.arrays.read(&unrolled.kernels)?),
            Pattern::Pick => (Connectivity::Pick, vec![]),
        };
        Ok(Projection { name: row.name.clone(), source, target, delay: row.delay, connectivity, weights })
    }

    /// All weights `[target][source]` of a dense projection, whichever process it became.
    fn dense(&mut self, name: &str) -> Result<Vec<i8>, NetlistError> {
        let step = self.chip.synapse.mixed_sign_step as i16;
        let on_graph = |weight: &i16| (weight / step) as i8;
        match self.processes.get(name) {
            Some(Process::Dense { weights, .. }) => Ok(self.arrays.read::<i16>(weights)?.iter().map(on_graph).collect()),
            Some(Process::Sparse { shape, data, indices, indptr, .. }) => {
                let places = shape[0].checked_mul(shape[1]).filter(|&places| places as u64 <= self.room);
                let places = places.ok_or_else(|| damaged(NETLIST_FILE, format!("{name} is larger than the chip")))?;
                self.room -= places as u64;
                let mut weights = vec![0; places];
                let data: Vec<i16> = self.arrays.read(data)?;
                let (sources, starts): (Vec<i32>, Vec<i32>) = (self.arrays.read(indices)?, self.arrays.read(indptr)?);
                if !starts.is_sorted() {
                    return Err(damaged(ARRAYS_FILE, format!("{indptr}: its rows overlap")));
                }
                for (target, row) in starts.windows(2).enumerate() {
                    for synapse in row[0].max(0) as usize..row[1].max(0) as usize {
                        let (source, weight) = sources.get(synapse).zip(data.get(synapse)).ok_or_else(|| missing("synapses", name))?;
                        let place = target.checked_mul(shape[1]).and_then(|place| place.checked_add(*source as usize));
                        *place.and_then(|place| weights.get_mut(place)).ok_or_else(|| missing("such neurons", name))? = on_graph(weight);
                    }
                }
                Ok(weights)
            }
            _ => Err(missing("Dense or Sparse", name)),
        }
    }
}

fn missing(what: &str, name: &str) -> NetlistError {
    damaged(NETLIST_FILE, format!("there is no {what} for {name:?}"))
}
