//! The network's layers and who listens to whom, as far as counting needs it.

use fsvae_checkpoint::NetworkConfig;

/// Feature maps; a fully connected layer is one place of many channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maps {
    /// Side of the picture.
    pub side: usize,
    /// Neurons at each place.
    pub channels: usize,
}

impl Maps {
    fn flat(neurons: usize) -> Self {
        Self { side: 1, channels: neurons }
    }

    /// Neurons of one image.
    pub fn neurons(self) -> usize {
        self.side * self.side * self.channels
    }
}

/// The pattern of a layer's synapses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synapses {
    /// All to all.
    Dense,
    /// Convolution: 3x3, padding 1, stride 2.
    Down,
    /// Transposed convolution: 3x3, padding 1, output padding stride - 1.
    Up {
        /// 1 or 2.
        stride: usize,
    },
}

/// What a layer hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The picture itself, the same at every step.
    Image,
    /// This layer's spikes of the same step.
    Spikes(String),
    /// This layer's spikes of the step before; none in the first.
    Previous(String),
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its tensors' name in the checkpoint.
    pub name: String,
    /// What it hears.
    pub sources: Vec<Source>,
    /// The maps of a source; not looked at when all are connected with all.
    pub from: Maps,
    /// Its own.
    pub to: Maps,
    /// Between the two.
    pub synapses: Synapses,
    /// Whether its neurons fire; the read-out's do not.
    pub fires: bool,
}

/// Latent spikes.
const Z: &str = "z";
/// The one spike a step of the prior's component.
const COMPONENT: &str = "component";

/// What runs from an image to its reconstruction: encoder, posterior, decoder.
pub fn reconstruction(config: &NetworkConfig) -> Vec<Layer> {
    let mut layers = Vec::new();
    let mut from = Maps { side: config.image_size, channels: config.image_channels };
    let mut source = Source::Image;
    for (i, &channels) in config.channels.iter().enumerate() {
        let (name, to) = (format!("encoder.{i}"), Maps { side: from.side / 2, channels });
        layers.push(Layer { name: name.clone(), sources: vec![source], from, to, synapses: Synapses::Down, fires: true });
        (source, from) = (Source::Spikes(name), to);
    }
    let encoded = "before_latent_layer";
    layers.push(dense(encoded, vec![source], Maps::flat(config.latent)));
    layers.extend(stack("posterior", vec![Source::Spikes(encoded.into()), Source::Previous(Z.into())], config));
    layers.extend(decoder(config));
    layers
}

/// What runs when an image is drawn: prior, decoder.
pub fn generation(config: &NetworkConfig) -> Vec<Layer> {
    let mut layers = prior(config);
    layers.extend(decoder(config));
    layers
}

/// The prior alone.
pub fn prior(config: &NetworkConfig) -> Vec<Layer> {
    let component = (config.components > 0).then(|| Source::Spikes(COMPONENT.into()));
    stack("prior", component.into_iter().chain([Source::Previous(Z.into())]).collect(), config)
}

fn dense(name: &str, sources: Vec<Source>, to: Maps) -> Layer {
    Layer { name: name.into(), sources, from: Maps::flat(1), to, synapses: Synapses::Dense, fires: true }
}

fn stack(name: &str, mut sources: Vec<Source>, config: &NetworkConfig) -> Vec<Layer> {
    let widths = [2, 4, config.ways].map(|times| times * config.latent);
    let layer = |(i, neurons): (usize, usize)| {
        let name = format!("{name}.layers.{i}");
        dense(&name, std::mem::replace(&mut sources, vec![Source::Spikes(name.clone())]), Maps::flat(neurons))
    };
    widths.into_iter().enumerate().map(layer).collect()
}

fn decoder(config: &NetworkConfig) -> Vec<Layer> {
    let mut widths = config.channels.iter().rev().copied();
    let mut from = Maps { side: config.bottleneck_size(), channels: widths.next().unwrap_or(0) };
    let mut layers = vec![dense("decoder_input", vec![Source::Spikes(Z.into())], from)];
    let mut source = "decoder_input".to_owned();
    let mut up = |name: String, channels: usize, stride: usize, fires: bool| {
        let (to, sources) = (Maps { side: from.side * stride, channels }, vec![Source::Spikes(source.clone())]);
        layers.push(Layer { name: name.clone(), sources, from, to, synapses: Synapses::Up { stride }, fires });
        (source, from) = (name, to);
    };
    for (i, channels) in widths.enumerate() {
        up(format!("decoder.{i}"), channels, 2, true);
    }
    up("final_layer.0".into(), config.channels.first().copied().unwrap_or(0), 2, true);
    up("final_layer.1".into(), config.image_channels, 1, false);
    layers
}
