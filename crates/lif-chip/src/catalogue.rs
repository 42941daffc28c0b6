//! The chips that come with the program.

use crate::{Chip, ChipError};

/// Name and text of every chip file.
pub const CATALOGUE: [(&str, &str); 7] = [
    ("targets/loihi/loihi2.toml", include_str!("../../../targets/loihi/loihi2.toml")),
    ("targets/loihi/loihi1.toml", include_str!("../../../targets/loihi/loihi1.toml")),
    ("targets/sanafe/sanafe-loihi.toml", include_str!("../../../targets/sanafe/sanafe-loihi.toml")),
    ("targets/spinnaker/spinnaker1.toml", include_str!("../../../targets/spinnaker/spinnaker1.toml")),
    ("targets/spinnaker/spinnaker2.toml", include_str!("../../../targets/spinnaker/spinnaker2.toml")),
    ("targets/generic/mesh2x2.toml", include_str!("../../../targets/generic/mesh2x2.toml")),
    ("targets/generic/generic.toml", include_str!("../../../targets/generic/generic.toml")),
];

/// All chips, in the catalogue's order.
///
/// # Panics
/// Never in a tested build: a unit test reads the same files.
pub fn catalogue() -> Vec<Chip> {
    CATALOGUE.iter().map(|(file, text)| Chip::from_toml(file, text).expect("the catalogue is tested")).collect()
}

/// The chip of this name or alias.
///
/// # Errors
/// [`ChipError::Unknown`] lists the names that exist.
pub fn find(name: &str) -> Result<Chip, ChipError> {
    let mut chips = catalogue();
    match chips.iter().position(|chip| chip.name == name || chip.aliases.iter().any(|alias| alias == name)) {
        Some(index) => Ok(chips.swap_remove(index)),
        None => {
            let names = chips.iter().flat_map(|chip| chip.aliases.iter().chain([&chip.name]));
            Err(ChipError::Unknown { name: name.into(), known: names.map(String::as_str).collect::<Vec<_>>().join(", ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_catalogue_reads() {
        for (file, text) in CATALOGUE {
            let chip = Chip::from_toml(file, text).unwrap_or_else(|error| panic!("{error}"));
            assert!(file.ends_with(&format!("/{}.toml", chip.name)), "{file} holds {}", chip.name);
        }
    }

    #[test]
    fn names_and_aliases_are_unique() {
        let mut names: Vec<_> = catalogue().into_iter().flat_map(|chip| [vec![chip.name], chip.aliases].concat()).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn loihi_means_loihi2_and_an_unknown_name_lists_the_known() {
        assert_eq!(find("loihi").unwrap().name, "loihi2");
        assert_eq!(
            find("loihi9").unwrap_err(),
            ChipError::Unknown {
                name: "loihi9".into(),
                known: "loihi, loihi2, loihi1, sanafe, sanafe-loihi, spinnaker, spinnaker1, spinnaker2, mesh2x2, generic".into()
            }
        );
    }
}
