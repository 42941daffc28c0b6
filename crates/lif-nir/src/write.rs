//! To HDF5.

use hdf5_writer::{DatasetBuilder, Error, Hdf5Builder, WriteOptions};

use crate::{Array, NirError, NirGraph, Padding, Unit};

/// The version of NIR that is written.
const VERSION: &str = "1.0.8";

impl NirGraph {
    /// The file that `nir.read` of Python's `nir` package reads; the same graph gives the same bytes.
    ///
    /// # Errors
    /// [`NirError::Inexpressible`] for a [`Unit::Other`], whose parameters are not known, and for names that HDF5 does not take.
    pub fn to_bytes(&self) -> Result<Vec<u8>, NirError> {
        let mut file = Writer(Hdf5Builder::new());
        file.text("version", VERSION)?;
        file.text("node/type", "NIRGraph")?;
        let names: Vec<&str> = self.edges.iter().flat_map(|&(from, to)| [from, to]).map(|node| &self.nodes[node].name[..]).collect();
        file.add(DatasetBuilder::vlen_string_data("node/edges", [names.len() as u64 / 2, 2], &names))?;
        for node in &self.nodes {
            if node.name.contains('/') || [".", "..", ""].contains(&&node.name[..]) {
                return Err(NirError::Inexpressible { place: format!("node {:?}", node.name), reason: "HDF5 has no such name".into() });
            }
            file.unit(&format!("node/nodes/{}", node.name), &node.name, &node.unit)?;
        }
        file.0.into_plan().and_then(|plan| plan.encode(WriteOptions::default())).map_err(|error| inexpressible("the file", error))
    }
}

fn inexpressible(place: &str, error: Error) -> NirError {
    NirError::Inexpressible { place: place.into(), reason: error.to_string() }
}

struct Writer(Hdf5Builder);

impl Writer {
    fn unit(&mut self, path: &str, name: &str, unit: &Unit) -> Result<(), NirError> {
        self.text(&format!("{path}/type"), unit.kind())?;
        let member = |name: &str| format!("{path}/{name}");
        let mut floats = |name: &str, array: &Array| self.floats(&member(name), array);
        match unit {
            Unit::Input { shape } | Unit::Output { shape } => {
                let shape: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
                self.integers(&member("shape"), Some(shape.len()), &shape)
            }
            Unit::Linear { weight } => floats("weight", weight),
            Unit::Affine { weight, bias } => floats("weight", weight).and_then(|()| floats("bias", bias)),
            Unit::Conv2d { input_shape, weight, stride, padding, dilation, groups, bias } => {
                floats("weight", weight)?;
                floats("bias", bias)?;
                let mut pair = |name: &str, pair: [usize; 2]| self.integers(&member(name), Some(2), &pair.map(|x| x as i64));
                if let Some(shape) = input_shape {
                    pair("input_shape", *shape)?;
                }
                pair("stride", *stride)?;
                pair("dilation", *dilation)?;
                match padding {
                    Padding::Pixels(pixels) => pair("padding", *pixels)?,
                    Padding::Word(word) => self.text(&member("padding"), word)?,
                }
                self.integers(&member("groups"), None, &[*groups as i64])
            }
            Unit::Flatten { start_dim, end_dim } => {
                self.integers(&member("start_dim"), None, &[*start_dim])?;
                self.integers(&member("end_dim"), None, &[*end_dim])
            }
            Unit::Lif { tau, r, v_leak, v_threshold, v_reset } => {
                let parameters = [("tau", tau), ("r", r), ("v_leak", v_leak), ("v_threshold", v_threshold), ("v_reset", v_reset)];
                parameters.into_iter().try_for_each(|(name, array)| floats(name, array))
            }
            Unit::Li { tau, r, v_leak } => {
                [("tau", tau), ("r", r), ("v_leak", v_leak)].into_iter().try_for_each(|(name, array)| floats(name, array))
            }
            Unit::If { r, v_threshold, v_reset } => {
                let parameters = [("r", r), ("v_threshold", v_threshold), ("v_reset", v_reset)];
                parameters.into_iter().try_for_each(|(name, array)| floats(name, array))
            }
            Unit::Other { kind } => {
                Err(NirError::Inexpressible { place: format!("node {name:?}"), reason: format!("the parameters of a {kind} are not kept") })
            }
        }
    }

    fn text(&mut self, path: &str, text: &str) -> Result<(), NirError> {
        self.add(DatasetBuilder::vlen_string_data(path, Vec::<u64>::new(), &[text]))
    }

    fn floats(&mut self, path: &str, array: &Array) -> Result<(), NirError> {
        let shape: Vec<u64> = array.shape.iter().map(|&extent| extent as u64).collect();
        self.add(DatasetBuilder::typed_data(path, shape, &array.values))
    }

    /// A list, or, without a length, one number.
    fn integers(&mut self, path: &str, length: Option<usize>, values: &[i64]) -> Result<(), NirError> {
        let shape: Vec<u64> = length.into_iter().map(|length| length as u64).collect();
        self.add(DatasetBuilder::typed_data(path, shape, values))
    }

    fn add(&mut self, dataset: Result<DatasetBuilder, Error>) -> Result<(), NirError> {
        let dataset = dataset.map_err(|error| inexpressible("a dataset", error))?;
        self.0 = std::mem::take(&mut self.0).dataset(dataset);
        Ok(())
    }
}
