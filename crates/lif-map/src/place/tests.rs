//! One suite for all placers.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn machines() -> Vec<Machine> {
    let machine = |chip: &str, cores| Machine::new(&lif_chip::find(chip).unwrap(), cores).unwrap();
    vec![machine("mesh2x2", 1), machine("loihi1", 1), machine("loihi1", 200), machine("spinnaker1", 1), machine("spinnaker1", 800)]
}

fn edges(slices: u32, words: &[[u32; 3]]) -> Vec<Edge> {
    let mut edges: Vec<Edge> =
        words.iter().map(|&[a, b, spikes]| Edge { source: a % slices, target: b % slices, spikes: u64::from(spikes % 1000) }).collect();
    edges.sort_unstable();
    edges.dedup_by_key(|edge| (edge.source, edge.target));
    edges
}

fn on_threads<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Every slice has a core of its own.
    #[test]
    fn placements_are_legal(which in 0usize..5, share in 1usize..=16, words in prop::collection::vec(any::<[u32; 3]>(), 0..60)) {
        let machine = &machines()[which];
        let slices = (machine.sites.len() * share / 16).clamp(1, 60);
        let edges = edges(slices as u32, &words);
        let problem = Problem { machine, slices, edges: &edges };
        for placer in PLACERS {
            let placement = placer.place(&problem, 7);
            prop_assert_eq!(placement.len(), slices, "{}", placer.name());
            prop_assert!(placement.iter().all(|&site| (site as usize) < machine.sites.len()), "{}", placer.name());
            prop_assert_eq!(placement.iter().collect::<BTreeSet<_>>().len(), slices, "{}", placer.name());
        }
    }

    /// Better placers are never worse than those they start from, and none depends on threads.
    #[test]
    fn placements_do_not_get_worse_and_threads_change_nothing(
        which in 0usize..5, seed: u64, words in prop::collection::vec(any::<[u32; 3]>(), 1..60),
    ) {
        let machine = &machines()[which];
        let slices = machine.sites.len().min(40);
        let edges = edges(slices as u32, &words);
        let problem = Problem { machine, slices, edges: &edges };
        let annealed = problem.cost(&Annealing.place(&problem, seed));
        prop_assert!(annealed <= problem.cost(&Hilbert.place(&problem, seed)));
        prop_assert!(annealed <= problem.cost(&Sequential.place(&problem, seed)));
        for placer in PLACERS {
            let alone = on_threads(1, || placer.place(&problem, seed));
            prop_assert_eq!(&alone, &on_threads(3, || placer.place(&problem, seed)), "{}", placer.name());
            prop_assert_eq!(&alone, &placer.place(&problem, seed), "{}", placer.name());
        }
    }

    /// Where all placements can be tried, annealing finds one of the best.
    #[test]
    fn tiny_cases_are_placed_as_well_as_can_be(slices in 1usize..=4, seed: u64, words in prop::collection::vec(any::<[u32; 3]>(), 0..12)) {
        let machine = Machine::new(&lif_chip::find("mesh2x2").unwrap(), 1).unwrap();
        let edges = edges(slices as u32, &words);
        let problem = Problem { machine: &machine, slices, edges: &edges };
        prop_assert_eq!(problem.cost(&Annealing.place(&problem, seed)), optimum(&problem, 4));
    }

    #[test]
    fn small_cases_are_placed_as_well_as_can_be(seed: u64, words in prop::collection::vec(any::<[u32; 3]>(), 5..20)) {
        // 6 slices on a 3 x 2 mesh of single cores
        let chip = include_str!("../../../../targets/generic/mesh2x2.toml").replace("columns = 2", "columns = 3").replace("count = 4", "count = 6");
        let machine = Machine::new(&lif_chip::Chip::from_toml("test", &chip).unwrap(), 1).unwrap();
        let edges = edges(6, &words);
        let problem = Problem { machine: &machine, slices: 6, edges: &edges };
        prop_assert_eq!(problem.cost(&Annealing.place(&problem, seed)), optimum(&problem, 6));
    }
}

/// The lowest cost of all placements on `sites` sites.
fn optimum(problem: &Problem<'_>, sites: u32) -> u64 {
    fn try_all(problem: &Problem<'_>, sites: u32, placement: &mut Vec<u32>) -> u64 {
        if placement.len() == problem.slices {
            return problem.cost(placement);
        }
        let mut best = u64::MAX;
        for site in 0..sites {
            if !placement.contains(&site) {
                placement.push(site);
                best = best.min(try_all(problem, sites, placement));
                placement.pop();
            }
        }
        best
    }
    try_all(problem, sites, &mut vec![])
}
