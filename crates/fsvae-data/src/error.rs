//! What can be wrong with a data set or a picture.

use std::path::PathBuf;

use fsvae_cli::CliError;

use crate::Source;

/// An error of a data set's files, in the order in which reading finds them, or of a picture.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum DataError {
    /// One of the files is not there.
    #[error("the data set {dataset} is not in {}: there is no {names}", folder.display())]
    #[diagnostic(code(E040), help("{}", dataset.how_to_get()))]
    Missing {
        /// The data set.
        dataset: Source,
        /// Where it was looked for.
        folder: PathBuf,
        /// The names under which it may be there.
        names: String,
    },

    /// No bytes at all.
    #[error("{} is empty (0 bytes)", path.display())]
    #[diagnostic(code(E041), help("get the file again: it was never written"))]
    Empty {
        /// The file.
        path: PathBuf,
    },

    /// The first bytes are not those of the IDX file that is expected there.
    #[error("{} is not the IDX file that belongs there: it begins with {found:#010x}, not with {expected:#010x}", path.display())]
    #[diagnostic(code(E042), help("put the data set's own file there (images begin with 0x00000803, labels with 0x00000801)"))]
    WrongMagic {
        /// The file.
        path: PathBuf,
        /// What the format demands.
        expected: u32,
        /// What is there.
        found: u32,
    },

    /// The extents are not those of this data set.
    #[error("{} states the extents {found:?}; {rule}", path.display())]
    #[diagnostic(code(E043), help("put the data set's own file there; other images must be brought into its form first"))]
    WrongExtents {
        /// The file.
        path: PathBuf,
        /// What the file's head states.
        found: Vec<u32>,
        /// What is demanded.
        rule: String,
    },

    /// The file ends too early.
    #[error("{} is truncated: it ends after {found} of {expected} bytes{}", path.display(), if found == expected { ", before gzip's checksum" } else { "" })]
    #[diagnostic(code(E044), help("get the file again completely"))]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that were expected, unpacked.
        expected: usize,
        /// Bytes that are there, unpacked.
        found: usize,
    },

    /// Something follows the data.
    #[error("{} is overlong: more bytes follow the {expected} (unpacked) that it states", path.display())]
    #[diagnostic(code(E045), help("get the file again; something was appended to it, so it may not be the file that was published"))]
    Overlong {
        /// The file.
        path: PathBuf,
        /// Bytes that were expected, unpacked.
        expected: usize,
    },

    /// The packing is damaged.
    #[error("{} is damaged: {detail}", path.display())]
    #[diagnostic(code(E046), help("get the file again; it was altered on its way"))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the unpacking found.
        detail: String,
    },

    /// Images and labels do not belong together.
    #[error("{} does not fit its images: {detail}", path.display())]
    #[diagnostic(code(E047), help("take images and labels of the same data set and of the same part (train or t10k)"))]
    WrongLabels {
        /// The file of labels.
        path: PathBuf,
        /// What does not fit.
        detail: String,
    },

    /// A data set that this program does not know.
    #[error("there is no data set \"{name}\"; there are: {}", Source::ALL.map(Source::name).join(", "))]
    #[diagnostic(code(E048), help("choose one of these; `--data DIR` says where its files are"))]
    UnknownSource {
        /// The name that was given.
        name: String,
    },

    /// A picture that cannot be made.
    #[error("no picture can be made of this: {detail}")]
    #[diagnostic(code(E049), help("draw at least one grey or RGB image in at least one column, and not more than a picture can hold"))]
    Picture {
        /// What is impossible.
        detail: String,
    },

    /// A file that is well-formed, but not the one that was published.
    #[error("{} is not the published file of {dataset}: its {algorithm} is {found}, not {expected}", path.display())]
    #[diagnostic(code(E130), help("get the file again; for images of your own in the same format add --unverified-data"))]
    NotPublished {
        /// The file.
        path: PathBuf,
        /// The data set.
        dataset: Source,
        /// Which digest was formed, of the unpacked file.
        algorithm: &'static str,
        /// The file's digest.
        found: String,
        /// The published file's.
        expected: &'static str,
    },

    /// CelebA's partition file does not say what it should.
    #[error("{} is no partition of pictures: {}{detail}", path.display(), line.map_or(String::new(), |line| format!("line {line}: ")))]
    #[diagnostic(code(E131), help("each line has a picture's name and its part, for example `000001.jpg 0`; get the published file again"))]
    Partition {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1; none if it is about all of them.
        line: Option<usize>,
        /// What is wrong.
        detail: String,
    },

    /// A picture that the partition file names is not there.
    #[error("{} names {}, which is not there{}", partition.display(), picture.display(), and_more(*more))]
    #[diagnostic(code(E132), help("unpack img_align_celeba.zip again completely"))]
    MissingPictures {
        /// The partition file.
        partition: PathBuf,
        /// The first picture that is missing.
        picture: PathBuf,
        /// How many more are missing in the same part.
        more: usize,
    },

    /// A picture that cannot be decoded, or is of another size.
    #[error("{} is no sound JPEG picture of {width} x {height} pixels: {detail}", path.display())]
    #[diagnostic(code(E133), help("unpack img_align_celeba.zip again; a training run that ended here goes on with --resume"))]
    WrongPicture {
        /// The file.
        path: PathBuf,
        /// Rows that are demanded.
        height: usize,
        /// Columns that are demanded.
        width: usize,
        /// What the decoder said.
        detail: String,
    },

    /// There is no such validation split.
    #[error("{}", no_validation(*dataset, *asked))]
    #[diagnostic(code(E134), help("from 1 to {most} can be, when the training begins: `[schedule] validation = N` in the TOML file"))]
    NoValidation {
        /// The data set.
        dataset: Source,
        /// How many were asked for.
        asked: usize,
        /// How many could be.
        most: usize,
    },

    /// A file that cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] CliError),
}

fn no_validation(dataset: Source, asked: usize) -> String {
    match asked {
        0 => format!("no images of {dataset} are set apart for validation: all are learnt"),
        _ => format!("{asked} images of {dataset} cannot be set apart for validation"),
    }
}

fn and_more(more: usize) -> String {
    if more == 0 { String::new() } else { format!(" (and {more} more that are not)") }
}
