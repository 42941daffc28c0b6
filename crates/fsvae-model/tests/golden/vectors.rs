//! The golden file, in the layout of this crate: rows time-major, channels last.

use burn::tensor::{Tensor, TensorData};
use fsvae_checkpoint::{Checkpoint, NamedTensor, NetworkConfig, TrainingRecord, expected_tensors};
use fsvae_model::Draws;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;

/// All tensors of the file, converted to f32.
pub struct Golden(BTreeMap<String, (Vec<usize>, Vec<f32>)>);

impl Golden {
    pub fn load() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden_fsvae_small.safetensors");
        let bytes = std::fs::read(path).expect("the golden file is part of the repository");
        let file = SafeTensors::deserialize(&bytes).expect("it is a safetensors file");
        let tensor = |view: safetensors::tensor::TensorView| {
            let data = view.data();
            let values = match view.dtype() {
                Dtype::F32 => data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
                Dtype::F64 => data.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap()) as f32).collect(),
                Dtype::I64 => data.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f32).collect(),
                Dtype::U8 => data.iter().map(|&b| f32::from(b)).collect(),
                other => panic!("unexpected element type {other:?}"),
            };
            (view.shape().to_vec(), values)
        };
        Self(file.tensors().into_iter().map(|(name, view)| (name, tensor(view))).collect())
    }

    pub fn config() -> NetworkConfig {
        NetworkConfig { latent: 32, ways: 8, ..NetworkConfig::fsvae(1) }
    }

    pub fn values(&self, name: &str) -> &[f32] {
        &self.0.get(name).unwrap_or_else(|| panic!("no tensor {name}")).1
    }

    pub fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.keys().filter_map(move |name| name.strip_prefix(prefix))
    }

    /// The parameters before every case.
    pub fn checkpoint(&self) -> Checkpoint {
        let config = Self::config();
        let tensor = |(name, shape): (String, Vec<usize>)| {
            let values = self.values(&format!("param/{name}")).to_vec();
            NamedTensor::f32(name, shape, values)
        };
        let tensors = expected_tensors(&config).into_iter().map(tensor).collect();
        Checkpoint { config, training: TrainingRecord::default(), tensors }
    }

    /// The input images, `[4, 32, 32, 1]`.
    pub fn images(&self, device: &burn::tensor::Device) -> Tensor<4> {
        Tensor::from_data(TensorData::new(self.values("input/x").to_vec(), [4, 32, 32, 1]), device)
    }

    /// The random numbers of a case.
    pub fn draws(&self, case: &str) -> Draws {
        let picks = self.values(&format!("{case}/random_index")).iter().map(|&x| x as i32).collect();
        let mut own = vec![None; 15];
        if case == "train_sched" {
            let mut noise = self.values("train_sched/sched_randn").chunks(4 * 32);
            for (own, &hit) in own.iter_mut().zip(self.values("train_sched/sched_hit")) {
                if hit == 1.0 {
                    *own = noise.next().map(<[f32]>::to_vec);
                }
            }
        }
        Draws { picks, own, components: Vec::new() }
    }

    /// A stored activation `[4, ..., 16]` as `[16, 4, ...]` with `channels` (the axis behind the images) brought to the end.
    pub fn activation(&self, name: &str) -> Vec<f32> {
        let (shape, values) = &self.0.get(name).unwrap_or_else(|| panic!("no tensor {name}"));
        let (images, steps) = (shape[0], *shape.last().unwrap());
        let channels = if shape.len() > 2 { shape[1] } else { 1 };
        let inner: usize = values.len() / (images * steps * channels);
        // The latent stacks' neighbours [N, C, k, T] are neurons in this order already.
        let (channels, inner) = if shape.len() == 4 { (1, channels * inner) } else { (channels, inner) };
        let mut out = Vec::with_capacity(values.len());
        for t in 0..steps {
            for n in 0..images {
                for i in 0..inner {
                    out.extend((0..channels).map(|c| values[((n * channels + c) * inner + i) * steps + t]));
                }
            }
        }
        out
    }
}
