//! The chip file's contents, key by key, and the figures that follow from them.

use crate::{ChipError, Costs, Hexagonal, Memory, Mesh, Ticks};
use serde::Deserialize;

/// A chip, as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chip {
    /// What it is called on a command line.
    pub name: String,
    /// Other names for it, such as its family's for the newest chip.
    pub aliases: Vec<String>,
    /// One line for people.
    pub description: String,
    /// The back-end that writes its netlist; none for a chip that only our simulator runs.
    pub netlist: Option<String>,
    /// Where neurons live.
    pub core: Cores,
    /// Where synapses live; none where no figure is known.
    pub memory: Option<Memory>,
    /// Its cores as a rectangle; a chip has this, or `hexagonal`, or neither: then nothing can be placed on it.
    pub mesh: Option<Mesh>,
    /// Its chips as a triangular grid.
    pub hexagonal: Option<Hexagonal>,
    /// How spikes and neurons keep time; absent where nobody has said: then the chip has only the ideal schedule.
    pub ticks: Option<Ticks>,
    /// Weights and their sums.
    pub synapse: SynapseFormat,
    /// The membrane `v`.
    pub membrane: MembraneFormat,
    /// The firing threshold.
    pub threshold: ThresholdFormat,
    /// What is added to `v` at every update.
    pub bias: BiasFormat,
    /// What is left of `v` at every update.
    pub decay: DecayFormat,
    /// Time and energy; none for a chip that is not timed.
    pub costs: Option<Costs>,
}

/// The chip's cores. A figure that nobody has published is absent, and nothing is checked against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cores {
    /// Cores of one chip.
    pub count: u32,
    /// Neurons of one core.
    pub neurons_per_core: u32,
    /// Synapses of one chip, all cores together.
    pub synapses_per_chip: Option<u64>,
    /// Neurons, counted once for each projection, that one core can listen to.
    pub input_axons: Option<u32>,
    /// Pairs of a neuron of one core and a core that listens to it.
    pub output_axons: Option<u32>,
    /// Different thresholds in one core.
    pub threshold_profiles: Option<u32>,
    /// Different formats of synapses in one core: each projection has its own.
    pub synapse_profiles: Option<u32>,
    /// Spikes that can wait for one core unless the buffer is made larger.
    pub spike_buffer: Option<u32>,
    /// The largest buffer that there can be, in spikes.
    pub spike_buffer_max: Option<u32>,
}

/// How wide weights and their sums are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SynapseFormat {
    /// Width of a weight in bits, sign included.
    pub weight_bits: u8,
    /// Distance of neighbouring weights where a projection has both signs; a power of two.
    pub mixed_sign_step: u32,
    /// Width of the summed input of one update in bits, sign included; in units of weight 1.
    pub input_bits: u8,
    /// What a sum beyond its width becomes. It never comes to that: the compiler proves it, neuron by neuron, or refuses. Absent where nobody
    /// has published it.
    pub overflow: Option<Overflow>,
}

/// What becomes of a number that does not fit its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// The end of the range.
    Saturate,
    /// Its remainder.
    Wrap,
}

/// How wide membranes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MembraneFormat {
    /// Width in bits, sign included; the range is symmetric, `|v| < 2^(bits-1)`.
    pub bits: u8,
    /// How many of them are below weight 1: the summed weights enter as `sum << fraction_bits`.
    pub fraction_bits: u8,
    /// What a membrane beyond its width becomes; see [`SynapseFormat::overflow`].
    pub overflow: Option<Overflow>,
}

/// Which thresholds exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdFormat {
    /// Which neurons share one.
    pub per: Sharing,
    /// Width of the unsigned mantissa in bits.
    pub mantissa_bits: u8,
    /// The threshold is `mantissa << shift_bits`, in membrane units.
    pub shift_bits: u8,
    /// Whether a membrane fires that just reaches it; absent: it does not.
    #[serde(default)]
    pub fires: Fires,
}

/// Which membranes fire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fires {
    /// Those above the threshold: the graph's rule.
    #[default]
    Above,
    /// Those at the threshold, too. In integers `v >= t` is `v > t - 1`, so the graph's threshold is one less than the chip's.
    At,
}

/// Which neurons share a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// All neurons of a population.
    Population,
    /// All neurons of a feature map.
    Channel,
}

/// Which biases exist: `mantissa << exponent`, in membrane units, its own for each channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BiasFormat {
    /// Width of the mantissa in bits, sign included.
    pub mantissa_bits: u8,
    /// The smallest exponent.
    #[serde(default)]
    pub exponent_min: u8,
    /// The largest exponent.
    pub exponent_max: u8,
    /// Whether a clock's synapses bring it, together with the sum of weights.
    #[serde(default)]
    pub as_synapse: bool,
}

/// Which decays exist: `v * multiplier / 2^bits`, rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecayFormat {
    /// Binary logarithm of the denominator.
    pub bits: u8,
    /// What becomes of the bits that are shifted out.
    pub rounding: Rounding,
}

/// Rounding of a shift to the right; the words of `lif-graph`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// `sign(x) * (|x| >> shift)`.
    TowardZero,
    /// `x >> shift`.
    Floor,
    /// `-((-x) >> shift)`.
    Ceiling,
}

impl Chip {
    /// Reads a chip file.
    ///
    /// # Errors
    /// [`ChipError::Syntax`] for what is not TOML, for a missing and for an unknown key; [`ChipError::Figure`] for a figure that no
    /// integer chip can have. `file` only names the text in the message.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, ChipError> {
        let chip: Self =
            toml::from_str(text).map_err(|error| ChipError::Syntax { file: file.into(), cause: error.to_string().trim_end().into() })?;
        chip.check(file)?;
        Ok(chip)
    }

    /// Largest magnitude of a weight of the graph, where one step of the chip's weights is 1: at most 127.
    pub fn weight_max(&self) -> i32 {
        let chip_max = (1i64 << (self.synapse.weight_bits - 1)) - 1;
        (chip_max / i64::from(self.synapse.mixed_sign_step)).min(i64::from(i8::MAX)) as i32
    }

    /// The same chip with the graph's weights held to fewer bits, sign included: 4 bits are the integers -7 to 7.
    ///
    /// # Errors
    /// [`ChipError::WeightBits`] for fewer than 2 bits, or more than the chip has.
    pub fn with_weight_bits(mut self, bits: u8) -> Result<Self, ChipError> {
        let most = 32 - self.weight_max().leading_zeros() as u8 + 1;
        if !(2..=most).contains(&bits) {
            return Err(ChipError::WeightBits { chip: self.name, bits, most });
        }
        self.synapse.weight_bits = bits + self.synapse.mixed_sign_step.trailing_zeros() as u8;
        Ok(self)
    }

    /// The graph's `input_shift`: one step of the chip's weights in membrane units, as a power of two.
    pub fn input_shift(&self) -> u8 {
        self.membrane.fraction_bits + self.synapse.mixed_sign_step.trailing_zeros() as u8
    }

    /// Largest magnitude of a sum of the graph's weights that reaches a neuron in one update.
    pub fn input_max(&self) -> i64 {
        ((1i64 << (self.synapse.input_bits - 1)) - 1) / i64::from(self.synapse.mixed_sign_step)
    }

    /// What a bias of this magnitude adds to the sum of weights that reaches a neuron in one update, in units of the graph's weights:
    /// nothing, unless a clock's synapses bring it, as they do wherever neurons leak at every tick.
    pub fn bias_as_input(&self, bias: u32) -> u64 {
        let clocked = self.bias.as_synapse || self.ticks.is_some_and(|ticks| !ticks.holds);
        if clocked { u64::from(bias).div_ceil(1 << self.input_shift()) } else { 0 }
    }

    /// Largest magnitude of a membrane.
    pub fn membrane_max(&self) -> i64 {
        (1i64 << (self.membrane.bits - 1)) - 1
    }

    /// Largest mantissa of a threshold.
    pub fn threshold_mantissa_max(&self) -> i64 {
        (1i64 << self.threshold.mantissa_bits) - 1
    }

    /// The graph's threshold that this mantissa is on the chip.
    pub fn threshold_of(&self, mantissa: i64) -> i64 {
        let chips = mantissa << self.threshold.shift_bits;
        match self.threshold.fires {
            Fires::Above => chips,
            Fires::At => chips - 1,
        }
    }

    /// Neurons of the whole chip.
    pub fn neurons(&self) -> u64 {
        u64::from(self.core.count) * u64::from(self.core.neurons_per_core)
    }

    /// The chip's bias nearest to `value` (membrane units), ties away from zero; beyond the range its end.
    ///
    /// The mantissa's range is taken as symmetric.
    pub fn nearest_bias(&self, value: f64) -> i32 {
        let mantissa_max = ((1i64 << (self.bias.mantissa_bits - 1)) - 1) as f64;
        let mut unit = f64::from(1u32 << self.bias.exponent_min);
        for _ in self.bias.exponent_min..self.bias.exponent_max {
            if (value / unit).round().abs() <= mantissa_max {
                break;
            }
            unit *= 2.0;
        }
        ((value / unit).round().clamp(-mantissa_max, mantissa_max) * unit) as i32
    }

    /// Largest magnitude of a bias.
    pub fn bias_max(&self) -> i64 {
        ((1i64 << (self.bias.mantissa_bits - 1)) - 1) << self.bias.exponent_max
    }

    /// Mantissa and smallest exponent with `mantissa << exponent == bias`, or nothing when the chip has no such bias.
    pub fn bias_parts(&self, bias: i32) -> Option<(i32, u8)> {
        let half = 1i64 << (self.bias.mantissa_bits - 1);
        (self.bias.exponent_min..=self.bias.exponent_max).find_map(|exponent| {
            let mantissa = i64::from(bias) >> exponent;
            (mantissa << exponent == i64::from(bias) && (-half..half).contains(&mantissa)).then_some((mantissa as i32, exponent))
        })
    }

    fn check(&self, file: &str) -> Result<(), ChipError> {
        let demand = |key: &'static str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) { Ok(()) } else { Err(ChipError::Figure { file: file.into(), key, value, least, most }) }
        };
        demand("core.count", self.core.count.into(), 1, u32::MAX.into())?;
        demand("core.neurons_per_core", self.core.neurons_per_core.into(), 1, u32::MAX.into())?;
        demand("core.synapses_per_chip", self.core.synapses_per_chip.unwrap_or(1), 1, i64::MAX as u64)?;
        let figures = [
            ("core.input_axons", self.core.input_axons),
            ("core.output_axons", self.core.output_axons),
            ("core.threshold_profiles", self.core.threshold_profiles),
            ("core.synapse_profiles", self.core.synapse_profiles),
            ("core.spike_buffer", self.core.spike_buffer),
            ("core.spike_buffer_max", self.core.spike_buffer_max),
        ];
        figures.into_iter().try_for_each(|(key, figure)| demand(key, figure.unwrap_or(1).into(), 1, u32::MAX.into()))?;
        self.memory.iter().flat_map(Memory::figures).try_for_each(|(key, value, least, most)| demand(key, value, least, most))?;
        let grids = u64::from(self.mesh.is_some()) + u64::from(self.hexagonal.is_some());
        demand("mesh and hexagonal together (count of sections)", grids, 0, 1)?;
        self.mesh
            .iter()
            .flat_map(|mesh| mesh.figures(self.core.count))
            .try_for_each(|(key, value, least, most)| demand(key, value, least, most))?;
        let hexagonal = self.hexagonal.iter().flat_map(|grid| grid.figures(self.core.count));
        hexagonal.into_iter().try_for_each(|(key, value, least, most)| demand(key, value, least, most))?;
        let costs = self.costs.iter().flat_map(Costs::figures);
        costs.into_iter().try_for_each(|(key, value, least, most)| demand(key, value, least, most))?;
        demand("synapse.weight_bits", self.synapse.weight_bits.into(), 2, 16)?;
        let step = u64::from(self.synapse.mixed_sign_step);
        demand("synapse.mixed_sign_step", step, 1, 1 << (self.synapse.weight_bits - 2))?;
        demand("synapse.mixed_sign_step (next power of two)", step.next_power_of_two(), step, step)?;
        demand("synapse.input_bits", self.synapse.input_bits.into(), self.synapse.weight_bits.into(), 32)?;
        demand("membrane.bits", self.membrane.bits.into(), 8, 32)?;
        demand("membrane.fraction_bits", self.membrane.fraction_bits.into(), 0, 16)?;
        demand("threshold.mantissa_bits", self.threshold.mantissa_bits.into(), 1, 31)?;
        demand("threshold.shift_bits", self.threshold.shift_bits.into(), 0, 31 - u64::from(self.threshold.mantissa_bits))?;
        demand("bias.mantissa_bits", self.bias.mantissa_bits.into(), 2, 32)?;
        demand("bias.exponent_max", self.bias.exponent_max.into(), 0, 32 - u64::from(self.bias.mantissa_bits))?;
        demand("bias.exponent_min", self.bias.exponent_min.into(), 0, self.bias.exponent_max.into())?;
        self.ticks.iter().flat_map(Ticks::figures).try_for_each(|(key, value, least, most)| demand(key, value, least, most))?;
        demand("decay.bits", self.decay.bits.into(), 1, 24)
    }
}

#[cfg(test)]
mod tests {
    use crate::{ChipError, find};

    #[test]
    fn loihi_in_the_graphs_units() {
        let chip = find("loihi2").unwrap();
        assert_eq!((chip.weight_max(), chip.input_shift(), chip.input_max()), (127, 7, 16383));
        assert_eq!((chip.membrane_max(), chip.threshold_mantissa_max()), (8_388_607, 131_071));
        assert_eq!(chip.neurons(), 1 << 20);
    }

    #[test]
    fn a_chip_that_fires_at_its_threshold_has_the_graphs_one_above() {
        let (loihi, spinnaker) = (find("loihi2").unwrap(), find("spinnaker1").unwrap());
        assert_eq!((loihi.threshold_of(5), spinnaker.threshold_of(5)), (5 << 6, 4));
        assert!((-10..10).all(|v| (v >= 5) == (v > spinnaker.threshold_of(5))));
    }

    #[test]
    fn a_bias_is_a_mantissa_with_an_exponent() {
        let chip = find("loihi2").unwrap();
        for (value, bias, parts) in [
            (0.0, 0, (0, 0)),
            (-4095.4, -4095, (-4095, 0)),
            (4097.0, 4098, (2049, 1)),
            (-100_007.0, -100_000, (-3125, 5)),
            (1e9, 4095 << 7, (4095, 7)),
            (-1e9, -(4095 << 7), (-4095, 7)),
        ] {
            assert_eq!(chip.nearest_bias(value), bias, "{value}");
            assert_eq!(chip.bias_parts(bias), Some(parts), "{value}");
        }
        assert_eq!(chip.bias_parts(4097), None);
        assert_eq!(chip.bias_parts(i32::MIN), None);
    }

    #[test]
    fn every_nearest_bias_exists() {
        for chip in crate::catalogue() {
            for value in (-2_000_000..2_000_000).step_by(997) {
                let bias = chip.nearest_bias(f64::from(value) * 1.37);
                assert!(chip.bias_parts(bias).is_some(), "{}: {bias}", chip.name);
            }
            assert_eq!([1e18, -1e18].map(|bias| i64::from(chip.nearest_bias(bias))), [chip.bias_max(), -chip.bias_max()], "{}", chip.name);
        }
    }

    #[test]
    fn a_clock_brings_multiples_of_a_weight() {
        let (first, second) = (find("loihi1").unwrap(), find("loihi2").unwrap());
        assert_eq!([0.0, 31.9, 33.0, -100.0, 262_143.0, 1e9].map(|bias| first.nearest_bias(bias)), [0, 0, 64, -128, 262_144, 524_160]);
        assert_eq!([64, 63, 262_144, 262_208].map(|bias| first.bias_parts(bias)), [Some((1, 6)), None, Some((2048, 7)), None]);
        assert_eq!([first.bias_as_input(0), first.bias_as_input(129), second.bias_as_input(129)], [0, 2, 0]);
        assert_eq!(find("spinnaker1").unwrap().bias_as_input(129), 33);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let (file, text) = crate::CATALOGUE[0];
        let text = text.replace("weight_bits", "weight_bitz");
        let error = crate::Chip::from_toml(file, &text).unwrap_err();
        assert!(matches!(&error, ChipError::Syntax { cause, .. } if cause.contains("weight_bitz")), "{error}");
    }

    #[test]
    fn an_impossible_figure_is_refused() {
        for (chip, from, to) in [
            ("loihi2", "mixed_sign_step = 2", "mixed_sign_step = 3"),
            ("loihi2", "bits = 24", "bits = 99"),
            ("loihi2", "count = 128", "count = 0"),
            ("loihi1", "input_axons = 4096", "input_axons = 0"),
            ("loihi1", "columns = 8", "columns = 9"),
            ("loihi1", "bytes = 131_072", "bytes = 0"),
            ("loihi1", "word_bits = 64", "word_bits = 0"),
            ("loihi1", "[mesh]", "[memory.rows]\nheader_words = 3\nword_bytes = 4\n[mesh]"),
            ("spinnaker1", "first_core = 2 ", "first_core = 4 "),
            ("spinnaker1", "[4, 7]]", "[7, 4]]"),
            ("spinnaker1", "torus = [12, 12]", "torus = [0, 12]"),
            ("spinnaker1", "routing_entries = 1023", "routing_entries = 0"),
            ("spinnaker1", "key_bits_below_neuron = 4", "key_bits_below_neuron = 40"),
        ] {
            let (file, text) = crate::CATALOGUE.into_iter().find(|(file, _)| file.ends_with(&format!("/{chip}.toml"))).unwrap();
            assert!(text.contains(from), "{from}");
            let error = crate::Chip::from_toml(file, &text.replacen(from, to, 1)).unwrap_err();
            assert!(matches!(error, ChipError::Figure { .. }), "{to}: {error}");
        }
    }

    #[test]
    fn fewer_weight_bits_are_fewer_weights() {
        for chip in crate::catalogue() {
            let most = chip.clone().with_weight_bits(99).unwrap_err();
            assert!(matches!(most, ChipError::WeightBits { most: 2..=8, .. }), "{most:?}");
            for (bits, largest) in [(2, 1), (4, 7), (6, 31)] {
                let fewer = chip.clone().with_weight_bits(bits).unwrap();
                assert_eq!((fewer.weight_max(), fewer.input_shift()), (largest, chip.input_shift()));
            }
            assert!(chip.with_weight_bits(1).is_err());
        }
    }
}
