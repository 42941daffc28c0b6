//! The weights of a projection in the order in which the kernel adds them.

use super::blocks::{self, Cells};
use super::geometry::{Axis, Landing};
use super::stripes::Stripes;
use super::{Dynamics, LANES, Population, RowInput, Rows, engine_place};
use crate::aligned::Aligned;
use lif_graph::{Connectivity, Kernel, LifGraph, PopulationId, Shape};

/// Weights of 16 bits need no widening but twice the room: where they take no more than this.
const WORDS_LIMIT: usize = 192 << 10;

/// The synapses of a projection.
#[derive(Debug)]
pub(crate) struct Projection {
    pub source: usize,
    pub delay: u8,
    pub synapses: Synapses,
    /// For each source column.
    pub columns: Vec<Column>,
    /// Synapses of a spike: the product of what its row and what its column reach.
    pub fan_out: [Vec<u64>; 2],
}

/// Where a source column's weights are, and where in a target row's sums they go.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Column {
    /// From the beginning of the kernel row.
    pub weights: usize,
    pub to: usize,
    /// A row of weights is so long; 0: nothing is reached.
    pub vectors: usize,
}

/// Forms of weights.
#[derive(Debug)]
pub(crate) enum Synapses {
    /// A pick: its select stage looks at the source's spikes itself.
    None,
    /// `[kernel row][class of columns][source channel][lane]`: for each spike a row is added.
    Bytes(Aligned<i8>),
    /// The same in 16 bits.
    Words(Aligned<i16>),
    /// Of a target of few channels.
    Stripes(Stripes),
    /// Of a target in blocks.
    Cells(Cells),
}

/// A convolution in both directions.
pub(super) struct Geometry {
    pub from: Shape,
    pub to: Shape,
    pub kernel: Kernel,
    transposed: bool,
    pub size: usize,
    pub y: Axis,
    pub x: Axis,
}

impl Geometry {
    pub fn new(graph: &LifGraph, projection: &lif_graph::Projection) -> Option<Self> {
        let (from, to) = (graph.population(projection.source).shape, graph.population(projection.target).shape);
        let (kernel, transposed) = match projection.connectivity {
            Connectivity::Conv2d(kernel) => (kernel, false),
            Connectivity::ConvTranspose2d(kernel) => (kernel, true),
            Connectivity::Dense | Connectivity::Pick => return None,
        };
        let axis = |sources, targets| Axis { kernel, transposed, sources, targets };
        let Kernel { size, .. } = kernel;
        Some(Self { from, to, kernel, transposed, size: size as usize, y: axis(from.height, to.height), x: axis(from.width, to.width) })
    }

    /// The weight from a source channel to a target channel through a tap.
    pub fn weight(&self, weights: &[i8], source: usize, target: usize, ky: usize, kx: usize) -> i8 {
        let (sources, targets) = (self.from.channels as usize, self.to.channels as usize);
        let plane = if self.transposed { source * targets + target } else { target * sources + source };
        weights[(plane * self.size + ky) * self.size + kx]
    }

    /// For each class of columns its taps, and the lanes of a row of their weights.
    fn classes(&self) -> Vec<(Vec<u32>, usize)> {
        let lanes = |taps: &[u32]| (taps.len() * self.to.channels as usize).next_multiple_of(LANES);
        self.x.classes().into_iter().map(|taps| (taps.clone(), lanes(&taps))).collect()
    }

    /// The taps (`ky * size + kx`) and source positions that reach a target position.
    pub fn reaching(&self, target: usize) -> impl Iterator<Item = (usize, usize)> {
        let (y, x) = (target as u32 / self.to.width, target as u32 % self.to.width);
        let place =
            |(ky, sy): (u32, u32), (kx, sx): (u32, u32)| (ky as usize * self.size + kx as usize, (sy * self.from.width + sx) as usize);
        self.y.into(y).flat_map(move |down| self.x.into(x).map(move |across| place(down, across)))
    }

    /// Lanes of the rows of one source channel through one kernel row.
    fn lanes(&self) -> usize {
        self.classes().iter().map(|(_, lanes)| lanes).sum()
    }
}

/// Lays out a projection; [`connect`] will say where its rows go.
pub(super) fn projection(graph: &LifGraph, projection: &lif_graph::Projection, populations: &[Population]) -> Projection {
    let (from, to) = (graph.population(projection.source).shape, graph.population(projection.target).shape);
    let blocks = populations[projection.target.index()].blocks.is_some();
    let narrow = populations[projection.target.index()].integration().is_some_and(|integration| integration.narrow);
    // an image's weights are read byte by byte
    let narrow = narrow && !matches!(populations[projection.source.index()].dynamics, Dynamics::Image { .. });
    let weights = &projection.weights[..];
    let (synapses, fan_out) = match Geometry::new(graph, projection) {
        Some(geometry) => {
            (if blocks { Synapses::Cells(blocks::cells(graph, projection)) } else { convolution(&geometry, weights, narrow) }, {
                let channels = u64::from(to.channels);
                let along = |axis: Axis, each| {
                    let classes = axis.classes();
                    (0..axis.sources).map(|source| axis.reach(source, &classes).taps as u64 * each).collect()
                };
                [along(geometry.y, channels), along(geometry.x, 1)]
            })
        }
        None if projection.connectivity == Connectivity::Pick => {
            (Synapses::None, [vec![0; from.height as usize], vec![0; from.width as usize]])
        }
        None => (
            if blocks { Synapses::Cells(blocks::cells(graph, projection)) } else { dense(from, to, weights, narrow) },
            [vec![to.neurons() as u64; from.height as usize], vec![1; from.width as usize]],
        ),
    };
    Projection { source: projection.source.index(), delay: projection.delay, synapses, columns: Vec::new(), fan_out }
}

fn rows(bytes: Vec<i8>, narrow: bool) -> Synapses {
    if narrow && 2 * bytes.len() <= WORDS_LIMIT {
        let mut words = Aligned::zeros(bytes.len());
        words.iter_mut().zip(bytes).for_each(|(word, byte)| *word = i16::from(byte));
        Synapses::Words(words)
    } else {
        let mut aligned = Aligned::zeros(bytes.len());
        aligned.copy_from_slice(&bytes);
        Synapses::Bytes(aligned)
    }
}

/// `[target row][source row][source lane][target lane]`.
fn dense(from: Shape, to: Shape, weights: &[i8], narrow: bool) -> Synapses {
    let (sources, stride) = (from.neurons(), Rows::of(to).stride);
    let source_lanes = Rows::of(from).lanes;
    let mut bytes = vec![0; to.height as usize * sources * stride];
    let places: Vec<usize> = (0..sources).map(|s| engine_place(from, s)).map(|(y, lane)| y * source_lanes + lane).collect();
    for target in 0..to.neurons() {
        let (row, lane) = engine_place(to, target);
        for (source, place) in places.iter().enumerate() {
            bytes[(row * sources + place) * stride + lane] = weights[target * sources + source];
        }
    }
    rows(bytes, narrow)
}

fn convolution(geometry: &Geometry, weights: &[i8], narrow: bool) -> Synapses {
    let (size, sources, targets) = (geometry.size, geometry.from.channels as usize, geometry.to.channels as usize);
    if let Some(stripes) = narrow.then(|| Stripes::new(geometry, weights)).flatten() {
        return Synapses::Stripes(stripes);
    }
    let mut bytes = Vec::with_capacity(size * sources * geometry.lanes());
    for ky in 0..size {
        for (taps, lanes) in geometry.classes() {
            for source in 0..sources {
                let start = bytes.len();
                bytes.resize(start + lanes, 0);
                for (place, &kx) in taps.iter().enumerate() {
                    for target in 0..targets {
                        bytes[start + place * targets + target] = geometry.weight(weights, source, target, ky, kx as usize);
                    }
                }
            }
        }
    }
    rows(bytes, narrow)
}

/// Says for a population what reaches each of its rows, and for its inputs where their columns go.
pub(super) fn connect(graph: &LifGraph, id: PopulationId, populations: &mut [Population], projections: &mut [Projection]) {
    let shape = graph.population(id).shape;
    let channels = shape.channels as usize;
    let inputs = populations[id.index()].inputs.clone();
    if !matches!(populations[id.index()].dynamics, Dynamics::Integrate(_)) {
        return;
    }
    if let Some(blocks) = &mut populations[id.index()].blocks {
        blocks.classes = blocks::classes(graph, id, &inputs);
        for input in inputs {
            let Synapses::Cells(cells) = &projections[input].synapses else { unreachable!("what ends in blocks has rows for blocks") };
            populations[projections[input].source].readers.join(cells.readers());
        }
        return;
    }
    // the left margin: as far as any column lands outside
    let outside = |&input: &usize| {
        let geometry = Geometry::new(graph, &graph.projections[input]);
        geometry.map_or(0, |g| (0..g.from.width).map(|x| -g.x.landing(x).start).max().unwrap_or(0).max(0))
    };
    let left = inputs.iter().map(outside).max().unwrap_or(0) as usize * channels;
    let mut rows = vec![Vec::new(); shape.height as usize];
    let mut image_rows = rows.clone();
    let mut buffer = left + Rows::of(shape).stride;
    for input in inputs {
        let projection = &mut projections[input];
        let image = matches!(populations[projection.source].dynamics, Dynamics::Image { .. });
        let rows = if image { &mut image_rows } else { &mut rows };
        let from = graph.population(graph.projections[input].source).shape;
        match (Geometry::new(graph, &graph.projections[input]), &mut projection.synapses) {
            (Some(_), Synapses::Stripes(_)) => {}
            (Some(geometry), _) => {
                let sources = from.channels as usize;
                let classes = geometry.classes();
                let column = |x| {
                    let Landing { class, start } = geometry.x.landing(x);
                    let before: usize = classes[..class].iter().map(|(_, lanes)| lanes * sources).sum();
                    let to = left as i64 + start * channels as i64;
                    match classes[class].1 {
                        0 => Column::default(),
                        lanes => Column { weights: before, to: to as usize, vectors: lanes / LANES },
                    }
                };
                projection.columns = (0..from.width).map(column).collect();
                let kernel_row = geometry.lanes() * sources;
                for (y, row) in (0..).zip(rows) {
                    let input = |(tap, source): (u32, u32)| RowInput {
                        projection: input,
                        source_row: source as usize,
                        weights: tap as usize * kernel_row,
                    };
                    row.extend(geometry.y.into(y).map(input));
                }
            }
            (None, _) => {
                let stride = Rows::of(shape).stride;
                let position = from.channels as usize * stride;
                let column = |x| Column { weights: x * position, to: left, vectors: stride / LANES };
                projection.columns = (0..from.width as usize).map(column).collect();
                for (y, row) in rows.iter_mut().enumerate() {
                    let source_rows = 0..from.height as usize;
                    row.extend(source_rows.map(|source_row| RowInput {
                        projection: input,
                        source_row,
                        weights: (y * from.height as usize + source_row) * from.width as usize * position,
                    }));
                }
            }
        }
        let end = projection.columns.iter().map(|column| column.to + column.vectors * LANES).max();
        buffer = buffer.max(end.unwrap_or(0));
        if !image && matches!(projection.synapses, Synapses::Bytes(_) | Synapses::Words(_)) {
            populations[projection.source].readers.lists = true;
        }
    }
    let population = &mut populations[id.index()];
    (population.rows, population.image_rows) = (rows, image_rows);
    (population.left, population.buffer) = (left, buffer);
}
