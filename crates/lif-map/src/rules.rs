//! What a chip demands of a mapping: named rules, each with a code, and the errors that say which are broken.
//!
//! Limits of a core are data: a row of [`CORE_RULES`] says which figure of a [`Load`] meets which figure of the [`Chip`]. The
//! partitioner, the report and the errors all read the same table. A limit that a chip does not state is not checked.

use crate::Load;
use lif_chip::Chip;
use miette::Diagnostic;
use std::fmt;

/// A demand.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// What is demanded, in a few words.
    pub name: &'static str,
    /// Its error code.
    pub code: &'static str,
    /// Why it is demanded.
    pub reason: &'static str,
    /// What makes a network fit.
    pub remedy: &'static str,
}

/// A rule about one figure of one core.
pub struct CoreRule {
    /// Name, code and words.
    pub rule: Rule,
    /// What is counted.
    pub unit: &'static str,
    /// How much of it a slice has.
    pub figure: fn(&Load) -> u64,
    /// How much of it a core of the chip has.
    pub limit: fn(&Chip) -> Option<u64>,
}

/// The rules that every slice keeps; populations are cut until it does.
pub const CORE_RULES: [CoreRule; 7] = [
    CoreRule {
        rule: Rule {
            name: "neurons-fit-a-core",
            code: "E111",
            reason: "a core updates only so many neurons; a select channel of k ways needs k gates beside its own",
            remedy: "choose a target with larger cores, or train a network with fewer ways (k)",
        },
        unit: "neurons",
        figure: |load| load.neurons,
        limit: |chip| Some(chip.core.neurons_per_core.into()),
    },
    CoreRule {
        rule: Rule {
            name: "synapses-fit-a-core",
            code: "E112",
            reason: "where only the synapses of a whole chip are published, a core may have an even share of them",
            remedy: "choose a target with more synapses a core, or train a network of fewer channels",
        },
        unit: "synapses",
        figure: |load| load.synapses,
        limit: |chip| chip.core.synapses_per_chip.map(|synapses| synapses / u64::from(chip.core.count)),
    },
    CoreRule {
        rule: Rule {
            name: "memory-fits-a-core",
            code: "E112",
            reason: "a core's synapses, packed as the chip packs them, stand in its memory; memory that a chip's cores share counts evenly",
            remedy: "choose a target with more synapse memory, or train a network of fewer channels",
        },
        unit: "bytes",
        figure: |load| load.memory_bytes,
        limit: |chip| chip.memory.map(|memory| memory.bytes_per_core(chip.core.count)),
    },
    CoreRule {
        rule: Rule {
            name: "input-axons-fit-a-core",
            code: "E113",
            reason: "a core listens to only so many neurons (fan-in)",
            remedy: "choose a target with more axons, or train a network whose layers are narrower before this one",
        },
        unit: "input axons",
        figure: |load| load.input_axons,
        limit: |chip| chip.core.input_axons.map(u64::from),
    },
    CoreRule {
        rule: Rule {
            name: "output-axons-fit-a-core",
            code: "E113",
            reason: "a core sends to only so many other cores, counted for each neuron (fan-out)",
            remedy: "choose a target with more axons, or train a network whose layers are narrower behind this one",
        },
        unit: "output axons",
        figure: |load| load.output_axons,
        limit: |chip| chip.core.output_axons.map(u64::from),
    },
    CoreRule {
        rule: Rule {
            name: "threshold-profiles-fit-a-core",
            code: "E114",
            reason: "neurons of a core share a few threshold registers",
            remedy: "compile for this target: graphs for other targets have other thresholds",
        },
        unit: "thresholds",
        figure: |load| load.threshold_profiles,
        limit: |chip| chip.core.threshold_profiles.map(u64::from),
    },
    CoreRule {
        rule: Rule {
            name: "synapse-profiles-fit-a-core",
            code: "E114",
            reason: "synapses of a core share a few formats, and each projection has its own",
            remedy: "merge projections that end in this population",
        },
        unit: "synapse formats",
        figure: |load| load.synapse_profiles,
        limit: |chip| chip.core.synapse_profiles.map(u64::from),
    },
];

/// The chip file describes a grid of cores.
pub const CHIP_HAS_A_GRID: Rule = Rule {
    name: "chip-has-a-grid",
    code: "E110",
    reason: "slices are placed on cores that stand somewhere; a chip file without `mesh` and `hexagonal` does not say where",
    remedy: "choose a target whose cores are described, or add the section `mesh` or `hexagonal` to the chip file",
};

/// All spikes of one step find room.
pub const SPIKES_FIT_THE_BUFFER: Rule = Rule {
    name: "spikes-fit-the-buffer",
    code: "E115",
    reason: "if all neurons that a core listens to fire at once, its buffer must hold all those spikes, because nothing makes senders wait",
    remedy: "choose a target with larger spike buffers, or train a network whose layers are narrower before this one",
};

/// There are enough cores.
pub const CORES_FIT_THE_SYSTEM: Rule = Rule {
    name: "cores-fit-the-system",
    code: "E116",
    reason: "every slice has a core of its own, and the largest system of these chips has only so many",
    remedy: "choose a target with more or larger cores, or train a network of fewer channels or smaller images",
};

/// Every router's table is small enough.
pub const ROUTING_TABLES_FIT: Rule = Rule {
    name: "routing-tables-fit",
    code: "E117",
    reason: "a router holds only so many entries, after compression",
    remedy: "choose a target with larger routing tables, or train a network of fewer channels",
};

/// Every neuron has a key.
pub const KEYS_FIT: Rule = Rule {
    name: "keys-fit",
    code: "E117",
    reason: "a multicast key has 32 bits, and blocks of keys are powers of two",
    remedy: "train a network of fewer channels or smaller images",
};

/// Measured rates belong to the graph.
pub const RATES_FIT_THE_GRAPH: Rule = Rule {
    name: "rates-fit-the-graph",
    code: "E118",
    reason: "hops are weighted with the spikes of each neuron, at most one a step",
    remedy: "measure the rates on the graph that is mapped",
};

/// It is known how the chip keeps time.
pub const TICKS_ARE_KNOWN: Rule = Rule {
    name: "ticks-are-known",
    code: "E140",
    reason: "model steps become ticks of a chip only where its file says how many a spike takes, and what neurons do meanwhile",
    remedy: "choose the schedule `stepped`, a target whose ticks are described, or add the section `ticks` to the chip file",
};

/// Neurons can be left alone.
pub const NEURONS_HOLD: Rule = Rule {
    name: "neurons-hold",
    code: "E141",
    reason: "a phased neuron keeps its membrane at the ticks at which other layers have their turn",
    remedy: "choose the schedule `substep` or `buffered`, or a target whose neurons are programs",
};

/// A decay can be spread over the ticks of a step.
pub const DECAYS_HAVE_ROOTS: Rule = Rule {
    name: "decays-have-roots",
    code: "E142",
    reason: "a neuron that is updated at every tick leaks at every tick, by a root of its decay: in the chip's bits it must differ from 1, and rounding must not move it away from 0",
    remedy: "train the network with a smaller decay, or choose the schedule `phased` on a target whose neurons hold their membranes",
};

/// Early spikes can wait.
pub const SYNAPSES_WAIT: Rule = Rule {
    name: "synapses-wait",
    code: "E143",
    reason: "spikes that take a shorter way than others wait for them in their synapses, which have few places",
    remedy: "shorten the longest path beside this projection, or choose a target whose synapses wait longer",
};

/// Images can follow each other.
pub const NEURONS_RESET: Rule = Rule {
    name: "neurons-reset",
    code: "E144",
    reason: "in a buffered part one image follows the other without a pause, so membranes are cleared while the next layers still work",
    remedy: "choose the schedule `phased` or `substep`, or a target whose neurons can be reset",
};

/// The rules of schedules.
pub const SCHEDULE_RULES: [&Rule; 5] = [&TICKS_ARE_KNOWN, &NEURONS_HOLD, &DECAYS_HAVE_ROOTS, &SYNAPSES_WAIT, &NEURONS_RESET];

/// Every rule, in the order of the codes.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let others = [&SPIKES_FIT_THE_BUFFER, &CORES_FIT_THE_SYSTEM, &ROUTING_TABLES_FIT, &KEYS_FIT, &RATES_FIT_THE_GRAPH];
    std::iter::once(&CHIP_HAS_A_GRID).chain(CORE_RULES.iter().map(|core| &core.rule)).chain(others).chain(SCHEDULE_RULES)
}

/// One broken rule at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The rule.
    pub rule: &'static Rule,
    /// The population, router or chip.
    pub place: String,
    /// How it is broken, with figure and limit.
    pub cause: String,
}

/// A network that cannot be mapped onto a chip: all that is broken; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapError {
    chip: String,
    breaches: Vec<Breach>,
}

impl MapError {
    /// More than one is printed, longer lists are cut.
    const PRINTED: usize = 20;

    pub(crate) fn new(chip: &str, breaches: Vec<Breach>) -> Self {
        Self { chip: chip.into(), breaches }
    }

    pub(crate) fn one(chip: &str, rule: &'static Rule, place: &str, cause: String) -> Self {
        Self::new(chip, vec![Breach { rule, place: place.into(), cause }])
    }

    /// One by one.
    pub fn breaches(&self) -> &[Breach] {
        &self.breaches
    }
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the graph cannot be mapped onto {}", self.chip)?;
        for breach in self.breaches.iter().take(Self::PRINTED) {
            write!(f, "\n{}: {} ({})", breach.place, breach.cause, breach.rule.name)?;
        }
        if self.breaches.len() > Self::PRINTED {
            write!(f, "\nand {} more", self.breaches.len() - Self::PRINTED)?;
        }
        Ok(())
    }
}

impl std::error::Error for MapError {}

impl Diagnostic for MapError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.breaches.first().map(|first| Box::new(first.rule.code) as _)
    }

    /// The remedies of the printed breaches, each once.
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let mut remedies: Vec<&str> = Vec::new();
        for breach in self.breaches.iter().take(Self::PRINTED) {
            if !remedies.contains(&breach.rule.remedy) {
                remedies.push(breach.rule.remedy);
            }
        }
        Some(Box::new(remedies.join("; ")))
    }
}
