//! What every back-end can do, and which back-ends there are.

use crate::NetlistError;
use crate::loihi::Loihi;
use crate::sanafe::Sanafe;
use crate::spinnaker::{self, Spinnaker};
use lif_chip::Chip;
use lif_graph::LifGraph;
use lif_map::Mode;

/// Writes graphs for one family of chips.
pub trait Backend: Sync {
    /// What a chip file calls it (key `netlist`).
    fn name(&self) -> &'static str;

    /// The same back-end at another schedule than the chip's own ([`Mode::of`]).
    ///
    /// # Errors
    /// [`NetlistError::Schedule`] for one that it does not write.
    fn with_schedule(&self, mode: Mode) -> Result<Box<dyn Backend>, NetlistError> {
        Err(NetlistError::Schedule { backend: self.name(), mode, possible: "the chip's own" })
    }

    /// Whether the chip can run the graph, which must pass [`LifGraph::check`].
    ///
    /// # Errors
    /// [`NetlistError::Misfits`] with every rule that the graph breaks; [`NetlistError::Map`] if the chip cannot keep the schedule.
    fn check(&self, graph: &LifGraph, chip: &Chip) -> Result<(), NetlistError>;

    /// Checks, and writes the netlist's files; the same graph and chip give the same bytes.
    ///
    /// # Errors
    /// Those of [`check`](Self::check), and [`NetlistError::Write`] for arrays that their file format cannot hold.
    fn emit(&self, graph: &LifGraph, chip: &Chip) -> Result<Vec<NetlistFile>, NetlistError>;

    /// The graph that gave these files: the inverse of [`emit`](Self::emit) for the same chip.
    ///
    /// # Errors
    /// [`NetlistError::Damaged`] for files that [`emit`](Self::emit) did not write, and whatever it says to the graph in them.
    fn read_back(&self, files: &[NetlistFile], chip: &Chip) -> Result<LifGraph, NetlistError>;
}

/// A file that a back-end would write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetlistFile {
    /// Name without folder.
    pub name: &'static str,
    /// Contents.
    pub bytes: Vec<u8>,
}

/// The back-end of this name.
///
/// # Errors
/// [`NetlistError::UnknownBackend`] lists those that exist.
pub fn backend(name: &str) -> Result<&'static dyn Backend, NetlistError> {
    const BACKENDS: [&dyn Backend; 3] = [&Loihi { mode: None }, &Sanafe, &Spinnaker(spinnaker::Mode::Buffered)];
    let found = BACKENDS.into_iter().find(|backend| backend.name() == name);
    found.ok_or_else(|| NetlistError::UnknownBackend { name: name.into(), known: BACKENDS.map(|backend| backend.name()).join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chip_of_the_catalogue_names_a_backend_that_exists() {
        for name in lif_chip::catalogue().iter().filter_map(|chip| chip.netlist.as_deref()) {
            assert!(backend(name).is_ok_and(|found| found.name() == name), "{name}");
        }
    }

    #[test]
    fn an_unknown_backend_is_an_error_that_lists_the_known() {
        let Err(error) = backend("abacus") else { panic!("there is no such back-end") };
        assert_eq!(error, NetlistError::UnknownBackend { name: "abacus".into(), known: "loihi, sanafe, spinnaker".into() });
    }
}
