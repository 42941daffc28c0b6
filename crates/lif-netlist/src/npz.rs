//! Arrays in NumPy's npz file, always the same bytes: stored uncompressed, in the order in which they are added, and dated
//! 1980-01-01, the first day that zip archives know.

use crate::NetlistError;
use ndarray::ArrayView;
use ndarray_npy::{NpzWriter, WritableElement};
use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive};

/// An npz file in the making.
pub struct Arrays {
    file: &'static str,
    writer: NpzWriter<Cursor<Vec<u8>>>,
}

impl Arrays {
    /// No arrays yet; `file` is the name for messages.
    pub fn new(file: &'static str) -> Self {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).last_modified_time(DateTime::default());
        Self { file, writer: NpzWriter::new_with_options(Cursor::new(Vec::new()), options) }
    }

    /// Adds an array with its values in C order.
    ///
    /// # Errors
    /// [`NetlistError::Write`] for an array that a zip archive cannot hold.
    ///
    /// # Panics
    /// If `shape` does not have as many places as there are values.
    pub fn add<T: WritableElement>(&mut self, name: &str, shape: &[usize], values: &[T]) -> Result<(), NetlistError> {
        let array = ArrayView::from_shape(shape, values).expect("a shape of as many places as there are values");
        self.writer.add_array(name, &array).map_err(|error| self.error(error))
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`NetlistError::Write`] for more than a zip archive can hold.
    pub fn finish(self) -> Result<Vec<u8>, NetlistError> {
        let file = self.file;
        let written = self.writer.finish().map_err(|error| NetlistError::Write { file, cause: error.to_string() })?;
        Ok(written.into_inner())
    }

    fn error(&self, error: ndarray_npy::WriteNpzError) -> NetlistError {
        NetlistError::Write { file: self.file, cause: error.to_string() }
    }
}

/// An npz file as [`Arrays`] writes it: not compressed, npy format 1.0, little-endian.
pub struct StoredArrays<'b> {
    file: &'static str,
    archive: ZipArchive<Cursor<&'b [u8]>>,
    taken: BTreeSet<String>,
}

impl<'b> StoredArrays<'b> {
    /// Looks at the archive's directory.
    ///
    /// # Errors
    /// [`NetlistError::Damaged`] for what is no zip archive.
    pub fn new(file: &'static str, bytes: &'b [u8]) -> Result<Self, NetlistError> {
        let archive = ZipArchive::new(Cursor::new(bytes));
        let archive = archive.map_err(|error| NetlistError::Damaged { file, cause: error.to_string() })?;
        Ok(Self { file, archive, taken: BTreeSet::new() })
    }

    /// An array's values in their order. They are taken as `T`: only who writes the array again knows that they are.
    ///
    /// # Errors
    /// [`NetlistError::Damaged`] if there is no array of that name, or only a part of it, or it was read before: a small file that names one
    /// array ever again must not fill the memory.
    pub fn read<T: Element>(&mut self, name: &str) -> Result<Vec<T>, NetlistError> {
        let file = self.file;
        let damaged = |cause: String| NetlistError::Damaged { file, cause: format!("{name}: {cause}") };
        if !self.taken.insert(name.into()) {
            return Err(damaged("two parts of the netlist name it".into()));
        }
        let mut entry = self.archive.by_name(&format!("{name}.npy")).map_err(|error| damaged(error.to_string()))?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| damaged(error.to_string()))?; // never longer than the archive: nothing is packed
        let header = bytes.get(8..10).map(|length| 10 + usize::from(u16::from_le_bytes([length[0], length[1]])));
        let values = header.and_then(|header| bytes.get(header..)).ok_or_else(|| damaged("it has no header".into()))?;
        let values = values.chunks(size_of::<T>());
        values.map(|value| T::from_bytes(value).ok_or_else(|| damaged("its last value is cut off".into()))).collect()
    }
}

/// An integer of an npy file.
pub trait Element: Sized {
    /// From little-endian bytes.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

macro_rules! elements {
    ($($kind:ty)*) => {
        $(impl Element for $kind {
            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self::from_le_bytes)
            }
        })*
    };
}
elements!(i8 u8 i16 i32 u32);

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2, array};
    use ndarray_npy::NpzReader;

    fn example() -> Vec<u8> {
        let mut arrays = Arrays::new("a.npz");
        arrays.add("z/matrix", &[2, 3], &[1i16, -2, 3, 4, 5, 6]).unwrap();
        arrays.add::<i32>("a", &[0], &[]).unwrap();
        arrays.finish().unwrap()
    }

    #[test]
    fn what_was_added_is_read_in_order() {
        let mut reader = NpzReader::new(Cursor::new(example())).unwrap();
        assert_eq!(reader.names().unwrap(), ["z/matrix", "a"]);
        let matrix: Array2<i16> = reader.by_name("z/matrix").unwrap();
        assert_eq!(matrix, array![[1, -2, 3], [4, 5, 6]]);
        let empty: Array1<i32> = reader.by_name("a").unwrap();
        assert!(empty.is_empty());
    }

    #[test]
    fn stored_arrays_are_read_as_integers() {
        let bytes = example();
        let mut stored = StoredArrays::new("a.npz", &bytes).unwrap();
        assert_eq!(stored.read::<i16>("z/matrix").unwrap(), [1, -2, 3, 4, 5, 6]);
        assert!(stored.read::<i32>("a").unwrap().is_empty());
        assert!(matches!(stored.read::<i32>("b"), Err(NetlistError::Damaged { cause, .. }) if cause.starts_with("b: ")));
        assert!(stored.read::<i32>("a").is_err(), "read before");
        assert!(StoredArrays::new("a.npz", &bytes[..bytes.len() / 2]).is_err());
    }

    #[test]
    fn entries_are_dated_1980_whatever_the_clock_says() {
        // local header: signature 4, version 2, flags 2, method 2, then time 2 and date 2 (0x21: 1980-01-01)
        assert_eq!(example()[..4], *b"PK\x03\x04");
        assert_eq!(example()[8..14], [0, 0, 0, 0, 0x21, 0]);
    }
}
