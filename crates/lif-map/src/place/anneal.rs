//! Simulated annealing (Kirkpatrick, Gelatt, Vecchi, Science 1983) on top of the better simple placement.
//!
//! A move takes a slice to another core and, if that one is taken, its slice back. Moves that lower the cost are kept; others with a
//! probability that falls with the temperature. All of it is integers, also the logarithm that the probability needs, and every
//! random number is addressed by (seed, chain, move), so that every machine does the same. Several chains run side by side and the
//! cheapest wins, so threads change nothing but the time.

use super::{Hilbert, Placer, Problem, Sequential};
use lif_graph::philox::philox4x32_10;
use rayon::prelude::*;

/// Annealed placement; never dearer than the sequential one and Hilbert's.
pub struct Annealing;

/// Chains that run from the same start.
const CHAINS: u32 = 4;
/// Temperatures of a chain, each 7/8 of the one before; then as many at 0 as below.
const TEMPERATURES: u32 = 64;
/// Rounds at the end that only take what is better.
const FROZEN: u32 = 8;
/// Moves for each slice and temperature.
const MOVES: u64 = 24;
/// Fewer moves at a temperature than this are not worth their start, and more than that take too long.
const MOVE_LIMITS: [u64; 2] = [400, 40_000];
/// Half of the moves go to a router at most so far away from one that the slice talks to.
const NEAR: i32 = 1;
/// No slice here.
const EMPTY: u32 = u32::MAX;

impl Placer for Annealing {
    fn name(&self) -> &'static str {
        "annealing"
    }

    fn place(&self, problem: &Problem<'_>, seed: u64) -> Vec<u32> {
        let starts = [Hilbert.place(problem, seed), Sequential.place(problem, seed)];
        let start = starts.into_iter().min_by_key(|placement| problem.cost(placement)).unwrap_or_default();
        if problem.slices < 2 {
            return start;
        }
        let neighbours = Neighbours::new(problem);
        let chains = (0..CHAINS).into_par_iter().map(|chain| {
            let placement = Chain::new(problem, &neighbours, start.clone(), Draws { seed, chain }).run();
            (problem.cost(&placement), chain, placement)
        });
        chains.min_by_key(|(cost, chain, _)| (*cost, *chain)).map_or(start, |(_, _, placement)| placement)
    }
}

/// For each slice those that it talks to or hears, with the spikes both ways.
struct Neighbours {
    first: Vec<usize>,
    rows: Vec<(u32, u64)>,
}

impl Neighbours {
    fn new(problem: &Problem<'_>) -> Self {
        let mut pairs: Vec<(u32, u32, u64)> = problem
            .edges
            .iter()
            .filter(|edge| edge.source != edge.target && edge.spikes > 0)
            .flat_map(|edge| [(edge.source, edge.target, edge.spikes), (edge.target, edge.source, edge.spikes)])
            .collect();
        pairs.sort_unstable();
        pairs.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            kept.2 += if same { next.2 } else { 0 };
            same
        });
        let first = (0..=problem.slices as u32).map(|slice| pairs.partition_point(|pair| pair.0 < slice)).collect();
        Self { first, rows: pairs.into_iter().map(|(_, other, spikes)| (other, spikes)).collect() }
    }

    fn of(&self, slice: u32) -> &[(u32, u64)] {
        &self.rows[self.first[slice as usize]..self.first[slice as usize + 1]]
    }
}

/// Random numbers of a chain.
#[derive(Clone, Copy)]
struct Draws {
    seed: u64,
    chain: u32,
}

impl Draws {
    fn of_move(self, number: u64) -> [u32; 4] {
        philox4x32_10([number as u32, (number >> 32) as u32, self.chain, 0x706c_6163], [self.seed as u32, (self.seed >> 32) as u32])
    }
}

/// A random word as a number below `count`.
fn below(word: u32, count: usize) -> usize {
    ((u64::from(word) * count as u64) >> 32) as usize
}

/// About `-ln(word / 2^32) * 2^16`: exact at powers of two, the logarithm's chord between them.
fn exponential(word: u32) -> u64 {
    let word = word | 1;
    let zeros = word.leading_zeros();
    let fraction = u64::from((word << zeros) << 1) >> 16;
    let halvings = (u64::from(zeros + 1) << 16) - fraction;
    (halvings * 45_426) >> 16 // ln 2
}

struct Chain<'a> {
    problem: &'a Problem<'a>,
    neighbours: &'a Neighbours,
    first_sites: Vec<u32>,
    site_of: Vec<u32>,
    /// By slice: its router's place in the machine's table of distances.
    places: Vec<u32>,
    slice_at: Vec<u32>,
    draws: Draws,
    moves_done: u64,
}

/// A move and what it costs more.
struct Move {
    slice: u32,
    site: u32,
    more: i64,
}

impl<'a> Chain<'a> {
    fn new(problem: &'a Problem<'a>, neighbours: &'a Neighbours, site_of: Vec<u32>, draws: Draws) -> Self {
        let mut slice_at = vec![EMPTY; problem.machine.sites.len()];
        site_of.iter().enumerate().for_each(|(slice, &site)| slice_at[site as usize] = slice as u32);
        let machine = problem.machine;
        let places = site_of.iter().map(|&site| machine.place(machine.sites[site as usize])).collect();
        Self { problem, neighbours, first_sites: machine.first_sites(), site_of, places, slice_at, draws, moves_done: 0 }
    }

    fn run(mut self) -> Vec<u32> {
        let moves = (self.site_of.len() as u64 * MOVES).clamp(MOVE_LIMITS[0], MOVE_LIMITS[1]);
        let mut temperature = self.mean_change(moves);
        let mut best = (0i64, self.site_of.clone());
        let mut more = 0i64; // than at the start
        for round in 0..TEMPERATURES + FROZEN {
            temperature = if round < TEMPERATURES { temperature - temperature / 8 } else { 0 };
            for _ in 0..moves {
                let (trial, word) = self.draw();
                if trial.more <= 0 || u128::from(trial.more.unsigned_abs()) << 16 <= u128::from(temperature) * u128::from(exponential(word))
                {
                    self.take(&trial);
                    more += trial.more;
                }
            }
            if more < best.0 {
                best = (more, self.site_of.clone());
            }
        }
        best.1
    }

    /// Half the mean change that random moves make: hot enough to leave the start, cool enough to keep its order.
    fn mean_change(&mut self, moves: u64) -> u64 {
        let sum: u128 = (0..moves).map(|_| u128::from(self.draw().0.more.unsigned_abs())).sum();
        (sum / u128::from(moves) / 2) as u64
    }

    /// The next move, and a random word that is left.
    fn draw(&mut self) -> (Move, u32) {
        let [of_slice, of_kind, of_place, rest] = self.draws.of_move(self.moves_done);
        self.moves_done += 1;
        let slice = below(of_slice, self.site_of.len()) as u32;
        let others = self.neighbours.of(slice);
        let site = if of_kind & 1 == 0 || others.is_empty() {
            below(of_place, self.slice_at.len()) as u32
        } else {
            let (other, _) = others[below(of_kind, others.len())];
            self.site_near(self.router(self.site_of[other as usize]), of_place)
        };
        (Move { slice, site, more: self.change(slice, site) }, rest)
    }

    fn router(&self, site: u32) -> u32 {
        self.problem.machine.sites[site as usize]
    }

    /// A site of a router beside this one, or of this one.
    fn site_near(&self, router: u32, word: u32) -> u32 {
        let machine = self.problem.machine;
        let side = 2 * NEAR + 1;
        let place = below(word, (side * side) as usize) as i32;
        let near = machine.routers[router as usize];
        let x = (near.x as i32 + place % side - NEAR).clamp(0, machine.columns as i32 - 1);
        let y = (near.y as i32 + place / side - NEAR).clamp(0, machine.rows as i32 - 1);
        let router = machine.router_at(x as u32, y as u32).unwrap_or(router) as usize;
        let sites = (self.first_sites[router + 1] - self.first_sites[router]) as usize;
        self.first_sites[router] + below(word.wrapping_mul(0x9E37_79B9), sites) as u32
    }

    /// What taking `slice` to `site` costs more.
    fn change(&self, slice: u32, site: u32) -> i64 {
        let (from, to) = (self.router(self.site_of[slice as usize]), self.router(site));
        if from == to {
            return 0;
        }
        let there = self.slice_at[site as usize];
        let mut more = self.change_of(slice, from, to, there);
        if there != EMPTY {
            more += self.change_of(there, to, from, slice);
        }
        more
    }

    /// The part of one slice; what it says to `partner`, with which it changes places, stays as it is.
    fn change_of(&self, slice: u32, from: u32, to: u32, partner: u32) -> i64 {
        let machine = self.problem.machine;
        let (to, from) = (machine.place(to), machine.place(from));
        let of_pair = |&(other, spikes): &(u32, u64)| {
            let place = self.places[other as usize];
            let more = machine.hops_between(to, place) as i64 - machine.hops_between(from, place) as i64;
            if other == partner { 0 } else { spikes as i64 * more }
        };
        self.neighbours.of(slice).iter().map(of_pair).sum()
    }

    fn take(&mut self, taken: &Move) {
        let from = self.site_of[taken.slice as usize];
        let there = self.slice_at[taken.site as usize];
        self.slice_at[from as usize] = there;
        self.slice_at[taken.site as usize] = taken.slice;
        self.site_of[taken.slice as usize] = taken.site;
        let place_before = self.places[taken.slice as usize];
        self.places[taken.slice as usize] = self.problem.machine.place(self.router(taken.site));
        if there != EMPTY && there != taken.slice {
            self.site_of[there as usize] = from;
            self.places[there as usize] = place_before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_close() {
        for word in [1u32, 3, 77, 1 << 16, 123_456_789, 1 << 31, 3_000_000_000, u32::MAX] {
            let exact = -(f64::from(word) / 2f64.powi(32)).ln() * 65536.0;
            assert!((exponential(word) as f64 - exact).abs() < 0.07 * 65536.0, "{word}: {} and {exact}", exponential(word));
        }
    }
}
