//! The checkpoint as bytes.

use std::{fmt, io, io::Cursor, marker::PhantomData};

use rmp_serde::{Deserializer, decode};
use serde::{
    Deserialize, Serialize,
    de::{self, IgnoredAny, SeqAccess, Visitor},
};
use serde_bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::kind::{Beginning, Kind, beginning, name};
use crate::{CheckpointError, CheckpointOf, TrainingRecord, tensor::RawTensor};

/// What the file of an FSVAE says it is.
pub const FORMAT: &str = "fsvae-checkpoint";
/// The version that is written, and the only one that is read.
pub const VERSION: u64 = 1;
/// The most tensors that are read; FSVAELarge with its optimiser's state has some 300.
pub const MAX_TENSORS: usize = 4096;
/// The most dimensions of a tensor that are read.
pub const MAX_RANK: usize = 8;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    format: &'a str,
    version: u64,
    #[serde(borrow)]
    sha256: &'a Bytes,
    #[serde(borrow)]
    body: &'a Bytes,
}

/// What every version of the format has.
#[derive(Deserialize)]
struct Head {
    version: u64,
}

#[derive(Serialize)]
struct BodyOut<'a, C> {
    config: &'a C,
    training: &'a TrainingRecord,
    tensors: Vec<RawTensor<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BodyIn<'a, C> {
    config: C,
    training: TrainingRecord,
    #[serde(borrow, deserialize_with = "bounded_vec::<_, _, MAX_TENSORS>")]
    tensors: Vec<RawTensor<'a>>,
}

impl<C: Kind> CheckpointOf<C> {
    /// The file: the same checkpoint gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Neither can fail: the structs are plain data and the writer is a Vec.
        let body = BodyOut { config: &self.config, training: &self.training, tensors: self.tensors.iter().map(RawTensor::from).collect() };
        let body = rmp_serde::to_vec_named(&body).expect("plain data");
        let sha256 = Sha256::digest(&body);
        let envelope = Envelope { format: C::FORMAT, version: VERSION, sha256: Bytes::new(&sha256), body: Bytes::new(&body) };
        rmp_serde::to_vec_named(&envelope).expect("plain data")
    }

    /// Reads a file's bytes. This answers for the form only; call [`Checkpoint::check`](crate::Checkpoint::check) before using what was read.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        check_magic(bytes, C::FORMAT)?;
        let truncated = || CheckpointError::Truncated { found: bytes.len() };
        let length = value_length(bytes).map_err(|e| if is_end(&e) { truncated() } else { malformed("the outer map", e) })?;
        if length < bytes.len() {
            return Err(CheckpointError::Overlong { expected: length, found: bytes.len() });
        }
        let Head { version } = rmp_serde::from_slice(bytes).map_err(|e| malformed("the outer map", e))?;
        if version != VERSION {
            return Err(CheckpointError::Version { found: version });
        }
        let envelope: Envelope = rmp_serde::from_slice(bytes).map_err(|e| malformed("the outer map", e))?;
        let body: &[u8] = envelope.body;
        let (expected, found) = (hex(envelope.sha256), hex(&Sha256::digest(body)));
        if expected != found {
            return Err(CheckpointError::Checksum { expected, found });
        }
        Self::from_body(body)
    }

    fn from_body(body: &[u8]) -> Result<Self, CheckpointError> {
        let length = value_length(body).map_err(|e| malformed("the body", e))?;
        if length < body.len() {
            return Err(CheckpointError::Malformed { detail: format!("the body ends after {length} of its {} bytes", body.len()) });
        }
        let body: BodyIn<'_, C> = rmp_serde::from_slice(body).map_err(|e| malformed("the body", e))?;
        let tensors = body.tensors.into_iter().map(RawTensor::into_tensor).collect::<Result<_, _>>();
        let tensors = tensors.map_err(|detail| CheckpointError::Malformed { detail })?;
        Ok(Self { config: body.config, training: body.training, tensors })
    }
}

fn check_magic(bytes: &[u8], wanted: &'static str) -> Result<(), CheckpointError> {
    if bytes.is_empty() {
        return Err(CheckpointError::Empty);
    }
    match beginning(bytes) {
        Beginning::Kind(format) if format == wanted => Ok(()),
        Beginning::Kind(format) => Err(CheckpointError::OtherKind { expected: name(wanted), found: name(format) }),
        Beginning::Torn => Err(CheckpointError::Truncated { found: bytes.len() }),
        Beginning::Other => Err(CheckpointError::NotACheckpoint),
    }
}

/// Bytes of the MessagePack value at the beginning.
fn value_length(bytes: &[u8]) -> Result<usize, decode::Error> {
    let mut reader = Deserializer::new(Cursor::new(bytes));
    IgnoredAny::deserialize(&mut reader)?;
    Ok(reader.position() as usize)
}

fn is_end(error: &decode::Error) -> bool {
    matches!(error, decode::Error::InvalidMarkerRead(e) | decode::Error::InvalidDataRead(e) if e.kind() == io::ErrorKind::UnexpectedEof)
}

fn malformed(part: &str, error: decode::Error) -> CheckpointError {
    CheckpointError::Malformed { detail: format!("{part}: {error}") }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A sequence of at most `MAX` items: one byte of a hostile file must not become a hundred bytes of memory without end.
pub(crate) fn bounded_vec<'de, D, T, const MAX: usize>(reader: D) -> Result<Vec<T>, D::Error>
where
    D: de::Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Bounded<T, const MAX: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Bounded<T, MAX> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            write!(f, "a sequence of at most {MAX} items")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                if list.len() == MAX {
                    return Err(de::Error::custom(format_args!("a sequence has more than {MAX} items")));
                }
                list.push(item);
            }
            Ok(list)
        }
    }

    reader.deserialize_seq(Bounded::<T, MAX>(PhantomData))
}

#[cfg(test)]
mod tests;
