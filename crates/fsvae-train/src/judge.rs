//! FID and Inception score, for those who bring Inception weights.

use fsvae_cli::Progress;
use fsvae_data::Images;
use fsvae_score::inception::Network;
use fsvae_score::{BATCH, Inception, InceptionScore, fid, inception_score};
use serde::Serialize;

/// What an Inception network says.
#[derive(Serialize)]
pub struct Judgement {
    /// Whose network.
    inception_network: &'static str,
    /// From the test images; the other network has no such distance.
    #[serde(skip_serializing_if = "Option::is_none")]
    fid: Option<f64>,
    /// `null` if there is not one batch.
    inception_score: Option<InceptionScore>,
}

/// Judges generated images (numbers in [-1, 1], sizes like `test`) beside test images.
pub fn judge(inception: &Inception, generated: &[f32], test: &Images) -> Judgement {
    let see = |label: &str, images: &[f32]| {
        let progress = Progress::new(label, "images", (images.len() / test.pixels_per_image()) as u64);
        inception.see(images, test.channels, test.height, |images| progress.add(images as u64))
    };
    let ours = see("look at samples", generated);
    let distance = || {
        let theirs = see("look at test images", &test.batch(&(0..test.count).collect::<Vec<_>>()));
        fid(&ours, &theirs)
    };
    let possible = inception.network == Network::Fid && test.count > 1;
    Judgement {
        inception_network: inception.network.name(),
        fid: possible.then(distance),
        inception_score: inception_score(&ours.logits, inception.classes()),
    }
}

impl Judgement {
    /// For people.
    pub fn text(&self) -> String {
        let network = self.inception_network;
        let mut text = self.fid.map_or_else(String::new, |fid| format!("FID {fid:.2} (Inception of {network})\n"));
        text += &match &self.inception_score {
            Some(InceptionScore { mean, std, batches, images_per_batch }) => {
                format!("Inception score {mean:.3} +- {std:.3} ({batches} batches of {images_per_batch}, Inception of {network})\n")
            }
            None => format!("no Inception score: it needs at least {BATCH} samples\n"),
        };
        text
    }
}
