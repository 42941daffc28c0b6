//! A mapped graph as the engine wants it: cores, links, ways, and what a spike of each neuron sends.
//!
//! ```text
//!   neuron --place--> core, number there, axons
//!   axon   ---------> where its packet starts (a node), what it brings to each core that listens (arrivals)
//!   node   ---------> children: (unit to cross, node behind it) ...       a way is a chain of nodes, a multicast tree branches
//! ```
//!
//! On a mesh a spike has an axon for each core that listens, and each sends a packet of its own. On a hexagonal grid a spike is one packet, which
//! is copied where its ways part and reaches all cores that listen to its slice.
//!
//! Units are what holds a packet for a time: senders, links, ports (from a router into a core), servers (the core's receiving side). Their numbers
//! run in this order.

use crate::TimeError;
use crate::prices::{Price, Prices};
use lif_chip::Chip;
use lif_graph::{Connectivity, LifGraph, NeuronModel, PopulationId};
use lif_map::route::straight_way;
use lif_map::route::tree::Tree;
use lif_map::{Direction, Machine, Mapping, Region, Topology, Wire};
use std::collections::{BTreeMap, BTreeSet};

/// One core with its slice of a population.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// Whose neurons.
    pub population: PopulationId,
    /// Which.
    pub region: Region,
    /// Column of its router.
    pub x: u32,
    /// Row of its router.
    pub y: u32,
    /// Its number there.
    pub number: u32,
    /// Neurons that are updated in every tick; the gates of a select stage included, and none for spikes from outside.
    pub neurons: u64,
    /// For a select stage, the gates of a channel.
    pub ways: Option<u32>,
    /// For a select stage, the axon from its gates to itself.
    pub gate_axon: Option<u32>,
}

/// A link from a router to its neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Column of the router that sends.
    pub x: u32,
    /// Its row.
    pub y: u32,
    /// To which neighbour.
    pub direction: Direction,
    /// What a hop takes.
    pub hop: Price,
}

/// What one packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Axon {
    /// The sending core.
    pub sender: u32,
    /// Where its way begins.
    pub root: u32,
    /// Of all hops, routers and deliveries.
    pub energy: u64,
    /// Its first arrival.
    pub arrivals: u32,
    /// How many cores it reaches.
    pub reached: u32,
}

/// What a packet brings to one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// The core.
    pub core: u32,
    /// Synapses, those of convolutions apart.
    pub synapses: u32,
    /// Synapses of convolutions.
    pub convolution: u32,
    /// How long the core is busy with it.
    pub service: u64,
}

/// Where a neuron is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its core.
    pub core: u32,
    /// Its number in the slice.
    pub local: u32,
    /// Its first axon.
    pub axons: u32,
    /// How many it has.
    pub axon_count: u32,
}

/// Where a packet can go next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    /// The unit to cross.
    pub unit: u32,
    /// Behind a link the node there; behind a port the number of the arrival.
    pub next: u32,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// By slice of the mapping.
    pub cores: Vec<Core>,
    /// Those that some way takes.
    pub links: Vec<Link>,
    /// Ranges of children.
    pub nodes: Vec<[u32; 2]>,
    /// Of all nodes.
    pub children: Vec<Child>,
    /// By core, and there by neurons of the same reach.
    pub axons: Vec<Axon>,
    /// Of all axons.
    pub arrivals: Vec<Arrival>,
    /// By population and neuron.
    pub places: Vec<Vec<Place>>,
    /// Routers with neurons.
    pub routers_used: u64,
    /// Chips with neurons.
    pub chips_used: u64,
}

impl Layout {
    /// Number of the link's unit.
    pub fn link_unit(&self, link: usize) -> u32 {
        (self.cores.len() + link) as u32
    }

    /// Number of the port's unit.
    pub fn port_unit(&self, core: usize) -> u32 {
        (self.cores.len() + self.links.len() + core) as u32
    }

    /// Number of the server's unit.
    pub fn server_unit(&self, core: usize) -> u32 {
        (2 * self.cores.len() + self.links.len() + core) as u32
    }

    /// All units.
    pub fn units(&self) -> usize {
        3 * self.cores.len() + self.links.len()
    }

    /// Lays a mapping out.
    ///
    /// # Errors
    /// [`TimeError::Mapping`] for one of another graph or chip.
    pub fn new(graph: &LifGraph, mapping: &Mapping, chip: &Chip, prices: &Prices) -> Result<Self, TimeError> {
        let mismatch = |cause: String| TimeError::Mapping { graph: graph.name.clone(), chip: chip.name.clone(), cause };
        if mapping.chip != chip.name || mapping.fingerprint != graph.fingerprint() {
            return Err(mismatch(format!("it is one of {} ({}) on {}", mapping.graph, mapping.fingerprint, mapping.chip)));
        }
        let machine = Machine::new(chip, mapping.slices.len() as u64).map_err(|error| mismatch(error.to_string()))?;
        let mut cores = Vec::with_capacity(mapping.slices.len());
        for slice in &mapping.slices {
            let population = graph.find(&slice.population).ok_or_else(|| mismatch(format!("there is no {}", slice.population)))?;
            machine.router_at(slice.x, slice.y).ok_or_else(|| mismatch(format!("there is no router ({}, {})", slice.x, slice.y)))?;
            let (neurons, ways) = match &graph.population(population).model {
                NeuronModel::Source => (0, None),
                NeuronModel::Select { ways } => (slice.load.neurons, Some(*ways)),
                _ => (slice.load.neurons, None),
            };
            cores.push(Core {
                population,
                region: slice.region,
                x: slice.x,
                y: slice.y,
                number: slice.core,
                neurons,
                ways,
                gate_axon: None,
            });
        }
        let wires: Vec<Wire> = graph.projections.iter().map(|projection| Wire::new(graph, projection)).collect();
        let ways = Ways::new(&machine, prices, cores.len());
        let mut builder = Builder { graph, machine: &machine, prices, wires, layout: Self { cores, ..Self::default() }, ways };
        builder.places();
        builder.axons();
        Ok(builder.finish())
    }
}

/// The ways so far. Ports have provisional numbers, from the top down, until all links are known.
struct Ways<'m> {
    machine: &'m Machine,
    prices: &'m Prices,
    cores: usize,
    link_of: BTreeMap<(u32, Direction), u32>,
    /// On a mesh what is ahead depends on where a packet is and where it goes.
    straight: BTreeMap<(u32, u32), u32>,
    links: Vec<Link>,
    nodes: Vec<[u32; 2]>,
    children: Vec<Child>,
}

/// A port before its number is known.
fn provisional_port(core: u32) -> u32 {
    u32::MAX - core
}

impl<'m> Ways<'m> {
    fn new(machine: &'m Machine, prices: &'m Prices, cores: usize) -> Self {
        let (link_of, straight) = (BTreeMap::new(), BTreeMap::new());
        Self { machine, prices, cores, link_of, straight, links: vec![], nodes: vec![], children: vec![] }
    }

    fn link(&mut self, router: u32, direction: Direction) -> u32 {
        let Self { machine, prices, links, cores, .. } = self;
        let unit = self.link_of.entry((router, direction)).or_insert_with(|| {
            let lif_map::Router { x, y, .. } = machine.routers[router as usize];
            let price = if matches!(direction, Direction::East | Direction::West) { prices.east_west } else { prices.north_south };
            // a hop ends in a router, which takes its part
            let hop = Price { time: price.time + prices.routing.time, energy: price.energy + prices.routing.energy };
            links.push(Link { x, y, direction, hop });
            (*cores + links.len() - 1) as u32
        });
        *unit
    }

    fn node(&mut self, children: &[Child]) -> u32 {
        let first = self.children.len() as u32;
        self.children.extend_from_slice(children);
        self.nodes.push([first, self.children.len() as u32]);
        self.nodes.len() as u32 - 1
    }

    /// The way from a router to a core of another, with its energy.
    fn straight(&mut self, from: u32, to: u32, core: u32) -> (u32, u64) {
        let way = straight_way(self.machine, from, to);
        let mut routers = vec![from];
        routers.extend(way.iter().scan(from, |at, &direction| {
            *at = self.machine.neighbour(*at, direction).expect("a way follows links");
            Some(*at)
        }));
        let mut energy = self.prices.routing.energy + self.prices.delivery.energy;
        let mut node = match self.straight.get(&(to, core)) {
            Some(&node) => node,
            None => self.node(&[Child { unit: provisional_port(core), next: 0 }]),
        };
        self.straight.insert((to, core), node);
        for (&router, &direction) in routers.iter().zip(&way).rev() {
            let unit = self.link(router, direction);
            energy += self.links[unit as usize - self.cores].hop.energy;
            node = match self.straight.get(&(router, core)) {
                Some(&known) => known,
                None => self.node(&[Child { unit, next: node }]),
            };
            self.straight.insert((router, core), node);
        }
        (node, energy)
    }

    /// The tree from a router to all cores that listen, by router; `number` gives a core's place among them.
    fn tree(&mut self, from: u32, listeners: &BTreeSet<(u32, u32)>, number: &BTreeMap<u32, u32>) -> (u32, u64) {
        let tree = Tree::grow(self.machine, from, &listeners.iter().map(|&(router, _)| router).collect());
        let mut energy = self.prices.routing.energy + self.prices.delivery.energy * listeners.len() as u64;
        let root = self.branch(&tree, from, listeners, number, &mut energy);
        (root, energy)
    }

    fn branch(&mut self, tree: &Tree, at: u32, listeners: &BTreeSet<(u32, u32)>, number: &BTreeMap<u32, u32>, energy: &mut u64) -> u32 {
        let mut children = Vec::new();
        for &direction in &tree.nodes[&at].leaving {
            let unit = self.link(at, direction);
            *energy += self.links[unit as usize - self.cores].hop.energy;
            let next = self.machine.neighbour(at, direction).expect("a tree follows links");
            children.push(Child { unit, next: self.branch(tree, next, listeners, number, energy) });
        }
        for &(_, core) in listeners.range((at, 0)..(at + 1, 0)) {
            children.push(Child { unit: provisional_port(core), next: number[&core] });
        }
        self.node(&children)
    }
}

struct Builder<'a> {
    graph: &'a LifGraph,
    machine: &'a Machine,
    prices: &'a Prices,
    wires: Vec<Wire>,
    layout: Layout,
    ways: Ways<'a>,
}

impl Builder<'_> {
    fn router(&self, core: u32) -> u32 {
        let core = &self.layout.cores[core as usize];
        self.machine.router_at(core.x, core.y).expect("looked up before")
    }

    fn of_population(&self, population: PopulationId) -> impl Iterator<Item = u32> + '_ {
        (0..).zip(&self.layout.cores).filter(move |(_, core)| core.population == population).map(|(index, _)| index)
    }

    fn places(&mut self) {
        self.layout.places = self.graph.populations.iter().map(|row| vec![Place::default(); row.shape.neurons()]).collect();
        for (index, core) in (0..).zip(&self.layout.cores) {
            let shape = self.graph.population(core.population).shape;
            for (local, (channel, row, column)) in (0..).zip(neurons(core.region)) {
                let neuron = ((channel * shape.height + row) * shape.width + column) as usize;
                self.layout.places[core.population.index()][neuron] = Place { core: index, local, axons: 0, axon_count: 0 };
            }
        }
    }

    /// Axons of every core, one set for neurons of the same reach: all of a position, or each neuron that is picked from, and all that reach alike.
    fn axons(&mut self) {
        for sender in 0..self.layout.cores.len() as u32 {
            let Core { population, region, ways, .. } = self.layout.cores[sender as usize];
            let wires: Vec<usize> = (0..self.wires.len()).filter(|&wire| self.wires[wire].source == population).collect();
            let picked = wires.iter().any(|&wire| self.graph.projections[wire].connectivity == Connectivity::Pick);
            let targets: BTreeSet<u32> = wires.iter().flat_map(|&wire| self.of_population(self.wires[wire].target)).collect();
            let shape = self.graph.population(population).shape;
            let mut known: BTreeMap<(u32, u32, u32), [u32; 2]> = BTreeMap::new();
            let mut alike: BTreeMap<Vec<(Axon, Vec<Arrival>)>, [u32; 2]> = BTreeMap::new();
            let tree = (self.machine.topology != Topology::Mesh).then(|| self.listeners(&wires, region, &targets));
            let tree = tree.filter(|listeners| !listeners.is_empty()).map(|listeners| {
                let number = listeners.iter().map(|&(_, core)| core).zip(0..).collect();
                let (root, energy) = self.ways.tree(self.router(sender), &listeners, &number);
                (root, energy, listeners)
            });
            for (channel, row, column) in neurons(region) {
                let class = (if picked { channel } else { 0 }, row, column);
                let axons = match known.get(&class) {
                    Some(&axons) => axons,
                    None => {
                        let first = self.layout.axons.len() as u32;
                        let arrivals = self.layout.arrivals.len();
                        let place = [channel, row, column];
                        match &tree {
                            Some((root, energy, listeners)) => {
                                let cores: Vec<u32> = listeners.iter().map(|&(_, core)| core).collect();
                                self.axon(sender, *root, *energy, &wires, place, &cores);
                            }
                            None if self.machine.topology == Topology::Mesh => self.unicast(sender, &wires, place, &targets),
                            None => {}
                        }
                        let axons = [first, self.layout.axons.len() as u32 - first];
                        // most places reach the same cores with as many synapses
                        let axons = *alike.entry(self.contents(first)).or_insert(axons);
                        if axons[0] != first {
                            self.layout.axons.truncate(first as usize);
                            self.layout.arrivals.truncate(arrivals);
                        }
                        known.insert(class, axons);
                        axons
                    }
                };
                let neuron = ((channel * shape.height + row) * shape.width + column) as usize;
                let place = &mut self.layout.places[population.index()][neuron];
                (place.axons, place.axon_count) = (axons[0], axons[1]);
            }
            if ways.is_some() {
                let (root, energy) = self.ways.straight(self.router(sender), self.router(sender), sender);
                self.layout.cores[sender as usize].gate_axon = Some(self.layout.axons.len() as u32);
                self.push(sender, root, energy, &[(sender, 1, 0)]);
            }
        }
    }

    /// The axons from a number on and what they bring, wherever that stands.
    fn contents(&self, first: u32) -> Vec<(Axon, Vec<Arrival>)> {
        let brings = |axon: &Axon| self.layout.arrivals[axon.arrivals as usize..(axon.arrivals + axon.reached) as usize].to_vec();
        self.layout.axons[first as usize..].iter().map(|axon| (Axon { arrivals: 0, ..*axon }, brings(axon))).collect()
    }

    /// Cores that some neuron of a region reaches, with their routers.
    fn listeners(&self, wires: &[usize], region: Region, targets: &BTreeSet<u32>) -> BTreeSet<(u32, u32)> {
        let reached =
            |core: u32| neurons(region).any(|(channel, row, column)| self.synapses(wires, [channel, row, column], core) != (0, 0));
        targets.iter().filter(|&&core| reached(core)).map(|&core| (self.router(core), core)).collect()
    }

    /// Synapses of one neuron in a core: plain ones, and those of convolutions.
    fn synapses(&self, wires: &[usize], place: [u32; 3], core: u32) -> (u32, u32) {
        let Core { population, region, .. } = self.layout.cores[core as usize];
        let mut sums = (0, 0);
        for &wire in wires.iter().filter(|&&wire| self.wires[wire].target == population) {
            let count = self.wires[wire].synapses(place, region) as u32;
            match self.graph.projections[wire].connectivity {
                Connectivity::Dense | Connectivity::Pick => sums.0 += count,
                Connectivity::Conv2d(_) | Connectivity::ConvTranspose2d(_) => sums.1 += count,
            }
        }
        sums
    }

    fn unicast(&mut self, sender: u32, wires: &[usize], place: [u32; 3], targets: &BTreeSet<u32>) {
        for &target in targets {
            let (synapses, convolution) = self.synapses(wires, place, target);
            if (synapses, convolution) != (0, 0) {
                let (root, energy) = self.ways.straight(self.router(sender), self.router(target), target);
                self.push(sender, root, energy, &[(target, synapses, convolution)]);
            }
        }
    }

    fn axon(&mut self, sender: u32, root: u32, energy: u64, wires: &[usize], place: [u32; 3], cores: &[u32]) {
        let arrivals: Vec<(u32, u32, u32)> = cores
            .iter()
            .map(|&core| {
                let (synapses, convolution) = self.synapses(wires, place, core);
                (core, synapses, convolution)
            })
            .collect();
        self.push(sender, root, energy, &arrivals);
    }

    fn push(&mut self, sender: u32, root: u32, energy: u64, arrivals: &[(u32, u32, u32)]) {
        let first = self.layout.arrivals.len() as u32;
        let Prices { axon_in, synapse, convolution: other, .. } = self.prices;
        self.layout.arrivals.extend(arrivals.iter().map(|&(core, synapses, convolution)| Arrival {
            core,
            synapses,
            convolution,
            service: axon_in.time + synapse.time * u64::from(synapses) + other.time * u64::from(convolution),
        }));
        self.layout.axons.push(Axon { sender, root, energy, arrivals: first, reached: arrivals.len() as u32 });
    }

    fn finish(self) -> Layout {
        let Self { machine, mut layout, ways, .. } = self;
        (layout.links, layout.nodes, layout.children) = (ways.links, ways.nodes, ways.children);
        let ports = layout.cores.len() + layout.links.len();
        for child in &mut layout.children {
            if child.unit as usize >= ports {
                child.unit = (ports + (u32::MAX - child.unit) as usize) as u32;
            }
        }
        let routers: BTreeSet<u32> = layout.cores.iter().map(|core| machine.router_at(core.x, core.y).expect("looked up before")).collect();
        layout.routers_used = routers.len() as u64;
        layout.chips_used = routers.iter().map(|&router| machine.chip_of(router)).collect::<BTreeSet<_>>().len() as u64;
        layout
    }
}

/// Channel, row and column of every neuron of a region, in the slice's order.
pub(crate) fn neurons(region: Region) -> impl Iterator<Item = (u32, u32, u32)> {
    let places = move |channel| {
        (region.rows[0]..region.rows[1])
            .flat_map(move |row| (region.columns[0]..region.columns[1]).map(move |column| (channel, row, column)))
    };
    (region.channels[0]..region.channels[1]).flat_map(places)
}
