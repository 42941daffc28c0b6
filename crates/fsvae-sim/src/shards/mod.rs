//! Many images as many files: which images are in which, what the files are called, which of them this process draws.
//!
//! ```text
//!   images    0 ............ 4095 | 4096 ......... 8191 | 8192 ... 9999
//!   shards         000000         |       000001        |    000002          --out out/{shard}.npz
//!   --shard 1/2    this one       |                     |    and this one
//!   --shard 2/2                   |    this one         |
//! ```
//!
//! A shard is a function of model, seed, count and shard size, so that any machine may draw any of them. It appears whole or not at all
//! and says in itself what it is ([`Record`]): a run that was interrupted goes on with those that are missing.

mod file;
mod record;

pub(crate) use record::{PixelsFingerprint, Record, Run};

use crate::Error;
use fsvae_cli::{Action, CliError};
use lif_graph::Shape;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Stands for a shard's number in `--out`.
const NUMBER: &str = "{shard}";

/// Images of a shard: a picture of 64 x 64.
pub(crate) const DEFAULT_IMAGES: u64 = 4096;

/// Which part of the shards a process draws: `part` of `parts`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub part: u64,
    pub parts: u64,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
        match numbers {
            Some((part, parts)) if 1 <= part && part <= parts => Ok(Self { part, parts }),
            _ => Err("a part is i/n with i from 1 to n, for example 2/8".into()),
        }
    }
}

/// The two kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Npz,
}

/// The files of a run.
#[derive(Clone, Debug)]
pub(crate) struct Shards {
    /// With [`NUMBER`] in it, or the one file.
    pattern: String,
    pub format: Format,
    /// Of all parts.
    pub count: u64,
    /// Of a shard; the last one may have fewer.
    pub images: u64,
    pub part: Part,
}

/// What `--out` means.
pub(crate) enum Place {
    /// One picture.
    Sheet,
    /// Shards of this pattern.
    Pattern(String, Format),
}

/// A folder (one that exists, or a name without an ending) or a pattern or an npz file holds shards; anything else is one picture.
pub(crate) fn place(out: &Path) -> Result<Place, Error> {
    let text = out.to_string_lossy();
    let folder = out.is_dir() || text.ends_with('/') || (out.extension().is_none() && !out.exists());
    if text.contains(NUMBER) || out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz")) {
        let format = match out.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("png") => Format::Png,
            Some("npz") => Format::Npz,
            _ => return Err(Error::ShardFormat { pattern: text.into() }),
        };
        if out.file_name().is_none_or(|name| text.contains(NUMBER) && !name.to_string_lossy().contains(NUMBER)) {
            return Err(Error::ShardFormat { pattern: text.into() });
        }
        return Ok(Place::Pattern(text.into(), format));
    }
    if folder {
        return Ok(Place::Pattern(out.join(format!("images-{NUMBER}.png")).to_string_lossy().into(), Format::Png));
    }
    Ok(Place::Sheet)
}

impl Shards {
    pub fn new(pattern: String, format: Format, count: u64, images: u64, part: Part) -> Self {
        let images = if pattern.contains(NUMBER) { images } else { count };
        Self { pattern, format, count, images, part }
    }

    /// Where the files are.
    pub fn folder(&self) -> PathBuf {
        Path::new(&self.pattern).parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
    }

    /// The pattern, for people.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// How many shards all parts have together.
    pub fn total(&self) -> u64 {
        self.count.div_ceil(self.images)
    }

    /// How many shards this part has.
    pub fn of_part(&self) -> u64 {
        self.total().saturating_sub(self.part.part - 1).div_ceil(self.part.parts)
    }

    /// Those of this part.
    pub fn numbers(&self) -> impl Iterator<Item = u64> + use<> {
        (self.part.part - 1..self.total()).step_by(self.part.parts.try_into().unwrap_or(usize::MAX))
    }

    /// The images of a shard.
    pub fn range(&self, number: u64) -> std::ops::Range<u64> {
        number * self.images..self.count.min((number + 1) * self.images)
    }

    /// Images of this part.
    pub fn images_of_part(&self) -> u64 {
        let shards = self.of_part();
        // only the last shard of all can have fewer
        let has_last = shards > 0 && (self.total() - 1) % self.part.parts == self.part.part - 1;
        shards * self.images - if has_last { self.total() * self.images - self.count } else { 0 }
    }

    pub fn path(&self, number: u64) -> PathBuf {
        self.pattern.replace(NUMBER, &format!("{number:06}")).into()
    }

    /// Writes a shard, whole or not at all.
    pub fn write(&self, number: u64, image: Shape, pixels: Vec<u8>, record: &Record) -> Result<(), Error> {
        file::write(&self.path(number), self.format, image, pixels, record)
    }

    /// The records of this part's shards that are there already; an error if something else is. Looks at what is in the folder, so that
    /// a run of a billion shards begins at once.
    pub fn there(&self, run: &Run<'_>) -> Result<BTreeMap<u64, Record>, Error> {
        let mut there = BTreeMap::new();
        let from_io = |error| CliError::from_io(Action::Read, &self.folder(), error);
        for entry in std::fs::read_dir(self.folder()).map_err(from_io)? {
            let entry = entry.map_err(from_io)?;
            // only what is a file of its own is a shard: a link or a device is written to
            let Some(number) = self.number(&entry.file_name().to_string_lossy()) else { continue };
            if !entry.file_type().map_err(from_io)?.is_file() {
                continue;
            }
            let path = self.path(number);
            match file::read(&path, self.format) {
                Some(record) if record.is_for(&run.record(self.range(number))) => there.insert(number, record),
                _ => return Err(Error::ForeignShard { path }),
            };
        }
        Ok(there)
    }

    /// The shard of this part that a file of this name is.
    fn number(&self, name: &str) -> Option<u64> {
        let pattern = Path::new(&self.pattern).file_name()?.to_string_lossy();
        let number = match pattern.find(NUMBER) {
            None => 0,
            Some(start) => {
                let rest = name.get(start..)?;
                let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
                rest[..digits].parse().ok()?
            }
        };
        let ours = number < self.total() && (number % self.part.parts) == self.part.part - 1;
        (ours && self.path(number).file_name()?.to_string_lossy() == name).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        assert_eq!("2/8".parse(), Ok(Part { part: 2, parts: 8 }));
        for wrong in ["0/8", "9/8", "1/0", "1", "a/b", "1/2/3", "-1/2", ""] {
            assert!(wrong.parse::<Part>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_image_is_in_one_shard_of_one_part() {
        for (count, images, parts) in [(10, 4, 1), (10, 4, 2), (1, 4, 3), (12, 4, 3), (4097, 4096, 2)] {
            let mut all = vec![];
            for part in 1..=parts {
                let shards = Shards::new("a/{shard}.png".into(), Format::Png, count, images, Part { part, parts });
                assert_eq!(shards.numbers().map(|n| shards.range(n).count() as u64).sum::<u64>(), shards.images_of_part());
                assert_eq!(shards.numbers().count() as u64, shards.of_part());
                all.extend(shards.numbers().flat_map(|number| shards.range(number)));
            }
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_name_is_that_of_one_shard() {
        for pattern in ["a/{shard}.png", "a/x-{shard}-{shard}.npz", "{shard}"] {
            let shards = Shards::new(pattern.into(), Format::Png, 1_000_000_000, 64, Part { part: 2, parts: 3 });
            for number in [1, 4, 999_999, 1_000_000, 15_624_997] {
                let path = shards.path(number);
                let name = path.file_name().expect("a name").to_string_lossy();
                assert_eq!(shards.number(&name), (number % 3 == 1).then_some(number), "{name}");
                assert_eq!(shards.number(&format!("0{name}")), None);
                assert_eq!(shards.number(&format!("{name}.part")), None);
            }
            assert_eq!(shards.number(&shards.path(15_625_000).file_name().expect("a name").to_string_lossy()), None, "behind the last");
        }
    }

    #[test]
    fn names() {
        let kind = |out: &str| match place(Path::new(out)) {
            Ok(Place::Sheet) => "sheet".to_string(),
            Ok(Place::Pattern(pattern, _)) => {
                Shards::new(pattern, Format::Png, 9, 3, Part { part: 1, parts: 1 }).path(2).display().to_string()
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(kind("a.png"), "sheet");
        assert_eq!(kind("none/a"), "none/a/images-000002.png");
        assert_eq!(kind("a/{shard}.npz"), "a/000002.npz");
        assert_eq!(kind("a.npz"), "a.npz");
        assert!(kind("a/{shard}.jpg").contains("{shard}.jpg"));
        assert!(kind("{shard}/a.png").contains("{shard}/a.png"));
    }
}
