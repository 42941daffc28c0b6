//! How cores stand beside each other and which links lie between them.

use serde::Deserialize;

/// A rectangle of routers, each linked with its four neighbours. Spikes go to one core at a time, first along the row, then along the
/// column. Several chips continue the rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mesh {
    /// Routers in a row of one chip.
    pub columns: u32,
    /// Rows of one chip.
    pub rows: u32,
    /// Cores of one router.
    pub cores_per_router: u32,
    /// Chips of the largest system; absent where a system is one chip.
    pub chips: Option<u32>,
}

/// Chips with one multicast router each, linked with six neighbours: east, north-east, north, west, south-west, south.
///
/// One board is a part of the grid without wrap-around. Larger machines are tori of whole rectangles.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hexagonal {
    /// Number of the first core of a chip that is free for neurons.
    pub first_core: u32,
    /// The same on the chip that talks to the host, the first of each board.
    pub first_core_of_board: u32,
    /// The first and the last column of each row of a board.
    pub board: Vec<[u32; 2]>,
    /// Chips of a board, seen from its first, that have a core less; absent where all are the same.
    pub weak_chips: Option<Vec<[u32; 2]>>,
    /// Columns and rows by which a torus grows; absent where a system is one board.
    pub torus: Option<[u32; 2]>,
    /// Where boards begin in such a rectangle.
    pub board_origins: Option<Vec<[u32; 2]>>,
    /// Chips of the largest system; absent where a system is one board.
    pub chips: Option<u32>,
    /// Entries of a router's table.
    pub routing_entries: u32,
    /// Bits of a key that stand below the neuron's number.
    pub key_bits_below_neuron: u32,
}

type Figure = (&'static str, u64, u64, u64);

/// Wider systems are not described.
const MAX_SIDE: u64 = 1024;

/// Cores of a chip that a routing entry has bits for.
const MAX_CORES: u64 = 186;

impl Mesh {
    /// Key, value, smallest and largest value of every figure.
    pub(crate) fn figures(&self, cores: u32) -> Vec<Figure> {
        let described = u64::from(self.columns) * u64::from(self.rows) * u64::from(self.cores_per_router);
        vec![
            ("mesh.columns", self.columns.into(), 1, MAX_SIDE),
            ("mesh.rows", self.rows.into(), 1, MAX_SIDE),
            ("mesh.cores_per_router", self.cores_per_router.into(), 1, MAX_SIDE),
            ("mesh.columns * rows * cores_per_router (core.count)", described, cores.into(), cores.into()),
            ("mesh.chips", self.chips.unwrap_or(1).into(), 1, 1 << 20),
        ]
    }
}

impl Hexagonal {
    /// Key, value, smallest and largest value of every figure.
    pub(crate) fn figures(&self, cores: u32) -> Vec<Figure> {
        let first = u64::from(self.first_core);
        let mut figures = vec![
            ("hexagonal.first_core + core.count", first + u64::from(cores), 1, MAX_CORES),
            ("hexagonal.first_core_of_board", self.first_core_of_board.into(), first, first + u64::from(cores) - 1),
            ("hexagonal.board (count of rows)", self.board.len() as u64, 1, MAX_SIDE),
            ("hexagonal.chips", self.chips.unwrap_or(1).into(), 1, 1 << 20),
            ("hexagonal.routing_entries", self.routing_entries.into(), 1, u32::MAX.into()),
            ("hexagonal.key_bits_below_neuron", self.key_bits_below_neuron.into(), 0, 16),
        ];
        figures.extend(self.board.iter().map(|&[first, last]| ("hexagonal.board (last column)", last.into(), first.into(), MAX_SIDE - 1)));
        let [columns, rows] = self.torus.unwrap_or([1, 1]).map(u64::from);
        figures.extend([("hexagonal.torus (columns)", columns, 1, MAX_SIDE), ("hexagonal.torus (rows)", rows, 1, MAX_SIDE)]);
        for &[x, y] in self.weak_chips.iter().flatten() {
            // the first chip has lost cores to the host already
            let [first, last] = self.board.get(y as usize).copied().unwrap_or([1, 0]).map(u64::from);
            figures.push(("hexagonal.weak_chips (column of that row)", x.into(), first + u64::from(y == 0 && first == u64::from(x)), last));
        }
        for &[x, y] in self.board_origins.iter().flatten() {
            figures.extend([
                ("hexagonal.board_origins (column)", x.into(), 0, columns.saturating_sub(1)),
                ("hexagonal.board_origins (row)", y.into(), 0, rows.saturating_sub(1)),
            ]);
        }
        figures
    }
}
