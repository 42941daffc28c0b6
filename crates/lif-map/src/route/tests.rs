use super::compress::compress;
use super::keys::Block;
use super::table::{Entry, Passing, Route, look_up, passing};
use super::tree::Tree;
use super::*;
use crate::Edge;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn machine(chip: &str, cores: u64) -> Machine {
    Machine::new(&lif_chip::find(chip).unwrap(), cores).unwrap()
}

/// A hop a step nearer, and on a mesh never a turn back to the row.
#[test]
fn straight_ways_are_the_shortest() {
    for machine in [machine("mesh2x2", 1), machine("loihi1", 129), machine("spinnaker1", 1), machine("spinnaker1", 800)] {
        let routers = machine.routers.len() as u32;
        for (from, to) in (0..routers).flat_map(|from| (0..routers).map(move |to| (from, to))) {
            let way = straight_way(&machine, from, to);
            assert_eq!(way.len() as u64, machine.hops(from, to));
            let end = way.iter().fold(from, |at, &direction| machine.neighbour(at, direction).unwrap());
            assert_eq!(end, to);
            if machine.topology == crate::Topology::Mesh {
                assert!(way.windows(2).all(|pair| pair[0].step().1 == 0 || pair[1].step().1 != 0), "row first");
            }
        }
    }
}

#[test]
fn the_load_of_a_mesh_is_spikes_times_hops() {
    let machine = machine("loihi1", 1);
    let edges = [(0, 1, 5), (1, 0, 7), (2, 2, 100), (0, 2, 1)].map(|(source, target, spikes)| Edge { source, target, spikes });
    let routers = [0, 19, 12]; // (0, 0), (3, 2), (4, 1)
    let loads = mesh::loads(&machine, &edges, |slice| routers[slice as usize]);
    assert_eq!(loads.iter().map(|load| load.spikes).sum::<u64>(), 5 * 5 + 7 * 5 + 5);
    let first = LinkLoad { x: 0, y: 0, direction: Direction::East, spikes: 6 };
    assert_eq!(loads[0], first);
}

/// Follows a spike from its source through tables; gives the cores that it reaches.
fn delivered(machine: &Machine, tables: &[Vec<Entry>], root: u32, key: u32) -> BTreeSet<(u32, u32)> {
    let mut reached = BTreeSet::new();
    let mut flying: Vec<(u32, Option<Direction>)> = vec![(root, None)];
    let mut hops = 0;
    while let Some((router, coming)) = flying.pop() {
        hops += 1;
        assert!(hops <= machine.routers.len(), "a spike goes round in circles");
        let straight_on = || coming.map(Route::link).expect("a spike that is not routed where it starts is lost");
        let route = look_up(&tables[router as usize], key).unwrap_or_else(straight_on);
        flying.extend(route.links().map(|direction| (machine.neighbour(router, direction).expect("a link"), Some(direction))));
        for number in route.cores() {
            assert!(reached.insert((router, number)), "a spike comes twice");
        }
    }
    reached
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Every spike reaches the cores that listen and no other, by the plain tables and by the compressed ones.
    #[test]
    fn spikes_arrive_before_and_after_compression(
        torus: bool,
        slices in prop::collection::vec((any::<u32>(), prop::collection::btree_set((any::<u32>(), 3u32..18), 1..24)), 1..40),
    ) {
        let machine = machine("spinnaker1", if torus { 800 } else { 1 });
        let routers = machine.routers.len() as u32;
        let slices: Vec<(u32, BTreeSet<(u32, u32)>)> = slices
            .into_iter()
            .map(|(root, listeners)| (root % routers, listeners.into_iter().map(|(router, number)| (router % routers, number)).collect()))
            .collect();
        let trees: Vec<Tree> = slices
            .iter()
            .map(|(root, listeners)| Tree::grow(&machine, *root, &listeners.iter().map(|&(router, _)| router).collect()))
            .collect();
        let block = |index: usize| Block { key: (index as u32) << 12, mask: !0xfff };
        let rows = trees.iter().zip(&slices).enumerate().map(|(index, (tree, (_, listeners)))| (block(index), tree, listeners));
        let passing = passing(&machine, rows);
        let plain: Vec<Vec<Entry>> = passing.iter().map(|table| table.entries.clone()).collect();
        let small: Vec<Vec<Entry>> = passing.iter().map(compress).collect();
        for (index, (root, listeners)) in slices.iter().enumerate() {
            for key in [block(index).key, block(index).key + 0xfff] {
                prop_assert_eq!(&delivered(&machine, &plain, *root, key), listeners);
                prop_assert_eq!(&delivered(&machine, &small, *root, key), listeners);
            }
            let hops = trees[index].hops().count() as u64;
            let apart: BTreeSet<u32> = listeners.iter().map(|&(router, _)| router).collect();
            prop_assert!(hops <= apart.iter().map(|&router| machine.hops(*root, router)).sum());
        }
    }

    /// A compressed table gives every key that passes the route that it had, and is never longer.
    #[test]
    fn compression_changes_no_route_of_a_used_key(rows in prop::collection::vec((0u32..64, 0u32..6, 0u8..5), 0..64)) {
        let mut passing = Passing::default();
        let mut used = BTreeSet::new();
        for (place, bits, route) in rows {
            let size = 1 << bits;
            let keys = Block { key: place * 32 / size * size, mask: !(size - 1) };
            if used.iter().any(|other: &Block| other.meets(keys)) {
                continue;
            }
            used.insert(keys);
            let entry = Entry { keys, route: Route::core(route.into()) };
            if route == 0 { passing.straight_on.push(entry) } else { passing.entries.push(entry) }
        }
        let small = compress(&passing);
        prop_assert!(small.len() <= passing.entries.len());
        for block in used {
            for key in block.key..=block.key + !block.mask {
                prop_assert_eq!(look_up(&small, key), look_up(&passing.entries, key));
            }
        }
    }
}

/// Order does its work: all slices but one go the same way.
#[test]
fn an_exception_costs_one_entry() {
    let block = |index: u32| Block { key: index << 8, mask: !0xff };
    let route = |index| if index == 5 { Route::link(Direction::North) } else { Route::core(4) };
    let entries = (0..64).map(|index| Entry { keys: block(index), route: route(index) }).collect();
    let table = compress(&Passing { entries, straight_on: vec![] });
    assert_eq!(table.len(), 2);
    assert_eq!(table[0], Entry { keys: block(5), route: Route::link(Direction::North) });
    assert_eq!(look_up(&table, 63 << 8), Some(Route::core(4)));
}
