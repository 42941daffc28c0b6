//! The system that a network is mapped onto: as many chips as it takes, with their routers, cores and links.
//!
//! ```text
//!   mesh (Loihi)                      hexagonal (SpiNNaker)
//!                                               N   NE
//!          N                                    |  /
//!          |                                 ---+---  E        links are numbered from E
//!      W --+-- E                             W / |             against the clock
//!          |                                SW   S
//!          S
//! ```

use crate::rules::{self, MapError};
use lif_chip::{Chip, Hexagonal, Mesh};
use serde::Serialize;

/// A link's direction, with SpiNNaker's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
#[allow(missing_docs, reason = "the points of the compass")]
pub enum Direction {
    East,
    NorthEast,
    North,
    West,
    SouthWest,
    South,
}

impl Direction {
    /// By number.
    pub const ALL: [Self; 6] = [Self::East, Self::NorthEast, Self::North, Self::West, Self::SouthWest, Self::South];

    /// One hop as columns and rows.
    pub const fn step(self) -> (i32, i32) {
        match self {
            Self::East => (1, 0),
            Self::NorthEast => (1, 1),
            Self::North => (0, 1),
            Self::West => (-1, 0),
            Self::SouthWest => (-1, -1),
            Self::South => (0, -1),
        }
    }
}

/// How routers are linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topology {
    /// Four neighbours; spikes go to one core at a time.
    Mesh,
    /// Six neighbours; spikes are copied on the way.
    HexagonalBoard,
    /// The same, and the rims are joined.
    HexagonalTorus,
}

/// A router with its cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Router {
    /// Column.
    pub x: u32,
    /// Row.
    pub y: u32,
    /// Number of its first core.
    pub first_core: u32,
    /// How many cores it has.
    pub cores: u32,
}

/// A system of chips.
#[derive(Clone, Debug)]
pub struct Machine {
    /// How routers are linked.
    pub topology: Topology,
    /// Columns of the grid.
    pub columns: u32,
    /// Rows of the grid.
    pub rows: u32,
    /// Chips of the system, used or not.
    pub chips: u32,
    /// Routers that exist, row by row.
    pub routers: Vec<Router>,
    /// The router of every core, in the routers' order.
    pub sites: Vec<u32>,
    /// Columns and rows of one chip.
    chip: (u32, u32),
    at: Vec<Option<u32>>,
    /// Hops by displacement.
    hops: Vec<u16>,
}

/// Systems beyond this many routers are not laid out.
const MAX_ROUTERS: u64 = 1 << 20;

impl Machine {
    /// The smallest system of this chip with at least `cores` cores.
    ///
    /// # Errors
    /// Breaches of `chip-has-a-grid` and `cores-fit-the-system`.
    pub fn new(chip: &Chip, cores: u64) -> Result<Self, MapError> {
        let found = match (chip.mesh, &chip.hexagonal) {
            (Some(mesh), _) => Self::mesh(&mesh, chip.core.count, cores),
            (None, Some(hexagonal)) => Self::hexagonal(hexagonal, chip.core.count, cores),
            (None, None) => {
                let cause = "its file has neither `mesh` nor `hexagonal`".into();
                return Err(MapError::one(&chip.name, &rules::CHIP_HAS_A_GRID, &chip.name, cause));
            }
        };
        found.ok_or_else(|| {
            let cause = format!("{cores} cores are needed, and the largest system has {}", cores_of_largest(chip));
            MapError::one(&chip.name, &rules::CORES_FIT_THE_SYSTEM, "graph", cause)
        })
    }

    fn mesh(mesh: &Mesh, cores_per_chip: u32, cores: u64) -> Option<Self> {
        let unit = (mesh.columns, mesh.rows);
        let (across, up) = rectangle(cores.div_ceil(cores_per_chip.into()).max(1), unit, mesh.chips.unwrap_or(1).into())?;
        let (columns, rows) = (mesh.columns * across, mesh.rows * up);
        let router = |x, y| Some(Router { x, y, first_core: 0, cores: mesh.cores_per_router });
        Some(Self::build(Topology::Mesh, columns, rows, unit, across * up, router))
    }

    fn hexagonal(grid: &Hexagonal, cores_per_chip: u32, cores: u64) -> Option<Self> {
        let lost = grid.first_core_of_board - grid.first_core;
        let weak = |x: u32, y: u32| grid.weak_chips.iter().flatten().any(|&chip| chip == [x, y]);
        let router = |x, y, is_first: bool, is_weak: bool| {
            let first_core = if is_first { grid.first_core_of_board } else { grid.first_core };
            Router { x, y, first_core, cores: cores_per_chip - if is_first { lost } else { 0 } - u32::from(is_weak) }
        };
        if cores <= board_cores(grid, cores_per_chip) {
            let origin = grid.board.first().map_or(0, |row| row[0]);
            let on_board = |x: u32, y: u32| grid.board.get(y as usize).is_some_and(|[first, last]| (*first..=*last).contains(&x));
            let columns = grid.board.iter().map(|row| row[1] + 1).max().unwrap_or(1);
            let chips = grid.board.iter().map(|[first, last]| last - first + 1).sum();
            let at = |x, y| on_board(x, y).then(|| router(x, y, (x, y) == (origin, 0), weak(x, y)));
            return Some(Self::build(Topology::HexagonalBoard, columns, grid.board.len() as u32, (1, 1), chips, at));
        }
        let [columns, rows] = grid.torus?;
        let origins = grid.board_origins.as_deref().unwrap_or(&[]);
        let chips = u64::from(columns) * u64::from(rows);
        let of_unit = (chips * u64::from(cores_per_chip)).saturating_sub(lost_on_board(grid) * origins.len() as u64).max(1);
        let (across, up) = rectangle(cores.div_ceil(of_unit), (columns, rows), u64::from(grid.chips.unwrap_or(1)) / chips)?;
        // every chip of a torus lies on one board
        let is_weak = |x, y| origins.iter().any(|[first_x, first_y]| weak((x + columns - first_x) % columns, (y + rows - first_y) % rows));
        let at = |x, y| Some(router(x, y, origins.contains(&[x % columns, y % rows]), is_weak(x, y)));
        let all = chips as u32 * across * up;
        Some(Self::build(Topology::HexagonalTorus, columns * across, rows * up, (1, 1), all, at))
    }

    fn build(
        topology: Topology,
        columns: u32,
        rows: u32,
        chip: (u32, u32),
        chips: u32,
        router: impl Fn(u32, u32) -> Option<Router>,
    ) -> Self {
        let mut machine = Self { topology, columns, rows, chips, routers: vec![], sites: vec![], chip, at: vec![], hops: vec![] };
        for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            let found = router(x, y);
            let index = machine.routers.len() as u32;
            machine.at.push(found.map(|_| index));
            machine.sites.extend(found.iter().flat_map(|router| vec![index; router.cores as usize]));
            machine.routers.extend(found);
        }
        let (width, height) = (columns as i32, rows as i32);
        let displacements = (1 - height..height).flat_map(|dy| (1 - width..width).map(move |dx| (dx, dy)));
        machine.hops = displacements.map(|displacement| machine.length(machine.shortest(displacement)) as u16).collect();
        machine
    }

    /// Hops between two routers.
    pub fn hops(&self, from: u32, to: u32) -> u64 {
        self.hops_between(self.place(from), self.place(to))
    }

    /// A router's place in the table of distances.
    pub fn place(&self, router: u32) -> u32 {
        let Router { x, y, .. } = self.routers[router as usize];
        y * (2 * self.columns - 1) + x
    }

    /// Hops between routers of two places: they depend on the difference alone.
    pub fn hops_between(&self, from: u32, to: u32) -> u64 {
        let none = (self.rows - 1) * (2 * self.columns - 1) + self.columns - 1;
        u64::from(self.hops[(to + none - from) as usize])
    }

    /// Columns and rows from one router to another, the shortest way.
    pub fn vector(&self, from: u32, to: u32) -> (i32, i32) {
        self.shortest(self.displacement(from, to))
    }

    /// The router one hop away, if there is one.
    pub fn neighbour(&self, router: u32, direction: Direction) -> Option<u32> {
        let Router { x, y, .. } = self.routers[router as usize];
        let (dx, dy) = direction.step();
        let (x, y) = (x as i32 + dx, y as i32 + dy);
        let (width, height) = (self.columns as i32, self.rows as i32);
        match self.topology {
            Topology::HexagonalTorus => self.at[(y.rem_euclid(height) * width + x.rem_euclid(width)) as usize],
            _ if !(0..width).contains(&x) || !(0..height).contains(&y) => None,
            _ => self.at[(y * width + x) as usize],
        }
    }

    /// The router at a place of the grid.
    pub fn router_at(&self, x: u32, y: u32) -> Option<u32> {
        *self.at.get((y * self.columns + x) as usize)?
    }

    /// Number of the chip that a router belongs to.
    pub fn chip_of(&self, router: u32) -> u32 {
        let Router { x, y, .. } = self.routers[router as usize];
        (y / self.chip.1) * self.columns.div_ceil(self.chip.0) + x / self.chip.0
    }

    /// Where the sites of each router begin, and the end.
    pub fn first_sites(&self) -> Vec<u32> {
        let cores = self.routers.iter().map(|router| router.cores);
        std::iter::once(0)
            .chain(cores.scan(0, |sum, cores| {
                *sum += cores;
                Some(*sum)
            }))
            .collect()
    }

    fn displacement(&self, from: u32, to: u32) -> (i32, i32) {
        let [from, to] = [from, to].map(|router| self.routers[router as usize]);
        (to.x as i32 - from.x as i32, to.y as i32 - from.y as i32)
    }

    fn shortest(&self, (dx, dy): (i32, i32)) -> (i32, i32) {
        if self.topology != Topology::HexagonalTorus {
            return (dx, dy);
        }
        let round = |d: i32, size: u32| [d, d - size as i32, d + size as i32];
        let ways = round(dx, self.columns).into_iter().flat_map(|x| round(dy, self.rows).into_iter().map(move |y| (x, y)));
        ways.min_by_key(|&way| self.length(way)).unwrap_or((dx, dy))
    }

    fn length(&self, (dx, dy): (i32, i32)) -> u32 {
        match self.topology {
            Topology::Mesh => dx.unsigned_abs() + dy.unsigned_abs(),
            Topology::HexagonalBoard | Topology::HexagonalTorus => dx.unsigned_abs().max(dy.unsigned_abs()).max((dx - dy).unsigned_abs()),
        }
    }
}

/// Cores of the largest system of a chip; a chip whose cores have no place has them all the same.
pub fn cores_of_largest(chip: &Chip) -> u64 {
    let cores = u64::from(chip.core.count);
    match (chip.mesh, &chip.hexagonal) {
        (Some(mesh), _) => cores * u64::from(mesh.chips.unwrap_or(1)),
        (None, Some(grid)) => match (grid.torus, grid.chips) {
            (Some([columns, rows]), Some(chips)) => {
                let lost = lost_on_board(grid) * grid.board_origins.iter().flatten().count() as u64;
                let of_unit = (u64::from(columns) * u64::from(rows) * cores).saturating_sub(lost);
                (u64::from(chips) / (u64::from(columns) * u64::from(rows)) * of_unit).max(board_cores(grid, chip.core.count))
            }
            _ => board_cores(grid, chip.core.count),
        },
        (None, None) => cores,
    }
}

fn board_cores(grid: &Hexagonal, cores_per_chip: u32) -> u64 {
    let chips: u64 = grid.board.iter().map(|[first, last]| u64::from(last - first) + 1).sum();
    chips * u64::from(cores_per_chip) - lost_on_board(grid)
}

/// Cores that a board has not, of those that its chips would have if all were the same.
fn lost_on_board(grid: &Hexagonal) -> u64 {
    u64::from(grid.first_core_of_board - grid.first_core) + grid.weak_chips.iter().flatten().count() as u64
}

/// The rectangle of at least `count` and at most `most` units with the shortest long side, and of these the smallest.
fn rectangle(count: u64, (width, height): (u32, u32), most: u64) -> Option<(u32, u32)> {
    let shapes = (1..=count).map(|up| (count.div_ceil(up), up));
    let fitting = shapes.filter(|(across, up)| across * up <= most && across * up * u64::from(width) * u64::from(height) <= MAX_ROUTERS);
    let best = fitting.min_by_key(|&(across, up)| ((across * u64::from(width)).max(up * u64::from(height)), across * up, up))?;
    Some((best.0 as u32, best.1 as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(chip: &str, cores: u64) -> Machine {
        Machine::new(&lif_chip::find(chip).unwrap(), cores).unwrap()
    }

    fn size(chip: &str, cores: u64) -> (u32, u32, u32, usize) {
        let machine = machine(chip, cores);
        (machine.columns, machine.rows, machine.chips, machine.sites.len())
    }

    #[test]
    fn systems_grow_with_the_need() {
        assert_eq!(size("loihi1", 1), (8, 4, 1, 128));
        assert_eq!(size("loihi1", 129), (8, 8, 2, 256));
        assert_eq!(size("loihi1", 128 * 5), (16, 12, 6, 768));
        assert_eq!(size("spinnaker1", 759), (8, 8, 48, 759));
        assert_eq!(size("spinnaker1", 760), (12, 12, 144, 144 * 16 - 3 - 24));
        assert_eq!(size("spinnaker1", 2278), (24, 12, 288, 288 * 16 - 6 - 48));
        assert_eq!(size("spinnaker2", 148), (1, 1, 1, 148));
        assert_eq!(size("mesh2x2", 4), (2, 2, 1, 4));
    }

    #[test]
    fn the_largest_systems_are_those_of_the_chip_files() {
        for (chip, cores) in [("loihi1", 768 * 128), ("spinnaker1", 400 * (144 * 16 - 27)), ("spinnaker2", 148), ("mesh2x2", 4)] {
            let chip = lif_chip::find(chip).unwrap();
            assert_eq!(cores_of_largest(&chip), cores);
            assert!(Machine::new(&chip, cores + 1).is_err());
        }
        assert_eq!(machine("spinnaker1", 400 * (144 * 16 - 27)).chips, 57_600);
    }

    /// Core 17 is missing on the same chips of each board.
    #[test]
    fn weak_chips_have_a_core_less() {
        for (machine, boards) in [(machine("spinnaker1", 1), 1), (machine("spinnaker1", 800), 3)] {
            let last = |router: &&Router| router.first_core + router.cores - 1;
            let weak: Vec<(u32, u32)> =
                machine.routers.iter().filter(|router| last(router) == 16).map(|router| (router.x, router.y)).collect();
            assert_eq!(weak.len(), 8 * boards);
            assert!(weak.contains(&(1, 1)) && weak.contains(&(5, 6)) && machine.routers.iter().all(|router| last(&router) >= 16));
        }
        let triad = machine("spinnaker1", 800);
        let at = |x, y| triad.routers[triad.router_at(x, y).unwrap() as usize].cores;
        // (4, 8) and (8, 4) are the other boards' first chips
        assert_eq!([at(5, 9), at(9, 5), at(1, 10), at(4, 8), at(8, 4)], [15, 15, 15, 15, 15]);
    }

    #[test]
    fn a_chip_without_a_grid_is_refused() {
        let error = Machine::new(&lif_chip::find("generic").unwrap(), 1).unwrap_err();
        assert_eq!(error.breaches()[0].rule, &rules::CHIP_HAS_A_GRID);
    }

    /// Distances are those that following links finds.
    #[test]
    fn hops_are_those_of_the_links() {
        for machine in [machine("loihi1", 1), machine("mesh2x2", 1), machine("spinnaker1", 700), machine("spinnaker1", 800)] {
            let directions = Direction::ALL
                .into_iter()
                .filter(|direction| machine.topology != Topology::Mesh || direction.step().0 * direction.step().1 == 0);
            let directions: Vec<Direction> = directions.collect();
            for from in 0..machine.routers.len() as u32 {
                let mut distance = vec![u64::MAX; machine.routers.len()];
                let mut queue = std::collections::VecDeque::from([from]);
                distance[from as usize] = 0;
                while let Some(router) = queue.pop_front() {
                    for next in directions.iter().filter_map(|&direction| machine.neighbour(router, direction)) {
                        if distance[next as usize] == u64::MAX {
                            distance[next as usize] = distance[router as usize] + 1;
                            queue.push_back(next);
                        }
                    }
                }
                for (to, &expected) in distance.iter().enumerate() {
                    assert_eq!(machine.hops(from, to as u32), expected, "{:?}: {from} to {to}", machine.topology);
                }
            }
        }
    }
}
