//! What a well-formed graph is: named rules, each a small function, all broken ones reported at once.
//!
//! After a clean [`check`](LifGraph::check) the rest of this family of crates may refuse a graph (a chip too small), but never
//! panics on it: ids are in range, lengths fit, sizes are bounded, no membrane overflows.

mod connectivity;
mod limits;
mod names;
mod parameters;
mod ranges;
mod roles;
#[cfg(test)]
mod tests;
mod timing;

pub use limits::{MAX_KERNEL, MAX_NEURONS, MAX_POPULATIONS, MAX_PROJECTIONS, MAX_SIDE, MAX_STEPS};

use crate::{LifGraph, Population, PopulationId, Projection};
use std::fmt;

/// A demand on graphs.
#[derive(Clone, Copy)]
pub struct Rule {
    /// What is demanded, in a few words.
    pub name: &'static str,
    /// The error code of its kind.
    pub code: &'static str,
    /// Why it is demanded.
    pub reason: &'static str,
    check: fn(&LifGraph, &mut Findings),
}

/// Every rule but the last group, in the order of the report. Each stands alone: it skips what another rule refuses.
pub const RULES: &[Rule] = &[
    Rule {
        name: "names-are-plain",
        code: "E020",
        reason: "reports, netlists and file names call populations and projections by their names",
        check: names::names_are_plain,
    },
    Rule { name: "names-are-unique", code: "E020", reason: "a name must say which row is meant", check: names::names_are_unique },
    Rule {
        name: "steps-are-bounded",
        code: "E021",
        reason: "a step number has 16 bits in files of events, and a run must end",
        check: limits::steps_are_bounded,
    },
    Rule {
        name: "tables-are-bounded",
        code: "E021",
        reason: "a file must not ask for absurd amounts of time or memory",
        check: limits::tables_are_bounded,
    },
    Rule {
        name: "shapes-are-bounded",
        code: "E021",
        reason: "a file must not ask for absurd amounts of time or memory",
        check: limits::shapes_are_bounded,
    },
    Rule {
        name: "kernels-are-bounded",
        code: "E021",
        reason: "products of a kernel's figures must not overflow, and no layer in use has larger ones",
        check: limits::kernels_are_bounded,
    },
    Rule {
        name: "ids-are-in-range",
        code: "E022",
        reason: "a projection leads from a population of the graph to another",
        check: limits::ids_are_in_range,
    },
    Rule {
        name: "parameters-fit-shape",
        code: "E023",
        reason: "biases, thresholds and levels belong to a population, to each channel or to each neuron",
        check: parameters::parameters_fit_shape,
    },
    Rule {
        name: "decay-is-below-one",
        code: "E023",
        reason: "a membrane that keeps all or more of itself grows without bound",
        check: parameters::decay_is_below_one,
    },
    Rule {
        name: "membrane-is-representable",
        code: "E023",
        reason: "membranes are integers of at most 32 bits",
        check: parameters::membrane_is_representable,
    },
    Rule {
        name: "thresholds-are-not-negative",
        code: "E023",
        reason: "a neuron with a threshold below 0 fires in silence, and no chip has one",
        check: parameters::thresholds_are_not_negative,
    },
    Rule {
        name: "pixel-levels-ascend",
        code: "E023",
        reason: "a byte is the number of levels that a membrane has passed",
        check: parameters::pixel_levels_ascend,
    },
    Rule {
        name: "image-shift-is-bounded",
        code: "E023",
        reason: "currents of an image are 32-bit sums of weights and bytes, shifted",
        check: parameters::image_shift_is_bounded,
    },
    Rule {
        name: "shapes-fit-connectivity",
        code: "E024",
        reason: "a convolution's figures say how large its result is",
        check: connectivity::shapes_fit_connectivity,
    },
    Rule {
        name: "weights-fit-connectivity",
        code: "E024",
        reason: "each synapse, or each tap of a kernel, has one weight, in the order of the connectivity",
        check: connectivity::weights_fit_connectivity,
    },
    Rule {
        name: "select-has-one-pick",
        code: "E025",
        reason: "a select stage passes on the picked one of its ways, so it hears one population, way by way",
        check: roles::select_has_one_pick,
    },
    Rule {
        name: "pick-feeds-select",
        code: "E025",
        reason: "a pick has no weights: only a select stage understands it",
        check: roles::pick_feeds_select,
    },
    Rule { name: "source-has-no-input", code: "E026", reason: "a source's spikes come from outside", check: roles::source_has_no_input },
    Rule {
        name: "readout-has-no-output",
        code: "E026",
        reason: "a read-out never fires; its membrane is the result",
        check: roles::readout_has_no_output,
    },
    Rule {
        name: "image-drives-membranes",
        code: "E026",
        reason: "an image is a current that enters membranes, not a spike",
        check: roles::image_drives_membranes,
    },
    Rule {
        name: "delay-is-zero-or-one",
        code: "E027",
        reason: "spikes are heard in their step or in the next; longer waits are a chip's schedule",
        check: timing::delay_is_zero_or_one,
    },
    Rule {
        name: "loops-are-delayed",
        code: "E027",
        reason: "populations of a step are computed one after the other, and a loop without delay has no first one",
        check: timing::loops_are_delayed,
    },
];

/// The rules about sums, which have a meaning only in a graph that breaks no other.
pub const RANGE_RULES: &[Rule] = &[
    Rule {
        name: "input-fits",
        code: "E028",
        reason: "the sum of the weights of all neurons that may fire at once must fit its register, or it wraps around",
        check: ranges::input_fits,
    },
    Rule {
        name: "membrane-fits",
        code: "E028",
        reason: "the largest membrane that weights, biases and leak allow must fit its register, or it wraps around",
        check: ranges::membrane_fits,
    },
];

impl LifGraph {
    /// Checks every rule.
    ///
    /// # Errors
    /// All violations of [`RULES`]; of a graph without any, all violations of [`RANGE_RULES`].
    pub fn check(&self) -> Result<(), Violations> {
        for group in [RULES, RANGE_RULES] {
            let mut found = Vec::new();
            for rule in group {
                (rule.check)(self, &mut Findings { rule, found: &mut found });
            }
            if !found.is_empty() {
                return Err(Violations(found));
            }
        }
        Ok(())
    }

    /// The projection's two populations, unless an id is out of range.
    fn ends(&self, projection: &Projection) -> Option<(&Population, &Population)> {
        Some((self.populations.get(projection.source.index())?, self.populations.get(projection.target.index())?))
    }

    /// A population's name, or its number if there is no such population.
    fn label(&self, id: PopulationId) -> String {
        self.populations.get(id.index()).map_or_else(|| format!("#{}", id.0), |population| format!("`{}`", population.name.escape_debug()))
    }
}

/// Where violations of one rule are collected.
struct Findings<'a> {
    rule: &'static Rule,
    found: &'a mut Vec<Violation>,
}

impl Findings<'_> {
    fn add(&mut self, place: Place, cause: String, remedy: &str) {
        self.found.push(Violation { rule: self.rule.name, code: self.rule.code, place, cause, remedy: remedy.into() });
    }

    fn graph(&mut self, cause: String, remedy: &str) {
        self.add(Place::Graph, cause, remedy);
    }

    fn population(&mut self, population: &Population, cause: String, remedy: &str) {
        self.add(Place::Population(population.name.clone()), cause, remedy);
    }

    fn projection(&mut self, projection: &Projection, cause: String, remedy: &str) {
        self.add(Place::Projection(projection.name.clone()), cause, remedy);
    }
}

/// One broken rule at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Name of the rule.
    pub rule: &'static str,
    /// `E020` to `E028`.
    pub code: &'static str,
    /// What breaks it.
    pub place: Place,
    /// How, with figures.
    pub cause: String,
    /// What to do.
    pub remedy: String,
}

/// A row of the graph, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The graph as a whole.
    Graph,
    /// The population of this name.
    Population(String),
    /// The projection of this name.
    Projection(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Graph => f.write_str("graph"),
            Self::Population(name) => write!(f, "population `{}`", name.escape_debug()),
            Self::Projection(name) => write!(f, "projection `{}`", name.escape_debug()),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.place, self.cause, self.rule)
    }
}

/// All broken rules of a graph; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// One by one, in the order of [`RULES`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Violation> {
        self.0.iter()
    }

    /// Longer lists are cut when they are printed.
    const PRINTED: usize = 20;
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = &self.0[..] {
            return write!(f, "{only}");
        }
        write!(f, "the graph breaks rules in {} places", self.0.len())?;
        for violation in self.0.iter().take(Self::PRINTED) {
            write!(f, "\n  {} {violation}", violation.code)?;
        }
        if self.0.len() > Self::PRINTED {
            write!(f, "\n  and {} more", self.0.len() - Self::PRINTED)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

impl miette::Diagnostic for Violations {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.first().map(|first| Box::new(first.code) as _)
    }

    /// The remedies of the printed violations, each once.
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let mut remedies: Vec<&str> = Vec::new();
        for violation in self.0.iter().take(Self::PRINTED) {
            if !remedies.contains(&&violation.remedy[..]) {
                remedies.push(&violation.remedy);
            }
        }
        Some(Box::new(remedies.join("; ")))
    }
}
