//! What can go wrong with files, sorted by what the user can do about it.

use std::{fmt, io, path::Path, path::PathBuf};

/// What was being done with a path when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Reading a file.
    Read,
    /// Writing a file.
    Write,
    /// Creating a folder.
    CreateFolder,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Read => "read",
            Action::Write => "write",
            Action::CreateFolder => "create folder",
        })
    }
}

/// An error of reading, writing or printing: one variant for each remedy.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CliError {
    /// The file to read, or the folder to write in, does not exist.
    #[error("cannot {action} {}: there is no such {}", path.display(), if *action == Action::Read { "file" } else { "folder" })]
    #[diagnostic(code(E001), help("{}", not_found_help(*action, path)))]
    NotFound {
        /// What was being done.
        action: Action,
        /// The path as it was given.
        path: PathBuf,
    },

    /// A folder stands where a file is meant.
    #[error("cannot {action} {}: it is a folder, not a file", path.display())]
    #[diagnostic(code(E002), help("name a file, for example one inside that folder"))]
    IsFolder {
        /// What was being done.
        action: Action,
        /// The path as it was given.
        path: PathBuf,
    },

    /// The operating system refuses the access, or the file system or file is read-only.
    #[error("cannot {action} {}: {source}", path.display())]
    #[diagnostic(code(E003), help("check owner and mode (`ls -ld`) of the file and of its folder, or choose another place"))]
    Permission {
        /// What was being done.
        action: Action,
        /// The path as it was given.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// No space, or no quota, left, or a limit of the size of files is reached.
    #[error("cannot {action} {}: {source}", path.display())]
    #[diagnostic(code(E004), help("free some space there (`df -h`), or choose another place; nothing was left behind"))]
    DiskFull {
        /// What was being done.
        action: Action,
        /// The path as it was given.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// The file is larger than any file of its kind.
    #[error("cannot read {}: it is larger than {limit} bytes", path.display())]
    #[diagnostic(code(E005), help("is it the right file? no file of this kind is that large"))]
    TooLarge {
        /// The path as it was given.
        path: PathBuf,
        /// The most that would have been read, in bytes.
        limit: u64,
    },

    /// A file stands where a folder is meant.
    #[error("cannot {action} {}: it, or a part of its path, is a file and not a folder", path.display())]
    #[diagnostic(code(E006), help("choose another name, or move that file away"))]
    NotFolder {
        /// What was being done.
        action: Action,
        /// The path as it was given.
        path: PathBuf,
    },

    /// Anything else that the operating system says.
    #[error("cannot {action} {}: {source}", path.display())]
    #[diagnostic(code(E007), help("check that path, or choose another place"))]
    Other {
        /// What was being done.
        action: Action,
        /// The path as it was given.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// Standard output cannot be written (a closed pipe is not an error: see [`crate::print`]).
    #[error("cannot write to standard output: {source}")]
    #[diagnostic(code(E008), help("check what standard output was redirected to"))]
    Stdout {
        /// What the operating system said.
        source: io::Error,
    },
}

impl CliError {
    /// Sorts an error of the operating system into its variant.
    pub fn from_io(action: Action, path: &Path, source: io::Error) -> Self {
        use io::ErrorKind::*;
        let path = path.to_owned();
        match source.kind() {
            NotFound => CliError::NotFound { action, path },
            IsADirectory => CliError::IsFolder { action, path },
            NotADirectory => CliError::NotFolder { action, path },
            AlreadyExists if action == Action::CreateFolder => CliError::NotFolder { action, path },
            PermissionDenied | ReadOnlyFilesystem => CliError::Permission { action, path, source },
            StorageFull | QuotaExceeded | FileTooLarge => CliError::DiskFull { action, path, source },
            _ => CliError::Other { action, path, source },
        }
    }
}

fn not_found_help(action: Action, path: &Path) -> String {
    match (action, path.parent().filter(|p| !p.as_os_str().is_empty())) {
        (Action::Read, _) => "check the spelling; a relative path counts from the current folder".into(),
        (_, Some(folder)) => format!("create it first: `mkdir -p {}`", folder.display()),
        (_, None) => "name a file".into(),
    }
}
