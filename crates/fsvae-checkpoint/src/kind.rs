//! Networks of several kinds share one file format: each kind has its own configuration, its own tensors and its own name in the file.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

use crate::{AnnConfig, NetworkConfig, expected_tensors};

/// A kind of network: the type of its configuration.
pub trait Kind: Clone + Debug + PartialEq + Send + Sync + Serialize + DeserializeOwned {
    /// The value of `"format"`, with which a file begins.
    const FORMAT: &'static str;
    /// Channels and side of its images.
    fn image_shape(&self) -> (usize, usize);
    /// All numbers that are out of their range, one sentence each.
    fn violations(&self) -> Vec<String>;
    /// All parameters and running statistics with their shapes, in the order of the file. The configuration must be sound.
    fn expected_tensors(&self) -> Vec<(String, Vec<usize>)>;
}

impl Kind for NetworkConfig {
    const FORMAT: &'static str = crate::FORMAT;

    fn image_shape(&self) -> (usize, usize) {
        (self.image_channels, self.image_size)
    }

    fn violations(&self) -> Vec<String> {
        self.violations()
    }

    fn expected_tensors(&self) -> Vec<(String, Vec<usize>)> {
        expected_tensors(self)
    }
}

/// The kinds that there are, with their names for people.
const KINDS: [(&str, &str); 2] = [(NetworkConfig::FORMAT, "an FSVAE"), (AnnConfig::FORMAT, "a network without spikes (ANN)")];

/// What people call a kind.
pub(crate) fn name(format: &str) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == format).map_or("an unknown network", |(_, name)| name)
}

/// The first bytes of a file after the very first (a small map): the entry `"format"`.
fn magic(format: &str) -> Vec<u8> {
    [b"\xa6format", &[0xa0 | format.len() as u8][..], format.as_bytes()].concat()
}

/// How a file begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// Like a checkpoint of this kind.
    Kind(&'static str),
    /// Like a checkpoint, and then it ends.
    Torn,
    /// Otherwise.
    Other,
}

/// Which kind of checkpoint a file is, if it is one: by its first bytes.
pub fn format_of(bytes: &[u8]) -> Option<&'static str> {
    match beginning(bytes) {
        Beginning::Kind(format) => Some(format),
        _ => None,
    }
}

pub(crate) fn beginning(bytes: &[u8]) -> Beginning {
    // 0x8n is a map of n entries: another version may have more than four.
    let Some((0x80..=0x8f, rest)) = bytes.split_first() else { return Beginning::Other };
    let magics = || KINDS.iter().map(|(format, _)| (*format, magic(format)));
    if let Some((format, _)) = magics().find(|(_, magic)| rest.starts_with(magic)) {
        return Beginning::Kind(format);
    }
    if magics().any(|(_, magic)| magic.starts_with(rest)) { Beginning::Torn } else { Beginning::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_tells_its_kind_by_its_first_bytes() {
        for (format, _) in KINDS {
            let file = [&[0x84][..], &magic(format), b"rest"].concat();
            assert_eq!(format_of(&file), Some(format));
            assert_eq!(beginning(&file[..10]), Beginning::Torn);
        }
        assert_eq!(beginning(b"\x84\xa6format\xa5other"), Beginning::Other);
        assert_eq!(beginning(b""), Beginning::Other);
        assert_eq!(magic(NetworkConfig::FORMAT), b"\xa6format\xb0fsvae-checkpoint");
    }
}
