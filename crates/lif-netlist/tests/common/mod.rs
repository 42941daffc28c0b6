//! A netlist's files as data.

use lif_netlist::NetlistFile;
use lif_netlist::loihi::{ARRAYS_FILE, Kind, NETLIST_FILE, Netlist};
use ndarray::{ArrayD, IxDyn, OwnedRepr};
use ndarray_npy::{NpzReader, ReadableElement};
use std::io::Cursor;

/// A netlist with its arrays.
pub struct Files {
    pub netlist: Netlist,
    arrays: Vec<u8>,
}

impl Files {
    pub fn read(files: &[NetlistFile]) -> Self {
        let bytes = |name| files.iter().find(|file| file.name == name).map(|file| file.bytes.clone()).expect("the file was written");
        Self { netlist: serde_json::from_slice(&bytes(NETLIST_FILE)).expect("the netlist reads"), arrays: bytes(ARRAYS_FILE) }
    }

    pub fn array<T: ReadableElement>(&self, name: &str) -> ArrayD<T> {
        let mut reader = NpzReader::new(Cursor::new(&self.arrays[..])).expect("an npz file");
        reader.by_name::<OwnedRepr<T>, IxDyn>(name).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn integers<T: ReadableElement + Copy + Into<i64>>(&self, name: &str) -> Vec<i64> {
        self.array::<T>(name).iter().map(|&value| value.into()).collect()
    }

    /// Name, type, shape and values of every array, in the file's order.
    pub fn arrays_as_text(&self) -> String {
        let names = NpzReader::new(Cursor::new(&self.arrays[..])).expect("an npz file").names().expect("names");
        let describe = |name: &String| {
            let (kind, shape, values) = match name.rsplit('/').next().expect("a last part") {
                "bias_mant" | "data" | "weights" | "bias+" | "bias-" | "bias+7" | "bias-7" => {
                    ("i16", self.array::<i16>(name).shape().to_vec(), self.integers::<i16>(name))
                }
                "kernels" => ("i8", self.array::<i8>(name).shape().to_vec(), self.integers::<i8>(name)),
                "bias_exp" => ("u8", self.array::<u8>(name).shape().to_vec(), self.integers::<u8>(name)),
                _ => ("i32", self.array::<i32>(name).shape().to_vec(), self.integers::<i32>(name)),
            };
            let listed: Vec<String> = values.iter().take(24).map(i64::to_string).collect();
            let rest = if values.len() > 24 { format!(" ... sum {}", values.iter().sum::<i64>()) } else { String::new() };
            format!("{name} {kind} {shape:?}: {}{rest}\n", listed.join(" "))
        };
        names.iter().map(describe).collect()
    }

    /// Target, source and weight of every synapse of a `Dense` or `Sparse`.
    pub fn synapses(&self, name: &str) -> Vec<(usize, usize, i64)> {
        let process = self.netlist.processes.iter().find(|process| process.name == name).expect("a process of this name");
        match &process.kind {
            Kind::Dense { shape, weights, .. } => {
                let weights = self.array::<i16>(weights);
                assert_eq!(weights.shape(), shape);
                let pairs = (0..shape[0]).flat_map(|target| (0..shape[1]).map(move |source| (target, source)));
                pairs.map(|(target, source)| (target, source, i64::from(weights[[target, source]]))).collect()
            }
            Kind::Sparse { shape, data, indices, indptr, .. } => {
                let (data, indices, starts) = (self.integers::<i16>(data), self.integers::<i32>(indices), self.integers::<i32>(indptr));
                assert_eq!(starts.len(), shape[0] + 1);
                let row = |target: usize| starts[target] as usize..starts[target + 1] as usize;
                assert!((0..shape[0]).all(|target| indices[row(target)].is_sorted_by(|a, b| a < b)), "columns ascend");
                let entries = (0..shape[0]).flat_map(|target| row(target).map(move |at| (target, at)));
                entries.map(|(target, at)| (target, indices[at] as usize, data[at])).collect()
            }
            other => panic!("{name} is {other:?}"),
        }
    }
}
