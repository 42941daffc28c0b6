//! PyTorch's container: a ZIP archive of uncompressed files, `data.pkl` (what there is) and `data/0`, `data/1`, ... (the numbers).

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::rc::Rc;

use zip::{CompressionMethod, ZipArchive};

use super::OriginalError;
use super::pickle::{self, MAX_PICKLE, TensorRecord};
use super::raw::RawTensor;

/// All tensors of a file that `torch.save` wrote; their bytes stay where they are.
pub(super) fn tensors(bytes: &[u8]) -> Result<Vec<RawTensor<'_>>, OriginalError> {
    let mut archive = Archive::open(bytes)?;
    let pickle = archive.file("data.pkl")?;
    if pickle.len() > MAX_PICKLE {
        return Err(damaged(format!("data.pkl has {} bytes; at most {MAX_PICKLE} are read", pickle.len())));
    }
    let mut storages: BTreeMap<Rc<str>, &[u8]> = BTreeMap::new();
    let raw = |(name, record): (String, TensorRecord)| {
        let TensorRecord { storage, element, offset, shape, strides } = record;
        let data = match storages.get(&storage) {
            Some(data) => data,
            None => {
                let data = archive.file(&format!("data/{storage}"))?;
                storages.insert(storage, data);
                data
            }
        };
        // a wrong offset is found with the shape, when the tensor is decoded
        let first = element.as_ref().map_or(0, |element| offset.saturating_mul(element.bytes())).min(data.len());
        let element = element.map_err(|name| format!("of a {name}"));
        Ok(RawTensor { name, shape, strides: Some(strides), element, data: &data[first..] })
    };
    pickle::tensors(pickle)?.into_iter().map(raw).collect()
}

struct Archive<'a> {
    bytes: &'a [u8],
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// `archive/`, or whatever the file was called when it was written.
    folder: String,
    /// Bytes that may still be taken out: files that overlap could else be read for ever.
    left: usize,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, OriginalError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(error.to_string()))?;
        if zip.file_names().any(|name| name.ends_with("/constants.pkl")) {
            return Err(OriginalError::Kind { kind: "a TorchScript program" });
        }
        let folder = zip.file_names().filter_map(|name| name.strip_suffix("data.pkl")).min_by_key(|folder| folder.len());
        let Some(folder) = folder.map(str::to_owned) else {
            return Err(OriginalError::Kind { kind: "a ZIP archive without the data.pkl of torch.save" });
        };
        let mut archive = Self { bytes, zip, folder, left: bytes.len() };
        // written since PyTorch 2.1; before that all files were little-endian in practice
        if archive.zip.index_for_name(&format!("{}byteorder", archive.folder)).is_some() && archive.file("byteorder")? != b"little" {
            return Err(OriginalError::Kind { kind: "a big-endian PyTorch file" });
        }
        Ok(archive)
    }

    /// A file's bytes, in place; its checksum has been compared.
    fn file(&mut self, name: &str) -> Result<&'a [u8], OriginalError> {
        let path = format!("{}{name}", self.folder);
        let mut entry = self.zip.by_name(&path).map_err(|error| damaged(format!("{path:?}: {error}")))?;
        if entry.compression() != CompressionMethod::Stored {
            return Err(OriginalError::Kind { kind: "a compressed ZIP archive (torch.save does not compress)" });
        }
        let overlap = || damaged("its files overlap".into());
        self.left = usize::try_from(entry.size()).ok().and_then(|size| self.left.checked_sub(size)).ok_or_else(overlap)?;
        let size = io::copy(&mut entry.by_ref().take(self.bytes.len() as u64), &mut io::sink())
            .map_err(|error| damaged(format!("{path:?}: {error}")))?;
        let first = entry.data_start();
        let range = usize::try_from(first).ok().zip(usize::try_from(first.saturating_add(size)).ok());
        let data = range.and_then(|(first, end)| self.bytes.get(first..end));
        data.ok_or_else(|| damaged(format!("{path:?} reaches beyond the end")))
    }
}

fn damaged(detail: String) -> OriginalError {
    OriginalError::Damaged { container: "PyTorch", detail }
}
