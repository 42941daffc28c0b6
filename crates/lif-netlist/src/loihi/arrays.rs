//! The arrays of a netlist and their names.

use super::ARRAYS_FILE;
use crate::NetlistError;
use crate::npz::Arrays;
use ndarray_npy::WritableElement;

/// `arrays.npz` in the making.
pub struct ArrayTable {
    arrays: Arrays,
}

impl ArrayTable {
    pub fn new() -> Self {
        Self { arrays: Arrays::new(ARRAYS_FILE) }
    }

    /// Adds an array to a folder; gives the name under which a reader finds it.
    pub fn add<T: WritableElement>(&mut self, folder: &str, name: &str, shape: &[usize], values: &[T]) -> Result<String, NetlistError> {
        let name = format!("{folder}/{name}");
        self.arrays.add(&name, shape, values)?;
        Ok(name)
    }

    pub fn finish(self) -> Result<Vec<u8>, NetlistError> {
        self.arrays.finish()
    }
}

/// Where the arrays of a row of the graph's tables stand: unique by its number, and a path that every file system takes when the
/// archive is unpacked.
pub fn folder(table: &str, row: usize, name: &str) -> String {
    let harmless = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.replace("->", "-to-").chars().map(harmless).collect();
    format!("{table}/{row}-{name}")
}

#[cfg(test)]
mod tests {
    use super::folder;

    #[test]
    fn names_become_plain() {
        assert_eq!(folder("projections", 3, "prior.0->prior.1"), "projections/3-prior.0-to-prior.1");
        assert_eq!(folder("populations", 0, "schön /../*\\:"), "populations/0-sch_n__..____");
    }
}
