//! The `.lif` file: a graph as bytes that prove themselves.
//!
//! ```text
//!  offset  bytes
//!       0      8   89 'L' 'I' 'F' 0D 0A 1A 0A    a text-mode copy damages this and is noticed, as in PNG
//!       8      4   format version, little-endian
//!      12      8   length of the body, little-endian
//!      20     32   SHA-256 of the body
//!      52      -   body: the graph in postcard's encoding
//! ```
//!
//! Equal graphs have equal bytes: a body that postcard reads but would not write is refused.

use crate::{LifGraph, Violations};
use sha2::{Digest, Sha256};

const MAGIC: [u8; 8] = *b"\x89LIF\r\n\x1a\n";
const VERSION: u32 = 1;
const HEADER: usize = 52;

/// Why bytes are no graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum ArtifactError {
    /// Nothing there.
    #[error("the .lif file is empty")]
    #[diagnostic(code(E010), help("compile the model again; an interrupted download or copy leaves such a file"))]
    Empty,
    /// Another kind of file.
    #[error("this is no .lif file: it starts with {found}")]
    #[diagnostic(code(E011), help("give a file that fsvae-compile wrote; it starts with 89 4c 49 46 0d 0a 1a 0a"))]
    WrongMagic {
        /// Its first bytes in hexadecimal.
        found: String,
    },
    /// Of a program that is newer (or of none).
    #[error("the .lif file has format version {found}, and this program reads version {VERSION}")]
    #[diagnostic(code(E012), help("use the program that wrote the file, or compile the model again with this one"))]
    UnknownVersion {
        /// The file's version.
        found: u32,
    },
    /// The end is missing.
    #[error("the .lif file is truncated: {found} bytes, and {expected} are expected")]
    #[diagnostic(code(E013), help("copy or download the file again, or compile the model again"))]
    Truncated {
        /// Bytes there.
        found: u64,
        /// Bytes that the header promises; of a header that is itself cut, its own length.
        expected: u64,
    },
    /// Something follows the body.
    #[error("the .lif file is too long: {found} bytes, and {expected} are expected")]
    #[diagnostic(code(E014), help("copy or download the file again, or compile the model again"))]
    Overlong {
        /// Bytes there.
        found: u64,
        /// Bytes that the header promises.
        expected: u64,
    },
    /// The body is not what was written.
    #[error("the .lif file is damaged: its body has SHA-256 {found}..., and its header says {expected}...")]
    #[diagnostic(code(E015), help("copy or download the file again, or compile the model again"))]
    WrongChecksum {
        /// First 16 hex digits of the body's.
        found: String,
        /// First 16 hex digits of the header's.
        expected: String,
    },
    /// The checksum is right, but the body is not a graph.
    #[error("the body of the .lif file is no graph: {cause}")]
    #[diagnostic(code(E016), help("compile the model again; the program that wrote this file did not write a graph"))]
    Undecodable {
        /// What the decoder met.
        cause: String,
    },
    /// A graph, but not a well-formed one.
    #[error(transparent)]
    #[diagnostic(transparent)]
    IllFormed(#[from] Violations),
}

impl LifGraph {
    /// The bytes of a `.lif` file. Any graph can be written; only well-formed ones are read back.
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = self.body();
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((body.len() as u64).to_le_bytes());
        bytes.extend(Sha256::digest(&body));
        bytes.extend(body);
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, and checks the graph.
    ///
    /// # Errors
    /// Bytes that are no `.lif` file, a damaged one, or one whose graph breaks a rule. No length in the bytes is trusted, so memory
    /// stays within a small multiple of the input.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let graph = decode(checked_body(bytes)?)?;
        graph.check()?;
        Ok(graph)
    }

    /// A short name for exactly this graph: the first 16 hex digits of its body's SHA-256.
    pub fn fingerprint(&self) -> String {
        hex(&Sha256::digest(self.body())[..8])
    }

    fn body(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a graph has only types that postcard writes, and memory grows")
    }
}

/// The body, if the header agrees with it.
fn checked_body(bytes: &[u8]) -> Result<&[u8], ArtifactError> {
    if bytes.is_empty() {
        return Err(ArtifactError::Empty);
    }
    let start = &bytes[..bytes.len().min(MAGIC.len())];
    if start != &MAGIC[..start.len()] {
        let found = start.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        return Err(ArtifactError::WrongMagic { found });
    }
    let found = bytes.len() as u64;
    let Some((header, body)) = bytes.split_at_checked(HEADER) else {
        return Err(ArtifactError::Truncated { found, expected: HEADER as u64 });
    };
    let version = u32::from_le_bytes(header[8..12].try_into().expect("4 bytes"));
    if version != VERSION {
        return Err(ArtifactError::UnknownVersion { found: version });
    }
    let length = u64::from_le_bytes(header[12..20].try_into().expect("8 bytes"));
    let expected = length.saturating_add(HEADER as u64);
    match found.cmp(&expected) {
        std::cmp::Ordering::Less => return Err(ArtifactError::Truncated { found, expected }),
        std::cmp::Ordering::Greater => return Err(ArtifactError::Overlong { found, expected }),
        std::cmp::Ordering::Equal => {}
    }
    let digest = Sha256::digest(body);
    if digest[..] != header[20..] {
        return Err(ArtifactError::WrongChecksum { found: hex(&digest[..8]), expected: hex(&header[20..28]) });
    }
    Ok(body)
}

fn decode(body: &[u8]) -> Result<LifGraph, ArtifactError> {
    let undecodable = |cause: String| ArtifactError::Undecodable { cause };
    let (graph, rest) = postcard::take_from_bytes::<LifGraph>(body).map_err(|error| {
        undecodable(match error {
            // postcard keeps no more of what serde and `bounded` say
            postcard::Error::SerdeDeCustom => "a row is of no known kind, or a table has more rows than a graph may have".into(),
            error => error.to_string(),
        })
    })?;
    if !rest.is_empty() {
        return Err(undecodable(format!("{} bytes follow it", rest.len())));
    }
    if graph.body() != body {
        return Err(undecodable("its numbers are not in the shortest encoding".into()));
    }
    Ok(graph)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::well_formed_graph;
    use crate::testing::small;
    use crate::{NeuronModel, Population, Shape};
    use miette::Diagnostic;
    use proptest::prelude::*;

    fn with_body(body: &[u8]) -> Vec<u8> {
        let mut bytes = small().to_bytes()[..12].to_vec();
        bytes.extend((body.len() as u64).to_le_bytes());
        bytes.extend(Sha256::digest(body));
        bytes.extend(body);
        bytes
    }

    fn code(bytes: &[u8]) -> String {
        LifGraph::from_bytes(bytes).expect_err("an error").code().expect("a code").to_string()
    }

    #[test]
    fn every_kind_of_damage_has_its_code() {
        let good = small().to_bytes();
        assert_eq!(LifGraph::from_bytes(&good), Ok(small()));
        assert_eq!(code(b""), "E010");
        assert_eq!(code(b"PK\x03\x04 a zip archive, longer than the header of a .lif file"), "E011");
        assert_eq!(code(&[&good[..8], &2u32.to_le_bytes(), &good[12..]].concat()), "E012");
        assert_eq!(code(&good[..good.len() - 1]), "E013");
        assert_eq!(code(&[&good[..12], &u64::MAX.to_le_bytes(), &good[20..]].concat()), "E013");
        assert_eq!(code(&[&good[..], b"\0"].concat()), "E014");
        let mut flipped = good.clone();
        flipped[HEADER + 9] ^= 1;
        assert_eq!(code(&flipped), "E015");
        assert_eq!(code(&with_body(b"")), "E016");
        assert_eq!(code(&with_body(&[small().body(), vec![0]].concat())), "E016");
        let ill_formed = LifGraph { steps: 0, ..small() };
        assert_eq!(code(&ill_formed.to_bytes()), "E021");
    }

    #[test]
    fn a_number_in_a_longer_encoding_is_refused() {
        let body = small().body();
        assert_eq!(body[..6], *b"\x04test\x04", "name, then steps = 4");
        let longer = [&body[..5], &[0x84, 0x00], &body[6..]].concat();
        let error = LifGraph::from_bytes(&with_body(&longer)).expect_err("not canonical");
        assert_eq!(error.to_string(), "the body of the .lif file is no graph: its numbers are not in the shortest encoding");
    }

    #[test]
    fn every_truncation_is_an_error() {
        let good = small().to_bytes();
        for length in 0..good.len() {
            assert!(LifGraph::from_bytes(&good[..length]).is_err(), "{length} bytes");
            if let Some(body) = good[..length].get(HEADER..) {
                assert!(LifGraph::from_bytes(&with_body(body)).is_err(), "{length} bytes, with a right checksum");
            }
        }
    }

    #[test]
    fn every_flipped_bit_is_an_error() {
        let good = small().to_bytes();
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(LifGraph::from_bytes(&bytes).is_err(), "bit {bit}");
        }
    }

    /// Lengths of 2^60 cost nothing: they are refused when the bytes end.
    #[test]
    fn promised_lengths_are_not_trusted() {
        let endless = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(code(&with_body(&endless)), "E016"); // name
        assert_eq!(code(&with_body(&[&b"\x01x\x04"[..], &endless].concat())), "E016"); // populations
        assert_eq!(code(&with_body(&[&b"\x01x\x04\x00"[..], &endless].concat())), "E016"); // projections
    }

    #[test]
    fn tables_are_not_read_beyond_their_limit() {
        let row = Population { name: String::new(), shape: Shape::flat(1), model: NeuronModel::Source };
        let endless = LifGraph { populations: vec![row; crate::rules::MAX_POPULATIONS + 1], ..small() };
        assert_eq!(code(&endless.to_bytes()), "E016");
        let within = LifGraph { populations: endless.populations[1..].to_vec(), projections: vec![], ..small() };
        assert_eq!(code(&within.to_bytes()), "E020", "read, and its names are wrong");
    }

    #[test]
    fn fingerprints_tell_graphs_apart() {
        let mut other = small();
        other.projections[0].weights[0] += 1;
        assert_eq!(small().fingerprint().len(), 16);
        assert_eq!(small().fingerprint(), small().fingerprint());
        assert_ne!(small().fingerprint(), other.fingerprint());
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(graph in well_formed_graph()) {
            let bytes = graph.to_bytes();
            prop_assert_eq!(LifGraph::from_bytes(&bytes), Ok(graph));
        }

        #[test]
        fn damage_is_an_error(graph in well_formed_graph(), flips in proptest::collection::vec(any::<(usize, u8)>(), 1..8)) {
            let good = graph.to_bytes();
            let mut bad = good.clone();
            for (place, bits) in flips {
                let place = place % bad.len();
                bad[place] ^= bits;
            }
            prop_assume!(bad != good);
            prop_assert!(LifGraph::from_bytes(&bad).is_err());
        }

        /// With a right checksum a damaged body is another graph or an error, never a panic.
        #[test]
        fn a_damaged_body_is_never_a_panic(graph in well_formed_graph(), flips in proptest::collection::vec(any::<(usize, u8)>(), 1..8)) {
            let mut body = graph.body();
            for (place, bits) in flips {
                let place = place % body.len();
                body[place] ^= bits;
            }
            if let Ok(graph) = LifGraph::from_bytes(&with_body(&body)) {
                prop_assert_eq!(graph.check(), Ok(()));
                prop_assert_eq!(graph.body(), body);
            }
        }

        #[test]
        fn random_bytes_are_never_a_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(LifGraph::from_bytes(&with_body(&body)).is_err());
            prop_assert!(LifGraph::from_bytes(&body).is_err());
        }
    }
}
