//! An encoder and its reference statistics in a file of the user's own, as safetensors.
//!
//! ```text
//!   encoder.{i}.weight [out, in, 3, 3]  .bias [out]  .bn.weight|bias|running_mean|running_var [out]      F32
//!   latent.weight [latent, bottleneck]  .bias [latent]                                                   F32
//!   ref.mu, ref_eval_bn.mu [latent]     ref.sigma, ref_eval_bn.sigma [latent, latent]                    F64: batch and running statistics
//!   anchors [2, 2]     training images, noise: published and running variant                             F64, need not be there
//! ```

use crate::error::FadError;
use crate::{Encoder, Fad, Gaussian, Normalisation, Reference};
use nalgebra::{DMatrix, DVector};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;

/// Strided layers of the deepest encoder that is read.
const MAX_LAYERS: usize = 10;

/// The parameters of an encoder by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Weights {
    /// Named tensors: shape and numbers, row-major.
    pub fn new(tensors: impl IntoIterator<Item = (String, Vec<usize>, Vec<f32>)>) -> Self {
        Self { tensors: tensors.into_iter().map(|(name, shape, numbers)| (name, (shape, numbers))).collect() }
    }

    /// The encoder that they are.
    ///
    /// # Errors
    /// [`FadError`] when one is missing, of a wrong shape or not finite.
    pub fn encoder(&self) -> Result<Encoder, FadError> {
        let layers = (0..MAX_LAYERS).take_while(|i| self.tensors.contains_key(&format!("encoder.{i}.weight"))).count();
        let mut inputs = self.tensor("encoder.0.weight")?.0.get(1).copied().unwrap_or(0);
        let mut blocks = Vec::new();
        for i in 0..layers {
            let outputs = self.tensor(&format!("encoder.{i}.weight"))?.0.first().copied().unwrap_or(0);
            let weight = self.of_shape(&format!("encoder.{i}.weight"), &[outputs, inputs, 3, 3])?;
            let of_channels = |part: &str| self.of_shape(&format!("encoder.{i}.{part}"), &[outputs]);
            let [gamma, beta, mean] = [of_channels("bn.weight")?, of_channels("bn.bias")?, of_channels("bn.running_mean")?];
            let variance = of_channels("bn.running_var")?;
            if variance.iter().any(|x| *x < 0.0) {
                return Err(FadError::Wrong { tensor: format!("encoder.{i}.bn.running_var"), what: "holds a negative variance".into() });
            }
            blocks.push(([outputs, inputs], weight, of_channels("bias")?, [gamma, beta, mean, variance]));
            inputs = outputs;
        }
        let latents = self.tensor("latent.bias")?.1.len();
        let width = self.tensor("latent.weight")?.0.get(1).copied().unwrap_or(0);
        let area = width / inputs.max(1);
        let side = (1..=64usize).find(|side| side * side == area);
        let (Some(side), true, true) = (side, width == area * inputs, latents > 0) else {
            let what = format!("takes {width} numbers, which are no square feature maps of {inputs} channels");
            return Err(FadError::Wrong { tensor: "latent.weight".into(), what });
        };
        let weight = self.of_shape("latent.weight", &[latents, width])?;
        Ok(Encoder::from_parts(side << layers, blocks, (weight, self.of_shape("latent.bias", &[latents])?)))
    }

    fn tensor(&self, name: &str) -> Result<&(Vec<usize>, Vec<f32>), FadError> {
        self.tensors.get(name).ok_or_else(|| FadError::Wrong { tensor: name.to_owned(), what: "is missing".into() })
    }

    fn of_shape(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, FadError> {
        let wrong = |what: String| FadError::Wrong { tensor: name.to_owned(), what };
        let (shape, numbers) = self.tensor(name)?;
        if shape != expected || expected.contains(&0) || numbers.len() != expected.iter().product::<usize>() {
            return Err(wrong(format!("has the shape {shape:?}; it must be {expected:?}")));
        }
        match numbers.iter().find(|x| !x.is_finite()) {
            Some(x) => Err(wrong(format!("holds {x}"))),
            None => Ok(numbers.clone()),
        }
    }

    /// The file: these parameters and a reference that was fitted with them.
    pub fn with(&self, reference: &Reference) -> Vec<u8> {
        let bytes_of = |numbers: &[f32]| -> Vec<u8> { numbers.iter().flat_map(|x| x.to_le_bytes()).collect() };
        let doubles = |numbers: Vec<f64>| -> Vec<u8> { numbers.iter().flat_map(|x| x.to_le_bytes()).collect() };
        let mut tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
        for (name, (shape, numbers)) in &self.tensors {
            tensors.insert(name.clone(), (Dtype::F32, shape.clone(), bytes_of(numbers)));
        }
        for (name, kind) in [("ref", Normalisation::Batch), ("ref_eval_bn", Normalisation::Running)] {
            let Gaussian { mean, covariance } = reference.gaussian(kind);
            let size = mean.len();
            tensors.insert(format!("{name}.mu"), (Dtype::F64, vec![size], doubles(mean.iter().copied().collect())));
            // Symmetric: its columns are its rows.
            tensors.insert(format!("{name}.sigma"), (Dtype::F64, vec![size, size], doubles(covariance.iter().copied().collect())));
        }
        if let [training, noise] = reference.anchors() {
            let numbers = [training.fad, noise.fad].iter().flat_map(|fad| [fad.published, fad.running]).collect();
            tensors.insert("anchors".to_owned(), (Dtype::F64, vec![2, 2], doubles(numbers)));
        }
        let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
            (name, TensorView::new(*dtype, shape.clone(), bytes).expect("bytes and shape were made for each other"))
        });
        safetensors::serialize(views, None).expect("sizes are known")
    }
}

impl Reference {
    /// Reads a file that [`Weights::with`] made.
    ///
    /// # Errors
    /// [`FadError`] when it is another file or a damaged one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FadError> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| FadError::NotSafetensors { reason: e.to_string() })?;
        let mut weights = Weights::default();
        for (name, view) in
            file.iter().filter(|(name, view)| view.dtype() == Dtype::F32 && (name.starts_with("encoder.") || name.starts_with("latent.")))
        {
            let numbers = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            weights.tensors.insert(name.to_owned(), (view.shape().to_vec(), numbers));
        }
        let encoder = weights.encoder()?;
        let size = encoder.latents();
        let doubles = |name: &str, shape: &[usize]| -> Result<Vec<f64>, FadError> {
            let wrong = |what: &str| FadError::Wrong { tensor: name.to_owned(), what: what.to_owned() };
            let view = file.tensor(name).map_err(|_| wrong("is missing"))?;
            if view.dtype() != Dtype::F64 || view.shape() != shape {
                return Err(wrong(&format!("is {:?} of shape {:?}; it must be F64 of shape {shape:?}", view.dtype(), view.shape())));
            }
            let numbers: Vec<f64> = view.data().as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
            if numbers.iter().all(|x| x.is_finite()) { Ok(numbers) } else { Err(wrong("holds a number that is not finite")) }
        };
        let gaussian = |name: &str| -> Result<Gaussian, FadError> {
            let mean = DVector::from_vec(doubles(&format!("{name}.mu"), &[size])?);
            let covariance = DMatrix::from_row_slice(size, size, &doubles(&format!("{name}.sigma"), &[size, size])?);
            Ok(Gaussian { mean, covariance })
        };
        let mut reference = Self::from_parts(encoder, gaussian("ref")?, gaussian("ref_eval_bn")?);
        if file.tensor("anchors").is_ok() {
            let [a, b, c, d] = doubles("anchors", &[2, 2])?[..] else { unreachable!("the shape was checked") };
            reference.set_anchors(Fad { published: a, running: b }, Fad { published: c, running: d });
        }
        Ok(reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miette::Diagnostic;

    fn weights() -> Weights {
        let mut state = 1u32;
        let mut number = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let mut tensors = Vec::new();
        for (i, [inputs, outputs]) in [[3, 4], [4, 5]].into_iter().enumerate() {
            let mut tensor = |name: &str, shape: &[usize], offset: f32| {
                let numbers = (0..shape.iter().product()).map(|_| number() + offset).collect();
                tensors.push((format!("encoder.{i}.{name}"), shape.to_vec(), numbers));
            };
            tensor("weight", &[outputs, inputs, 3, 3], 0.0);
            ["bias", "bn.bias", "bn.running_mean"].into_iter().for_each(|name| tensor(name, &[outputs], 0.0));
            ["bn.weight", "bn.running_var"].into_iter().for_each(|name| tensor(name, &[outputs], 1.0));
        }
        tensors.push(("latent.weight".into(), vec![6, 20], (0..120).map(|_| number()).collect()));
        tensors.push(("latent.bias".into(), vec![6], (0..6).map(|_| number()).collect()));
        Weights::new(tensors)
    }

    /// Smooth colour pictures of side 8.
    fn images(count: usize, shift: f32) -> Vec<f32> {
        (0..count * 192).map(|i| ((i % 192) as f32 * 0.1 + (i / 192 * 37 % 101) as f32 + shift).sin()).collect()
    }

    fn fitted() -> Reference {
        let batches = [Ok::<_, FadError>(images(256, 0.0)), Ok(images(44, 0.3))];
        Reference::fit(weights().encoder().unwrap(), batches).unwrap()
    }

    #[test]
    fn a_fitted_reference_survives_its_file() {
        let mut reference = fitted();
        let probe = images(64, 0.5);
        reference.set_anchors(reference.fad_of([Ok::<_, FadError>(probe.clone())]).unwrap(), Fad { published: 1.0, running: 2.0 });
        let bytes = weights().with(&reference);
        let back = Reference::from_bytes(&bytes).unwrap();
        assert_eq!(weights().with(&back), bytes);
        assert_eq!(crate::fad(&back, &probe), crate::fad(&reference, &probe));
        assert_eq!(back.anchors()[0].fad, crate::fad(&back, &probe));
        let own = crate::fad(&back, &[images(256, 0.0), images(44, 0.3)].concat());
        assert!(own.published.abs() < 1e-6 && own.running.abs() < 1e-6, "the test set is its own reference: {own:?}");
        assert_eq!((back.encoder.side(), back.encoder.channels()), (8, 3));
    }

    #[test]
    fn colours_are_channels_not_places() {
        // Channel by channel outside, channels last inside: a picture that is constant in space, but not in colour.
        let encoder = weights().encoder().unwrap();
        let flat: Vec<f32> = [0.5, -0.25, 1.0].iter().flat_map(|&colour| vec![colour; 64]).collect();
        let swapped: Vec<f32> = [-0.25, 0.5, 1.0].iter().flat_map(|&colour| vec![colour; 64]).collect();
        let latent = |image: &[f32]| encoder.encode(image, Normalisation::Running);
        assert_ne!(latent(&flat), latent(&swapped));
        let (shape, kernel) = weights().tensors["encoder.0.weight"].clone();
        let mut exchanged = weights();
        let exchange = |at: usize| [1, 0, 2][at / 9 % 3] * 9 + at / 27 * 27 + at % 9;
        exchanged.tensors.insert("encoder.0.weight".into(), (shape, (0..kernel.len()).map(|at| kernel[exchange(at)]).collect()));
        let other = exchanged.encoder().unwrap().encode(&swapped, Normalisation::Running);
        assert!(other.iter().zip(latent(&flat)).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn other_files_are_told() {
        let code = |bytes: &[u8]| Reference::from_bytes(bytes).unwrap_err().code().unwrap().to_string();
        let whole = weights().with(&fitted());
        assert_eq!(code(b""), "E194");
        assert_eq!(code(&whole[..whole.len() / 2]), "E194");
        type Change = fn(&mut Weights);
        let changes: [Change; 5] = [
            |w| drop(w.tensors.remove("encoder.1.bn.bias")),
            |w| w.tensors.get_mut("encoder.1.weight").unwrap().0[1] = 3,
            |w| w.tensors.get_mut("latent.bias").unwrap().1[2] = f32::NAN,
            |w| w.tensors.get_mut("encoder.0.bn.running_var").unwrap().1[0] = -1.0,
            |w| w.tensors.get_mut("latent.weight").unwrap().0 = vec![8, 15],
        ];
        let messages = changes.map(|change| {
            let mut changed = weights();
            change(&mut changed);
            changed.encoder().unwrap_err().to_string()
        });
        insta::assert_snapshot!(messages.join("\n"));
    }
}
