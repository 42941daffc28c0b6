//! From HDF5.

use std::collections::BTreeMap;

use hdf5_reader::error::Error;
use hdf5_reader::group::Group;
use hdf5_reader::{Dataset, Datatype, H5Type, Hdf5File, OpenOptions};

use crate::{Array, NirError, NirGraph, Node, Padding, Unit};

/// The most nodes and edges that are read.
const MAX_ROWS: usize = 4096;
/// The most numbers that are read from a file: 2^25, forty times a full FSVAE.
const MAX_NUMBERS: usize = 1 << 25;
/// The longest text.
const MAX_TEXT: usize = 4096;

impl NirGraph {
    /// Reads a file of NIR 1.0.
    ///
    /// # Errors
    /// [`NirError::Damaged`], [`NirError::Malformed`], [`NirError::TooLarge`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NirError> {
        let limits = OpenOptions::default()
            .with_chunk_cache_bytes(0)
            .with_max_chunk_bytes(8 * MAX_NUMBERS)
            .with_max_read_bytes(8 * MAX_NUMBERS)
            .with_max_object_header_bytes(1 << 16);
        let file = Hdf5File::from_vec_with_options(bytes.to_vec(), limits).map_err(damaged)?;
        let mut reader = Reader { numbers_left: MAX_NUMBERS };
        let root = Folder::new("", &file.root_group().map_err(damaged)?)?;
        let version = reader.text(&root, "version")?;
        if !version.starts_with("1.") {
            return Err(malformed(format!("it has version {version:?}; 1.0 is read")));
        }
        let node = root.folder("node")?;
        let kind = reader.text(&node, "type")?;
        if kind != "NIRGraph" {
            return Err(malformed(format!("its node is a {kind:?}, not a NIRGraph")));
        }
        let nodes = reader.nodes(&node.folder("nodes")?)?;
        let edges = reader.edges(&node, &nodes)?;
        Ok(Self { nodes, edges })
    }
}

fn damaged(error: Error) -> NirError {
    NirError::Damaged { detail: error.to_string() }
}

fn malformed(detail: String) -> NirError {
    NirError::Malformed { detail }
}

/// A group's members by name.
struct Folder {
    path: String,
    folders: BTreeMap<String, Group>,
    datasets: BTreeMap<String, Dataset>,
}

impl Folder {
    fn new(path: &str, group: &Group) -> Result<Self, NirError> {
        let (folders, datasets) = group.members().map_err(damaged)?;
        if folders.len() + datasets.len() > MAX_ROWS {
            return Err(NirError::TooLarge { detail: format!("{:?} has more than {MAX_ROWS} members", format!("{path}/")) });
        }
        Ok(Self {
            path: path.into(),
            folders: folders.into_iter().map(|group| (group.name().to_owned(), group)).collect(),
            datasets: datasets.into_iter().map(|dataset| (dataset.name().to_owned(), dataset)).collect(),
        })
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    fn folder(&self, name: &str) -> Result<Self, NirError> {
        let path = self.path(name);
        Self::new(&path, self.folders.get(name).ok_or_else(|| malformed(format!("{path:?} is missing")))?)
    }

    fn dataset(&self, name: &str) -> Result<&Dataset, NirError> {
        self.datasets.get(name).ok_or_else(|| malformed(format!("{:?} is missing", self.path(name))))
    }
}

struct Reader {
    numbers_left: usize,
}

impl Reader {
    fn nodes(&mut self, folder: &Folder) -> Result<Vec<Node>, NirError> {
        if let Some(name) = folder.datasets.keys().next() {
            return Err(malformed(format!("{:?} is no group", folder.path(name))));
        }
        let node = |name: &String| Ok(Node { name: name.clone(), unit: self.unit(&folder.folder(name)?)? });
        folder.folders.keys().map(node).collect()
    }

    fn edges(&mut self, folder: &Folder, nodes: &[Node]) -> Result<Vec<(usize, usize)>, NirError> {
        let dataset = folder.dataset("edges")?;
        let count = self.count(folder, "edges", dataset)?;
        if count > 2 * MAX_ROWS {
            return Err(NirError::TooLarge { detail: format!("it has {} edges; at most {MAX_ROWS} are read", count / 2) });
        }
        if count == 0 {
            return Ok(vec![]);
        }
        if dataset.shape().get(1) != Some(&2) || dataset.shape().len() != 2 {
            return Err(malformed(format!("\"/node/edges\" has shape {:?}; pairs of names are needed", dataset.shape())));
        }
        let names = dataset.read_strings().map_err(damaged)?;
        let place = |name: &String| {
            let found = nodes.binary_search_by(|node| node.name.as_str().cmp(name));
            found.map_err(|_| malformed(format!("an edge names {name:?}, and there is no such node")))
        };
        names.as_chunks::<2>().0.iter().map(|[from, to]| Ok((place(from)?, place(to)?))).collect()
    }

    fn unit(&mut self, folder: &Folder) -> Result<Unit, NirError> {
        let kind = self.text(folder, "type")?;
        Ok(match &kind[..] {
            "Input" => Unit::Input { shape: self.extents(folder, "shape")? },
            "Output" => Unit::Output { shape: self.extents(folder, "shape")? },
            "Linear" => Unit::Linear { weight: self.array(folder, "weight")? },
            "Affine" => Unit::Affine { weight: self.array(folder, "weight")?, bias: self.array(folder, "bias")? },
            "Conv2d" => Unit::Conv2d {
                input_shape: if folder.datasets.contains_key("input_shape") { Some(self.pair(folder, "input_shape")?) } else { None },
                weight: self.array(folder, "weight")?,
                stride: self.pair(folder, "stride")?,
                padding: self.padding(folder)?,
                dilation: self.pair(folder, "dilation")?,
                groups: self.extents(folder, "groups")?.first().copied().unwrap_or(1),
                bias: self.array(folder, "bias")?,
            },
            "Flatten" => Unit::Flatten { start_dim: self.integer(folder, "start_dim")?, end_dim: self.integer(folder, "end_dim")? },
            "LIF" => {
                let v_threshold = self.array(folder, "v_threshold")?;
                Unit::Lif {
                    tau: self.array(folder, "tau")?,
                    r: self.array(folder, "r")?,
                    v_leak: self.array(folder, "v_leak")?,
                    v_reset: self.reset(folder, &v_threshold)?,
                    v_threshold,
                }
            }
            "LI" => Unit::Li { tau: self.array(folder, "tau")?, r: self.array(folder, "r")?, v_leak: self.array(folder, "v_leak")? },
            "IF" => {
                let v_threshold = self.array(folder, "v_threshold")?;
                Unit::If { r: self.array(folder, "r")?, v_reset: self.reset(folder, &v_threshold)?, v_threshold }
            }
            _ => Unit::Other { kind },
        })
    }

    /// NIR before 1.0.5 had no `v_reset`; it meant 0.
    fn reset(&mut self, folder: &Folder, threshold: &Array) -> Result<Array, NirError> {
        if folder.datasets.contains_key("v_reset") {
            self.array(folder, "v_reset")
        } else {
            Ok(Array { shape: threshold.shape.clone(), values: vec![0.0; threshold.values.len()] })
        }
    }

    fn padding(&mut self, folder: &Folder) -> Result<Padding, NirError> {
        match folder.dataset("padding")?.dtype() {
            Datatype::String { .. } | Datatype::VarLen { .. } => Ok(Padding::Word(self.text(folder, "padding")?)),
            _ => Ok(Padding::Pixels(self.pair(folder, "padding")?)),
        }
    }

    /// Rows and columns; one number stands for both.
    fn pair(&mut self, folder: &Folder, name: &str) -> Result<[usize; 2], NirError> {
        match self.extents(folder, name)?[..] {
            [both] => Ok([both, both]),
            [rows, columns] => Ok([rows, columns]),
            ref other => Err(malformed(format!("{:?} is {other:?}; rows and columns are needed", folder.path(name)))),
        }
    }

    fn integer(&mut self, folder: &Folder, name: &str) -> Result<i64, NirError> {
        match self.array(folder, name)?.values[..] {
            [value] if value.fract() == 0.0 && value.abs() < 1e9 => Ok(value as i64),
            ref other => Err(malformed(format!("{:?} is {other:?}; an integer is needed", folder.path(name)))),
        }
    }

    fn extents(&mut self, folder: &Folder, name: &str) -> Result<Vec<usize>, NirError> {
        let array = self.array(folder, name)?;
        let sound = array.values.len() <= 8 && array.values.iter().all(|value| value.fract() == 0.0 && (0.0..1e9).contains(value));
        if !sound {
            return Err(malformed(format!("{:?} is no list of a few natural numbers", folder.path(name))));
        }
        Ok(array.values.iter().map(|&value| value as usize).collect())
    }

    /// How many elements a dataset has, if there may be so many more.
    fn count(&mut self, folder: &Folder, name: &str, dataset: &Dataset) -> Result<usize, NirError> {
        let count = dataset.num_elements().map_err(damaged)?;
        let left = usize::try_from(count).ok().and_then(|count| self.numbers_left.checked_sub(count));
        self.numbers_left = left.ok_or_else(|| NirError::TooLarge {
            detail: format!("with {:?} of {count} numbers it has more than {MAX_NUMBERS}", folder.path(name)),
        })?;
        Ok(count as usize)
    }

    fn text(&mut self, folder: &Folder, name: &str) -> Result<String, NirError> {
        let dataset = folder.dataset(name)?;
        let text = if self.count(folder, name, dataset)? == 1 { Some(dataset.read_string().map_err(damaged)?) } else { None };
        text.filter(|text| text.len() <= MAX_TEXT).ok_or_else(|| malformed(format!("{:?} is no short text", folder.path(name))))
    }

    fn array(&mut self, folder: &Folder, name: &str) -> Result<Array, NirError> {
        let dataset = folder.dataset(name)?;
        self.count(folder, name, dataset)?;
        let values = match *dataset.dtype() {
            Datatype::FloatingPoint { size: 4, .. } => numbers::<f32>(dataset, f64::from),
            Datatype::FloatingPoint { size: 8, .. } => numbers::<f64>(dataset, |x| x),
            Datatype::FixedPoint { size: 8, signed: true, .. } => numbers::<i64>(dataset, |x| x as f64),
            Datatype::FixedPoint { size: 8, signed: false, .. } => numbers::<u64>(dataset, |x| x as f64),
            Datatype::FixedPoint { size: 4, signed: true, .. } => numbers::<i32>(dataset, f64::from),
            Datatype::FixedPoint { size: 4, signed: false, .. } => numbers::<u32>(dataset, f64::from),
            ref other => {
                return Err(malformed(format!("{:?} is of type {other:?}; numbers of 32 or 64 bits are needed", folder.path(name))));
            }
        };
        let shape = dataset.shape().iter().map(|&extent| extent as usize).collect();
        Ok(Array { shape, values: values.map_err(damaged)? })
    }
}

fn numbers<T: H5Type + Copy>(dataset: &Dataset, float: impl Fn(T) -> f64) -> Result<Vec<f64>, Error> {
    Ok(dataset.read_array::<T>()?.iter().map(|&value| float(value)).collect())
}
