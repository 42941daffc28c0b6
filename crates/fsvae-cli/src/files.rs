//! Whole-file reading and writing.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{Action, CliError};

/// The most that [`read_file`] reads: 1 GiB, ten times the largest checkpoint with training state. It keeps an endless or wrong
/// file (`/dev/zero`) from filling the memory.
pub const DEFAULT_READ_LIMIT: u64 = 1 << 30;

/// Reads a file of at most [`DEFAULT_READ_LIMIT`] bytes.
pub fn read_file(path: impl AsRef<Path>) -> Result<Vec<u8>, CliError> {
    read_file_limited(path, DEFAULT_READ_LIMIT)
}

/// Reads a file; a file of more than `limit` bytes is an error and is not read further than that.
pub fn read_file_limited(path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>, CliError> {
    let path = path.as_ref();
    let from_io = |e| CliError::from_io(Action::Read, path, e);
    let file = File::open(path).map_err(from_io)?;
    if file.metadata().map_err(from_io)?.len() > limit {
        return Err(CliError::TooLarge { path: path.to_owned(), limit });
    }
    // The size is what the file system says now; a pipe says 0 and a growing file lies, so the limit is kept while reading, too.
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(from_io)?;
    if bytes.len() as u64 > limit {
        return Err(CliError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// Writes a whole file or, on an error, nothing: see [`WholeFile`].
pub fn write_file(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), CliError> {
    let path = path.as_ref();
    let mut file = WholeFile::create(path)?;
    file.write_all(bytes).map_err(|e| CliError::from_io(Action::Write, path, e))?;
    file.commit()
}

/// Creates a folder and its parents; a folder that exists already is fine.
pub fn create_folder(path: impl AsRef<Path>) -> Result<(), CliError> {
    let path = path.as_ref();
    fs::create_dir_all(path).map_err(|e| CliError::from_io(Action::CreateFolder, path, e))
}

/// A file that appears under its name only when it is complete.
///
/// What is written goes to a file with a name of its own in the same folder (so that the rename cannot cross file systems).
/// [`WholeFile::commit`] flushes it to the disk and renames it over the target; dropping a `WholeFile` without commit removes it.
/// A symbolic link is followed: the file it points to is replaced. Devices and pipes (`/dev/stdout`) cannot be renamed over and are
/// written straight.
#[derive(Debug)]
pub struct WholeFile {
    /// The target as the user named it: for messages.
    path: PathBuf,
    /// The target with symbolic links followed.
    target: PathBuf,
    /// Where the bytes are until commit; `None` when the target is written straight.
    part: Option<PathBuf>,
    file: io::BufWriter<File>,
}

impl WholeFile {
    /// Begins a file. The target is looked at now, so that a hopeless path fails before the work and not after it.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, CliError> {
        let path = path.as_ref().to_owned();
        let from_io = |e| CliError::from_io(Action::Write, &path, e);
        // A dangling link is left to the rename, which replaces the link itself.
        let target = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        let old = match fs::metadata(&target) {
            Ok(old) => Some(old),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(from_io(e)),
        };
        if old.as_ref().is_some_and(|m| m.is_dir()) || path.as_os_str().to_string_lossy().ends_with('/') {
            return Err(CliError::IsFolder { action: Action::Write, path });
        }
        if old.as_ref().is_some_and(|m| !m.is_file()) {
            let file = OpenOptions::new().write(true).open(&target).map_err(from_io)?;
            return Ok(Self { path, target, part: None, file: io::BufWriter::new(file) });
        }
        // The rename needs no permission of the old file; without this a read-only file would be replaced silently.
        if old.as_ref().is_some_and(|m| m.permissions().readonly()) {
            return Err(from_io(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only")));
        }
        let (part, file) = create_part(&target).map_err(from_io)?;
        let whole = Self { path: path.clone(), target, part: Some(part), file: io::BufWriter::new(file) };
        if let Some(old) = old {
            whole.file.get_ref().set_permissions(old.permissions()).map_err(from_io)?;
        }
        Ok(whole)
    }

    /// Flushes everything to the disk and gives the file its name.
    pub fn commit(mut self) -> Result<(), CliError> {
        self.finish().map_err(|e| CliError::from_io(Action::Write, &self.path, e))?;
        self.part = None;
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.file.flush()?;
        let Some(part) = &self.part else { return Ok(()) };
        self.file.get_ref().sync_all()?;
        fs::rename(part, &self.target)?;
        // The new name is on the disk when the folder is. Some file systems cannot; the file is complete all the same.
        if let Ok(folder) = File::open(folder_of(&self.target)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// For formats whose beginning is known at the end. Devices and pipes refuse.
impl Seek for WholeFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            let _ = fs::remove_file(part);
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new file beside the target. Its name is short (the target's may be as long as names can be) and unique: process and counter.
fn create_part(target: &Path) -> io::Result<(PathBuf, File)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let part = folder_of(target).join(format!(".part-{}-{number}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&part) {
            Ok(file) => return Ok((part, file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miette::Diagnostic;
    use tempfile::tempdir;

    fn code(error: CliError) -> String {
        error.code().unwrap().to_string()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_at_commit_and_not_before() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("a");
        write_file(&path, b"old").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(&[7; 100_000]).unwrap();
        file.seek(SeekFrom::Start(99_999)).unwrap();
        file.write_all(&[7]).unwrap();
        assert_eq!(read_file(&path).unwrap(), b"old");
        file.commit().unwrap();
        assert_eq!(read_file(&path).unwrap(), [7; 100_000]);
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_dropped_file_leaves_nothing() {
        let folder = tempdir().unwrap();
        let mut file = WholeFile::create(folder.path().join("a")).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        drop(file);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn each_cause_has_its_code() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("file");
        write_file(&file, b"12345").unwrap();
        assert_eq!(code(read_file(folder.path().join("none")).unwrap_err()), "E001");
        assert_eq!(code(write_file(folder.path().join("none/a"), b"").unwrap_err()), "E001");
        assert_eq!(code(read_file(folder.path()).unwrap_err()), "E002");
        assert_eq!(code(write_file(folder.path(), b"").unwrap_err()), "E002");
        assert_eq!(code(write_file("", b"").unwrap_err()), "E001");
        assert_eq!(code(write_file("new-name/", b"").unwrap_err()), "E002");
        assert_eq!(code(write_file("/", b"").unwrap_err()), "E002");
        assert_eq!(code(read_file_limited(&file, 4).unwrap_err()), "E005");
        assert_eq!(read_file_limited(&file, 5).unwrap(), b"12345");
        assert_eq!(code(read_file(file.join("a")).unwrap_err()), "E006");
        assert_eq!(code(write_file(file.join("a"), b"").unwrap_err()), "E006");
        assert_eq!(code(create_folder(&file).unwrap_err()), "E006");
        assert_eq!(code(create_folder(file.join("a")).unwrap_err()), "E006");
        assert_eq!(code(write_file(folder.path().join("x".repeat(300)), b"").unwrap_err()), "E007");
        let mut mode = fs::metadata(&file).unwrap().permissions();
        mode.set_readonly(true);
        fs::set_permissions(&file, mode).unwrap();
        assert_eq!(code(write_file(&file, b"").unwrap_err()), "E003");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_name_of_the_greatest_length_is_fine() {
        let folder = tempdir().unwrap();
        write_file(folder.path().join("x".repeat(255)), b"1").unwrap();
        assert_eq!(names(folder.path()), ["x".repeat(255)]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn devices_and_links() {
        assert_eq!(code(read_file_limited("/dev/zero", 100_000).unwrap_err()), "E005");
        assert_eq!(code(write_file("/dev/full", &[0; 100]).unwrap_err()), "E004");
        write_file("/dev/null", b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        let folder = tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        write_file(&file, b"old").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        write_file(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(read_file(&file).unwrap(), b"new");
    }

    #[test]
    fn folders_are_created_with_parents_and_may_exist() {
        let folder = tempdir().unwrap();
        let inner = folder.path().join("a/b");
        create_folder(&inner).unwrap();
        create_folder(&inner).unwrap();
        assert!(inner.is_dir());
    }
}
