//! This crate against the original program: every spike, loss, gradient and statistic that was stored of it.

mod vectors;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use fsvae_checkpoint::{Checkpoint, TrainingRecord};
use fsvae_model::network::Watch;
use fsvae_model::snapshot::values;
use fsvae_model::{Pass, Phase, Picks, PriorLoss, Recipe, RollOut, Trainer, device};
use std::collections::BTreeMap;
use vectors::Golden;

/// The published recipe with the published, exact roll-out.
fn trainer(golden: &Golden, prior_loss: PriorLoss) -> Trainer {
    let recipe = Recipe { batch: 4, roll_out: RollOut::Prefix, prior_loss, ..Recipe::default() };
    Trainer::from_checkpoint(&golden.checkpoint(), &recipe, &device()).expect("the parameters fit")
}

fn same_spikes(golden: &Golden, name: &str, ours: &[f32]) {
    let theirs = golden.activation(name);
    assert_eq!(theirs.len(), ours.len(), "{name}");
    let flips = theirs.iter().zip(ours).filter(|(a, b)| a != b).count();
    assert_eq!(flips, 0, "{name}: {flips} of {} spikes differ", ours.len());
}

fn close(what: &str, ours: &[f32], theirs: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "{what}: differs by {worst:e}, allowed are {tolerance:e}");
}

/// Within `share` of the largest entry.
fn close_relative(what: &str, ours: &[f32], theirs: &[f32], share: f32) {
    let largest = theirs.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    close(what, ours, theirs, share * largest);
}

/// Keeps the spikes of the convolutional layers.
#[derive(Default)]
struct Layers(BTreeMap<String, Vec<f32>>, BTreeMap<String, Vec<f32>>);

impl Watch for Layers {
    fn pictures(&mut self, layer: &str, spikes: &dyn Fn() -> Tensor<4>) {
        let spikes = spikes();
        let [rows, height, width, channels] = spikes.dims();
        self.0.insert(layer.into(), values(&spikes));
        self.1.insert(layer.into(), values(&spikes.reshape([rows, height * width, channels]).sum_dim(1)));
    }
    fn spikes(&mut self, layer: &str, spikes: &Tensor<2>) {
        self.0.insert(layer.into(), values(spikes));
        self.1.insert(layer.into(), values(&spikes.clone().sum_dim(1)));
    }
}

impl Layers {
    /// Whatever the case stores of the layers.
    fn check(&self, golden: &Golden, case: &str) {
        let mut compared = 0;
        for name in golden.names(&format!("{case}/")) {
            let (whole, sums) = (name.strip_suffix(".spikes"), name.strip_suffix(".spike_sum_hw"));
            let (layer, ours) = match (whole, sums) {
                (Some(layer), _) => (layer, &self.0),
                (_, Some(layer)) => (layer, &self.1),
                _ => continue,
            };
            same_spikes(golden, &format!("{case}/{name}"), &ours[layer]);
            compared += 1;
        }
        assert!(compared >= 9, "{case}: only {compared} layers were compared");
    }
}

fn check_latent(golden: &Golden, case: &str, pass: &Pass) {
    for (name, ours) in [("q_z", &pass.q), ("p_z", &pass.p), ("sampled_z", &pass.z), ("prior_input_last", &pass.prior_previous)] {
        same_spikes(golden, &format!("{case}/{name}"), &values(ours));
    }
}

fn check_inputs(golden: &Golden, case: &str, pass: &Pass) {
    let both = Tensor::cat(vec![pass.encoded.clone(), pass.posterior_previous.clone()], 1);
    same_spikes(golden, &format!("{case}/latent_x"), &values(&pass.encoded));
    same_spikes(golden, &format!("{case}/posterior_input_last"), &values(&both));
    let pre_tanh = format!("{case}/pre_tanh");
    close(&pre_tanh, &values(&pass.pre_tanh), golden.values(&pre_tanh), 1e-4);
}

fn check_losses(golden: &Golden, case: &str, pass: &Pass, target: &Tensor<4>) {
    for (name, kind) in [("mmd", PriorLoss::Mmd), ("kld", PriorLoss::Kld)] {
        let (mse, prior) = pass.losses(target.clone(), kind, &Golden::config());
        close(&format!("{case}/mse"), &values(&mse), golden.values(&format!("{case}/mse")), 1e-5);
        let weighted = prior.clone() * kind.weight();
        let theirs: Vec<f32> = golden.values(&format!("{case}/{name}")).iter().map(|x| x * kind.weight()).collect();
        close(&format!("{case}/{name}"), &values(&weighted), &theirs, 1e-5);
        close_relative(&format!("{case}/{name}"), &values(&prior), golden.values(&format!("{case}/{name}")), 1e-5);
        let loss = mse + weighted;
        close(&format!("{case}/loss_{name}"), &values(&loss), golden.values(&format!("{case}/loss_{name}")), 1e-5);
    }
}

#[test]
fn inference() {
    let golden = Golden::load();
    let mut model = trainer(&golden, PriorLoss::Mmd).model.valid();
    let images = golden.images(&device());
    for roll_out in [RollOut::Prefix, RollOut::Carried] {
        let mut layers = Layers::default();
        let pass = model.pass(images.clone(), &golden.draws("eval"), roll_out, Phase::Inference, &mut layers);
        layers.check(&golden, "eval");
        check_latent(&golden, "eval", &pass);
        check_inputs(&golden, "eval", &pass);
        close("eval/x_recon", &values(&pass.images()), golden.values("eval/x_recon"), 1e-5);
        check_losses(&golden, "eval", &pass, &images);
    }
}

#[test]
fn generation() {
    let golden = Golden::load();
    let mut model = trainer(&golden, PriorLoss::Mmd).model.valid();
    let z = model.sample_latent(&Picks { ways: golden.draws("sample").picks, components: Vec::new() }, &device());
    same_spikes(&golden, "sample/sampled_z", &values(&z));
    close("sample/image", &values(&model.decode(z, &mut ()).tanh()), golden.values("sample/image"), 1e-5);
}

#[test]
fn training_forward() {
    let golden = Golden::load();
    for case in ["train_plain", "train_sched"] {
        let mut model = trainer(&golden, PriorLoss::Mmd).model;
        let images = golden.images(&device().autodiff());
        let mut layers = Layers::default();
        let pass = model.pass(images.clone(), &golden.draws(case), RollOut::Prefix, Phase::Training, &mut layers);
        check_latent(&golden, case, &pass);
        check_losses(&golden, case, &pass, &images);
        close(&format!("{case}/x_recon"), &values(&pass.images()), golden.values(&format!("{case}/x_recon")), 1e-5);
        if case == "train_plain" {
            layers.check(&golden, case);
            check_inputs(&golden, case, &pass);
        }
    }
}

#[test]
fn training_backward_and_one_optimiser_step() {
    let golden = Golden::load();
    for (case, loss) in [("train_plain", PriorLoss::Mmd), ("train_sched", PriorLoss::Mmd), ("train_plain_kld", PriorLoss::Kld)] {
        let mut trainer = trainer(&golden, loss);
        let images = golden.images(&device().autodiff());
        let (losses, gradients) = trainer.gradients(images, &golden.draws(case));
        close(&format!("{case}/mse"), &[losses.mse.expect("everything learns")], golden.values(&format!("{case}/mse")), 1e-5);
        let prior = format!("{case}/{}", if loss == PriorLoss::Mmd { "mmd" } else { "kld" });
        close_relative(&prior, &[losses.prior.expect("everything learns")], golden.values(&prior), 1e-5);
        check_gradients(&golden, case, &trainer, &gradients);
        check_statistics(&golden, case, &trainer.checkpoint(TrainingRecord::default()));
        trainer.update(gradients, 1e-3);
        check_parameters(&golden, case, &trainer.checkpoint(TrainingRecord::default()));
    }
}

fn check_gradients(golden: &Golden, case: &str, trainer: &Trainer, gradients: &GradientsParams) {
    struct Collect<'a>(Vec<String>, &'a GradientsParams, BTreeMap<String, Vec<f32>>);
    impl ModuleVisitor for Collect<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.1.get::<D>(param.id) {
                // The file has fully connected weights the other way round.
                let gradient = if D == 2 { gradient.transpose() } else { gradient };
                self.2.insert(self.0.join("."), values(&gradient));
            }
        }
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.push(name.into());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.pop();
        }
    }
    let mut ours = Collect(Vec::new(), gradients, BTreeMap::new());
    trainer.model.network.visit(&mut ours);
    let mut compared = 0;
    for name in golden.names(&format!("{case}/grad/")) {
        let full = format!("{case}/grad/{name}");
        let theirs = golden.values(&full);
        match ours.2.get(name) {
            Some(gradient) => close_relative(&full, gradient, theirs, 1e-4),
            // A bias in front of a batch norm: its gradient is zero but for the original's rounding.
            None => close(&full, &vec![0.0; theirs.len()], theirs, 1e-6),
        }
        compared += 1;
    }
    assert!(compared >= 4, "{case}: only {compared} gradients were compared");
}

fn check_statistics(golden: &Golden, case: &str, ours: &Checkpoint) {
    let prefix = format!("{case}/after_forward/");
    let names: Vec<&str> = golden.names(&prefix).filter(|name| !name.ends_with("num_batches_tracked")).collect();
    assert!(case != "train_plain" || names.len() >= 32, "only {} statistics are stored", names.len());
    for name in names {
        let full = format!("{case}/after_forward/{name}");
        close_relative(&full, &ours.to_f32(name).unwrap(), golden.values(&full), 1e-4);
    }
}

fn check_parameters(golden: &Golden, case: &str, ours: &Checkpoint) {
    let prefix = format!("{case}/after_adamw/");
    let names: Vec<&str> = golden.names(&prefix).collect();
    assert!(case != "train_plain" || names.len() >= 4, "only {} parameters are stored", names.len());
    for name in names {
        let full = format!("{case}/after_adamw/{name}");
        close_relative(&full, &ours.to_f32(name).unwrap(), golden.values(&full), 1e-4);
    }
}
