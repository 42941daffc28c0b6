//! Arrays in NumPy's npz file, always the same bytes: stored uncompressed, in the order in which they are added, and dated
//! 1980-01-01, the first day that zip archives know.

use crate::NetlistError;
use ndarray::ArrayView;
use ndarray_npy::{NpzWriter, WritableElement};
use std::io::Cursor;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime};

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
    fn entries_are_dated_1980_whatever_the_clock_says() {
        // local header: signature 4, version 2, flags 2, method 2, then time 2 and date 2 (0x21: 1980-01-01)
        assert_eq!(example()[..4], *b"PK\x03\x04");
        assert_eq!(example()[8..14], [0, 0, 0, 0, 0x21, 0]);
    }
}
