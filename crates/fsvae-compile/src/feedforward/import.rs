//! NIR to layers of LIF neurons.
//!
//! NIR describes neurons by differential equations and says neither how long a step is nor how it is integrated; [`Time`] does. Over
//! a step `dt` with constant input `I = W s + b` the membrane becomes `v = keep * v + gain * I + rest`:
//!
//! ```text
//!             forward Euler                          exponential Euler
//!   LIF, LI   keep = 1 - dt / tau                    keep = e^(-dt / tau)          gain = (1 - keep) r    rest = (1 - keep) v_leak
//!   IF        keep = 1                               keep = 1                      gain = dt r            rest = 0
//! ```
//!
//! snnTorch and Norse integrate by forward Euler (snnTorch writes time constants for `dt = 1e-4`; Norse writes `tau = dt / tau_mem_inv`, so its
//! `dt` must be squared: 1e-6 for 1e-3), Sinabs exponentially with `dt = 1`.
//!
//! Our neuron is `u = decay * u + I`, a spike where `u > V_th` (NIR's threshold is strict, too), then `u = 0`, starting at 0. So `gain`
//! and `rest` go into weights and bias of the layer; they are divided by `v_threshold`, neuron by neuron, which leaves all thresholds at
//! 1; and `decay = keep`. That is exact up to rounding, with one exception: integer decays are below 1, so an IF neuron leaks by one part in
//! 2^bits of the chip's decay in each step. What does not map is refused, by node: `v_reset` other than 0, different time constants in
//! one node, and in a node behind a convolution parameters that differ within a feature map.

use super::{Feed, FeedForward, Placed, Source, exponential::exp_minus};
use crate::CompileError;
use crate::fold::FoldedLayer;
use crate::network::{Part, Wiring};
use crate::quantise::Neuron;
use lif_graph::rules::{MAX_KERNEL, MAX_NEURONS, MAX_SIDE};
use lif_graph::{Connectivity, Kernel, Shape};
use lif_nir::{Array, NirGraph, Padding, Unit};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The most weights of a network, all layers together: as many as its file may hold.
const MAX_WEIGHTS: usize = 1 << 25;

/// What NIR leaves open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Time {
    /// Model steps of a run.
    pub steps: u32,
    /// Length of a step, in the unit of the file's time constants.
    pub dt: f64,
    /// How a step is integrated.
    pub integrator: Integrator,
}

/// How a differential equation becomes steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Integrator {
    /// `v += dt * v'`: snnTorch, Norse.
    Euler,
    /// Exact for an input that is constant within a step: Sinabs.
    Exponential,
}

/// Takes a network out of a NIR graph.
///
/// # Errors
/// [`CompileError::Nir`] names the node that does not map; [`CompileError::TooLarge`] for a network beyond all bounds.
pub fn import(graph: &NirGraph, time: &Time) -> Result<FeedForward<FoldedLayer>, CompileError> {
    let mut importer = Importer {
        graph,
        time,
        network: FeedForward { steps: time.steps, sources: vec![], layers: vec![] },
        signals: vec![None; graph.nodes.len()],
        neurons: 0,
        weights: 0,
    };
    for node in order(graph)? {
        let signal = importer.node(node)?;
        importer.signals[node] = Some(signal);
    }
    if importer.network.layers.is_empty() {
        return Err(CompileError::Nir {
            node: "the network".into(),
            reason: "no neurons".into(),
            remedy: "it needs at least one LIF or IF node".into(),
        });
    }
    Ok(importer.network)
}

fn refuse<T>(graph: &NirGraph, node: usize, reason: impl Into<String>, remedy: impl Into<String>) -> Result<T, CompileError> {
    let row = &graph.nodes[node];
    Err(CompileError::Nir { node: format!("node {:?} ({})", row.name, row.unit.kind()), reason: reason.into(), remedy: remedy.into() })
}

/// Nodes, those that feed others before them, else in the order of the file.
fn order(graph: &NirGraph) -> Result<Vec<usize>, CompileError> {
    let mut waits: Vec<usize> = vec![0; graph.nodes.len()];
    graph.edges.iter().for_each(|&(_, to)| waits[to] += 1);
    let mut ready: BinaryHeap<Reverse<usize>> = (0..waits.len()).filter(|&node| waits[node] == 0).map(Reverse).collect();
    let mut order = Vec::new();
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for &(_, to) in graph.edges.iter().filter(|(from, _)| *from == node) {
            waits[to] -= 1;
            if waits[to] == 0 {
                ready.push(Reverse(to));
            }
        }
    }
    match waits.iter().position(|&waits| waits > 0) {
        None => Ok(order),
        Some(node) => {
            refuse(graph, node, "it hears itself through a loop", "recurrent networks are not compiled: take the recurrent synapses out")
        }
    }
}

/// What leaves a node.
#[derive(Clone)]
enum Signal<'g> {
    /// Spikes, and the dimensions that other nodes see them in.
    Spikes(Feed, Shape, Vec<usize>),
    /// Weighted spikes on their way to neurons.
    Current(Current<'g>),
    /// A membrane that does not fire.
    Membrane,
    Nothing,
}

/// Weights stay in the graph: a signal is copied for each node that hears it.
#[derive(Clone)]
struct Current<'g> {
    feed: Feed,
    source: Shape,
    target: Shape,
    connectivity: Connectivity,
    weights: &'g [f64],
    /// One for each channel (convolution) or neuron (dense); none are zeros.
    bias: Option<&'g [f64]>,
    dims: Vec<usize>,
}

struct Importer<'g> {
    graph: &'g NirGraph,
    time: &'g Time,
    network: FeedForward<FoldedLayer>,
    signals: Vec<Option<Signal<'g>>>,
    neurons: u64,
    weights: usize,
}

impl<'g> Importer<'g> {
    fn node(&mut self, node: usize) -> Result<Signal<'g>, CompileError> {
        let graph = self.graph;
        let refuse = |reason: &str, remedy: &str| refuse(graph, node, reason, remedy);
        let unit = &graph.nodes[node].unit;
        match unit {
            Unit::Other { kind } => {
                return refuse(
                    "this kind of node is not compiled",
                    &format!(
                        "{}; Input, Output, Linear, Affine, Conv2d, Flatten, LIF, LI and IF are compiled",
                        match &kind[..] {
                            "CubaLIF" | "CubaLI" => "our synapses have no memory: train with neurons without synaptic current",
                            "SumPool2d" | "AvgPool2d" => "use a convolution of stride 2 instead of pooling",
                            "NIRGraph" => "put the inner graph's nodes into the outer one; recurrent cells are not compiled",
                            _ => "replace it",
                        }
                    ),
                );
            }
            Unit::Input { shape } => return self.input(node, shape),
            _ => {}
        }
        let mut before = graph.edges.iter().filter(|(_, to)| *to == node).map(|(from, _)| *from);
        let signal = match (before.next(), before.next()) {
            (Some(from), None) => self.signals[from].clone().unwrap_or(Signal::Nothing),
            (None, _) => return refuse("nothing leads into it", "connect it, or leave it out"),
            (Some(_), Some(_)) => {
                return refuse("several edges lead into it", "only chains and branches are compiled: join the sources into one layer");
            }
        };
        match (unit, signal) {
            (_, Signal::Nothing) => refuse("it stands behind an Output", "take that edge out"),
            (Unit::Output { .. }, Signal::Current(_)) => refuse("it hears weighted spikes, not neurons", "put a LIF or LI node before it"),
            (Unit::Output { .. }, _) => Ok(Signal::Nothing),
            (_, Signal::Membrane) => {
                refuse("it hears the membranes of an LI node", "only spikes can be sent on: make that node a LIF, or the last one")
            }
            (Unit::Flatten { start_dim, end_dim }, mut signal) => {
                let dims = match &mut signal {
                    Signal::Spikes(_, _, dims) => dims,
                    Signal::Current(current) => &mut current.dims,
                    Signal::Membrane | Signal::Nothing => return Ok(signal),
                };
                match flattened(dims, *start_dim, *end_dim) {
                    Some(flat) => *dims = flat,
                    None => {
                        return refuse(
                            &format!("dimensions {start_dim} to {end_dim} of {dims:?} cannot be flattened"),
                            "count from 0, without the batch",
                        );
                    }
                }
                Ok(signal)
            }
            (Unit::Linear { .. } | Unit::Affine { .. } | Unit::Conv2d { .. }, Signal::Current(_)) => refuse(
                "it hears weighted spikes",
                "put a LIF or IF node between two layers of synapses, or multiply their weights into one",
            ),
            (Unit::Linear { weight }, Signal::Spikes(feed, source, dims)) => self.dense(node, weight, None, feed, source, &dims),
            (Unit::Affine { weight, bias }, Signal::Spikes(feed, source, dims)) => {
                self.dense(node, weight, Some(bias), feed, source, &dims)
            }
            (Unit::Conv2d { .. }, Signal::Spikes(feed, source, dims)) => self.convolution(node, feed, source, &dims),
            (_, Signal::Spikes(..)) => refuse("it hears spikes without weights", "put a Linear node with the unit matrix before it"),
            (_, Signal::Current(current)) => self.neurons(node, current),
        }
    }

    fn input(&mut self, node: usize, dims: &[usize]) -> Result<Signal<'g>, CompileError> {
        let shape = match dims {
            [neurons] => self.shape(node, *neurons, 1, 1)?,
            [channels, height, width] => self.shape(node, *channels, *height, *width)?,
            _ => {
                return refuse(
                    self.graph,
                    node,
                    format!("shape {dims:?} is neither [neurons] nor [channels, rows, columns]"),
                    "export with a sample without batch and time",
                );
            }
        };
        self.count(shape)?;
        self.network.sources.push(Source { name: self.graph.nodes[node].name.clone(), shape });
        Ok(Signal::Spikes(Feed::Source(self.network.sources.len() - 1), shape, dims.to_vec()))
    }

    /// Adds neurons to the network.
    fn count(&mut self, shape: Shape) -> Result<(), CompileError> {
        self.neurons += shape.neurons() as u64;
        if self.neurons > MAX_NEURONS { Err(CompileError::TooLarge { neurons: self.neurons, limit: MAX_NEURONS }) } else { Ok(()) }
    }

    /// A shape that a graph may have.
    fn shape(&self, node: usize, channels: usize, height: usize, width: usize) -> Result<Shape, CompileError> {
        let neurons = (channels as u64).saturating_mul(height as u64).saturating_mul(width as u64);
        if neurons > MAX_NEURONS {
            return Err(CompileError::TooLarge { neurons, limit: MAX_NEURONS });
        }
        if neurons == 0 || height.max(width) > MAX_SIDE as usize {
            return refuse(
                self.graph,
                node,
                format!("{channels} channels of {height} x {width} neurons cannot be"),
                format!("1 to {MAX_SIDE} rows and columns are possible"),
            );
        }
        Ok(Shape { channels: channels as u32, height: height as u32, width: width as u32 })
    }

    fn dense(
        &self,
        node: usize,
        weight: &'g Array,
        bias: Option<&'g Array>,
        feed: Feed,
        source: Shape,
        dims: &[usize],
    ) -> Result<Signal<'g>, CompileError> {
        let &[outputs, inputs] = &weight.shape[..] else {
            return refuse(self.graph, node, format!("its weights have shape {:?}", weight.shape), "weights of shape [out, in] are needed");
        };
        if dims != [inputs] {
            return refuse(
                self.graph,
                node,
                format!("its weights are for {inputs} neurons, and it hears {dims:?}"),
                "put a Flatten node before it, or correct the weights",
            );
        }
        if bias.is_some_and(|bias| bias.values.len() != outputs) {
            return refuse(self.graph, node, "its bias does not have an entry for each output", "give it as many biases as outputs");
        }
        Ok(Signal::Current(Current {
            feed,
            source,
            target: self.shape(node, outputs, 1, 1)?,
            connectivity: Connectivity::Dense,
            weights: &weight.values,
            bias: bias.map(|bias| &bias.values[..]),
            dims: vec![outputs],
        }))
    }

    fn convolution(&self, node: usize, feed: Feed, source: Shape, dims: &[usize]) -> Result<Signal<'g>, CompileError> {
        let graph = self.graph;
        let refuse = |reason: String, remedy: &str| refuse(graph, node, reason, remedy);
        let Unit::Conv2d { weight, stride, padding, dilation, groups, bias, .. } = &graph.nodes[node].unit else {
            unreachable!("the caller has looked")
        };
        let &[outputs, inputs, rows, columns] = &weight.shape[..] else {
            return refuse(format!("its weights have shape {:?}", weight.shape), "weights of shape [out, in, rows, columns] are needed");
        };
        if dims.len() != 3 || source.channels as usize != inputs {
            return refuse(format!("its weights are for {inputs} channels, and it hears {dims:?}"), "feed it [channels, rows, columns]");
        }
        if *groups != 1 || *dilation != [1, 1] {
            return refuse(format!("{groups} groups and dilation {dilation:?}"), "use one group and no dilation");
        }
        let padding = match padding {
            Padding::Pixels(pixels) => *pixels,
            Padding::Word(word) if word == "valid" => [0, 0],
            Padding::Word(word) if word == "same" && *stride == [1, 1] && rows % 2 == 1 && columns % 2 == 1 => [rows / 2, columns / 2],
            Padding::Word(word) => {
                return refuse(
                    format!("padding {word:?} with a kernel of {rows} x {columns} and stride {stride:?}"),
                    "state the padding as numbers",
                );
            }
        };
        if rows != columns || stride[0] != stride[1] || padding[0] != padding[1] {
            return refuse(
                format!("kernel {rows} x {columns}, stride {stride:?}, padding {padding:?}"),
                "kernel, stride and padding must be the same in rows and columns",
            );
        }
        if bias.values.len() != outputs {
            return refuse(format!("{} biases for {outputs} channels", bias.values.len()), "give it a bias for each output channel");
        }
        if [rows, stride[0], padding[0]].iter().any(|figure| *figure > MAX_KERNEL as usize) {
            return refuse(
                format!("kernel {rows} x {columns}, stride {stride:?}, padding {padding:?}"),
                &format!("kernel, stride and padding can be up to {MAX_KERNEL}"),
            );
        }
        let figure = |value: usize| value as u32;
        let kernel = Kernel { size: figure(rows), stride: figure(stride[0]), padding: figure(padding[0]), output_padding: 0 };
        let (Some(height), Some(width)) = (kernel.convolved(source.height), kernel.convolved(source.width)) else {
            return refuse(
                format!("a kernel of {rows} x {columns} does not fit {} x {} neurons", source.height, source.width),
                "use a smaller kernel or more padding",
            );
        };
        Ok(Signal::Current(Current {
            feed,
            source,
            target: self.shape(node, outputs, height as usize, width as usize)?,
            connectivity: Connectivity::Conv2d(kernel),
            weights: &weight.values,
            bias: Some(&bias.values),
            dims: vec![outputs, height as usize, width as usize],
        }))
    }

    fn neurons(&mut self, node: usize, current: Current<'g>) -> Result<Signal<'g>, CompileError> {
        let graph = self.graph;
        let Current { feed, source, target, connectivity, weights, bias, dims } = current;
        self.count(target)?;
        self.weights += weights.len();
        if self.weights > MAX_WEIGHTS {
            return refuse(graph, node, format!("with its synapses the network has more than {MAX_WEIGHTS} weights"), "split the network");
        }
        let part = if matches!(graph.nodes[node].unit, Unit::Li { .. }) { Part::Readout } else { Part::Layer };
        let wiring = Wiring { name: graph.nodes[node].name.clone(), part, source, drawn: 0, target, connectivity };
        let parameters = Parameters { graph, node, neurons: target.neurons(), units: wiring.units() };
        let Dynamics { keep, gain, rest, threshold } = parameters.dynamics(self.time)?;

        let (mut scaled, mut shifted) = (vec![0f32; weights.len()], vec![0f32; wiring.units()]);
        for unit in 0..wiring.units() {
            let one = threshold.as_ref().map_or(1.0, |threshold| threshold[unit]);
            for index in wiring.fan_in(unit).flat_map(|(_, taps)| taps) {
                scaled[index] = (weights[index] * gain[unit] / one) as f32;
            }
            shifted[unit] = ((bias.map_or(0.0, |bias| bias[unit]) * gain[unit] + rest[unit]) / one) as f32;
        }
        if !scaled.iter().chain(&shifted).all(|value| value.is_finite()) {
            return refuse(graph, node, "its weights or parameters are no finite numbers", "train it again");
        }
        let neuron = Neuron { decay: keep as f32, threshold: threshold.is_some().then_some(1.0) };
        self.network.layers.push(Placed { layer: FoldedLayer { wiring, weights: scaled, bias: shifted }, feed, neuron });
        let here = Feed::Layer(self.network.layers.len() - 1);
        Ok(if neuron.threshold.is_some() { Signal::Spikes(here, target, dims) } else { Signal::Membrane })
    }
}

/// `dims` with dimensions `first` to `last` as one.
fn flattened(dims: &[usize], first: i64, last: i64) -> Option<Vec<usize>> {
    let place = |dim: i64| usize::try_from(if dim < 0 { dim + dims.len() as i64 } else { dim }).ok().filter(|&dim| dim < dims.len());
    let (first, last) = (place(first)?, place(last)?);
    if first > last {
        return None;
    }
    let product = dims[first..=last].iter().product();
    Some([&dims[..first], &[product], &dims[last + 1..]].concat())
}

/// `v = keep * v + gain * I + rest`, by unit (channel of a convolution, neuron of a dense layer).
struct Dynamics {
    keep: f64,
    gain: Vec<f64>,
    rest: Vec<f64>,
    /// None for neurons that never fire.
    threshold: Option<Vec<f64>>,
}

/// The parameters of one node of neurons.
struct Parameters<'g> {
    graph: &'g NirGraph,
    node: usize,
    neurons: usize,
    units: usize,
}

impl Parameters<'_> {
    fn refuse<T>(&self, reason: String, remedy: &str) -> Result<T, CompileError> {
        refuse(self.graph, self.node, reason, remedy)
    }

    fn dynamics(&self, time: &Time) -> Result<Dynamics, CompileError> {
        match &self.graph.nodes[self.node].unit {
            Unit::Lif { tau, r, v_leak, v_threshold, v_reset } => {
                Ok(Dynamics { threshold: Some(self.threshold(v_threshold, v_reset)?), ..self.leaky(tau, r, v_leak, time)? })
            }
            Unit::Li { tau, r, v_leak } => self.leaky(tau, r, v_leak, time),
            Unit::If { r, v_threshold, v_reset } => {
                let gain = self.by_unit("r", r)?.iter().map(|r| r * time.dt).collect();
                Ok(Dynamics { keep: 1.0, gain, rest: vec![0.0; self.units], threshold: Some(self.threshold(v_threshold, v_reset)?) })
            }
            _ => self.refuse("it is no neuron".into(), "replace it"),
        }
    }

    fn leaky(&self, tau: &Array, r: &Array, v_leak: &Array, time: &Time) -> Result<Dynamics, CompileError> {
        let taus = self.by_unit("tau", tau)?;
        let tau = taus[0];
        if taus.iter().any(|other| *other != tau) {
            return self.refuse(
                "its neurons have different time constants (tau)".into(),
                "a layer has one decay: make a node for each time constant",
            );
        }
        let ratio = time.dt / tau;
        let keep = match time.integrator {
            Integrator::Euler => 1.0 - ratio,
            Integrator::Exponential => exp_minus(ratio),
        };
        if !(tau > 0.0 && ratio > 0.0 && (0.0..1.0).contains(&keep)) {
            let reason = format!("tau is {tau} and a step is {}: what remains of a membrane would be {keep}", time.dt);
            return self.refuse(
                reason,
                "tau must be at least a step: state the step that the file was written for (--dt), or --integrator exponential",
            );
        }
        let gain = self.by_unit("r", r)?.iter().map(|r| (1.0 - keep) * r).collect();
        let rest = self.by_unit("v_leak", v_leak)?.iter().map(|leak| (1.0 - keep) * leak).collect();
        Ok(Dynamics { keep, gain, rest, threshold: None })
    }

    fn threshold(&self, threshold: &Array, reset: &Array) -> Result<Vec<f64>, CompileError> {
        if self.by_unit("v_reset", reset)?.iter().any(|reset| *reset != 0.0) {
            return self.refuse(
                "it resets to a v_reset that is not 0".into(),
                "subtract v_reset from v_leak, v_threshold and v_reset: the spikes stay the same",
            );
        }
        let thresholds = self.by_unit("v_threshold", threshold)?;
        match thresholds.iter().find(|threshold| !(**threshold > 0.0 && threshold.is_finite())) {
            Some(odd) => {
                self.refuse(format!("it has a threshold of {odd}"), "a membrane at rest must not fire: thresholds must be above v_reset")
            }
            None => Ok(thresholds),
        }
    }

    /// One value for each unit, of a parameter with one for all neurons or one for each.
    fn by_unit(&self, name: &str, array: &Array) -> Result<Vec<f64>, CompileError> {
        let values = &array.values;
        if let [all] = values[..] {
            return Ok(vec![all; self.units]);
        }
        if values.len() != self.neurons {
            return self.refuse(
                format!("{name} has {} values for {} neurons", values.len(), self.neurons),
                "give one value, or one for each neuron",
            );
        }
        let per_unit = self.neurons / self.units;
        if values.chunks(per_unit).any(|unit| unit.iter().any(|value| *value != unit[0])) {
            let reason = format!("{name} differs between neurons of one feature map");
            return self.refuse(reason, "behind a convolution all neurons of a feature map must be alike");
        }
        Ok(values.iter().step_by(per_unit).copied().collect())
    }
}
