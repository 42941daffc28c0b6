//! Why a graph cannot be written for a chip.

use lif_map::{MapError, Mode};
use miette::Diagnostic;
use thiserror::Error;

/// A netlist that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum NetlistError {
    /// A chip file names a back-end that does not exist.
    #[error("there is no netlist back-end {name:?}")]
    #[diagnostic(code(E072), help("correct the key `netlist` of the chip file; back-ends: {known}"))]
    UnknownBackend {
        /// The name in the chip file.
        name: String,
        /// All names, with commas.
        known: String,
    },
    /// A schedule that the back-end does not write.
    #[error("the back-end {backend} writes no netlist with the schedule {mode}")]
    #[diagnostic(code(E076), help("schedules that it writes: {possible}"))]
    Schedule {
        /// Its name.
        backend: &'static str,
        /// The schedule.
        mode: Mode,
        /// All schedules, with commas.
        possible: &'static str,
    },
    /// The chip cannot keep the schedule, or its cores not hold the network.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Map(#[from] MapError),
    /// The graph asks for what the chip does not have.
    #[error("the graph does not fit {chip}{}", list(misfits))]
    #[diagnostic(code(E073), help("{}", remedies(misfits)))]
    Misfits {
        /// The chip.
        chip: String,
        /// All broken rules; never empty.
        misfits: Vec<Misfit>,
    },
    /// The files of a netlist say what the chip's system cannot do, or what nobody meant.
    #[error("the netlist does not fit a system of {chip}{}", list(misfits))]
    #[diagnostic(code(E160), help("{}", remedies(misfits)))]
    Misplaced {
        /// The chip.
        chip: String,
        /// All broken rules; never empty.
        misfits: Vec<Misfit>,
    },
    /// The array file cannot hold the arrays.
    #[error("{file} cannot be written: {cause}")]
    #[diagnostic(code(E077), help("the arrays are beyond what a zip archive holds: compile a smaller network"))]
    Write {
        /// Name of the file.
        file: &'static str,
        /// The writer's words.
        cause: String,
    },
    /// Files that no graph gives.
    #[error("{file} is not as it was written: {cause}")]
    #[diagnostic(code(E075), help("write the netlist again with fsvae-compile, for the chip that it is read for"))]
    Damaged {
        /// Name of the file.
        file: &'static str,
        /// What is wrong with it.
        cause: String,
    },
}

/// A rule of the chip that a graph breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The rule's name, which says what is demanded.
    pub rule: &'static str,
    /// The population or projection, or `graph`.
    pub place: String,
    /// How it is broken, with figures.
    pub cause: String,
    /// What to do.
    pub remedy: &'static str,
}

/// Longer lists are cut when they are printed.
const PRINTED: usize = 20;

fn list(misfits: &[Misfit]) -> String {
    let line = |misfit: &Misfit| format!("\n{}: {} ({})", misfit.place, misfit.cause, misfit.rule);
    let mut text: String = misfits.iter().take(PRINTED).map(line).collect();
    if misfits.len() > PRINTED {
        text += &format!("\nand {} more", misfits.len() - PRINTED);
    }
    text
}

/// Each remedy once.
fn remedies(misfits: &[Misfit]) -> String {
    let mut remedies: Vec<&str> = Vec::new();
    for misfit in misfits.iter().take(PRINTED) {
        if !remedies.contains(&misfit.remedy) {
            remedies.push(misfit.remedy);
        }
    }
    remedies.join("; ")
}
