//! The run for TensorBoard: an event file beside the log.
//!
//! ```text
//!   record = length (u64) | masked CRC-32C of it | Event (protocol buffer) | masked CRC-32C of that         all little-endian
//!   file   = Event { file_version: "brain.Event:2" }, Event { step, summary { tag, simple_value | image } } ...
//! ```
//!
//! Sources: `tensorflow/core/lib/io/record_writer.h` (records), `tensorflow/core/util/event.proto` and
//! `tensorflow/core/framework/summary.proto` (the field numbers below).
//!
//! A resumed run cuts the file off where its checkpoint was written, as it does with the log, and begins with a session event, which tells a
//! TensorBoard that is looking to forget what it has read of later steps: no step is there twice.

use fsvae_cli::{Action, CliError, read_file};
use prost::Message;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Event files are known by `tfevents` in their names.
pub const NAME: &str = "events.out.tfevents.fsvae";
const VERSION: &str = "brain.Event:2";
/// Bytes of a record before and behind its event.
const HEAD: usize = 12;
const TAIL: usize = 4;

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session: Option<Session>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    #[prost(message, optional, tag = "4")]
    image: Option<Image>,
}

#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    /// Channels: 1 grey, 3 colour.
    #[prost(int32, tag = "3")]
    colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    png: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Session {
    /// 1 is the beginning.
    #[prost(int32, tag = "1")]
    status: i32,
}

/// An open event file.
#[derive(Debug)]
pub struct Board {
    path: PathBuf,
    file: File,
}

impl Board {
    /// Opens the file to go on after optimiser step `step`; what stands there about later steps goes, and so does a torn end.
    pub fn resume(path: &Path, step: u64) -> Result<Self, CliError> {
        let kept = if path.exists() { length_until(&read_file(path)?, step) } else { 0 };
        let open = || -> io::Result<File> {
            let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
            file.set_len(kept)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        let file = open().map_err(|e| CliError::from_io(Action::Write, path, e))?;
        let mut board = Self { path: path.to_owned(), file };
        let first = match kept {
            0 => Event { file_version: Some(VERSION.to_owned()), ..Event::default() },
            _ => Event { step: step as i64 + 1, session: Some(Session { status: 1 }), ..Event::default() },
        };
        board.add(first)?;
        Ok(board)
    }

    /// Adds numbers by name.
    pub fn scalars(&mut self, step: u64, scalars: impl IntoIterator<Item = (String, f64)>) -> Result<(), CliError> {
        let value = |(tag, value)| Value { tag, simple_value: Some(value as f32), image: None };
        let values: Vec<Value> = scalars.into_iter().map(value).collect();
        if values.is_empty() { Ok(()) } else { self.summary(step, values) }
    }

    /// Adds a picture by name.
    pub fn picture(&mut self, step: u64, tag: &str, png: &[u8]) -> Result<(), CliError> {
        let [width, height] = [16, 20].map(|at| i32::from_be_bytes(*png[at..].first_chunk().expect("a PNG file has a header")));
        let colorspace = if png[25] == 0 { 1 } else { 3 };
        let image = Image { height, width, colorspace, png: png.to_vec() };
        self.summary(step, vec![Value { tag: tag.to_owned(), simple_value: None, image: Some(image) }])
    }

    fn summary(&mut self, step: u64, values: Vec<Value>) -> Result<(), CliError> {
        self.add(Event { step: step as i64, summary: Some(Summary { values }), ..Event::default() })
    }

    fn add(&mut self, event: Event) -> Result<(), CliError> {
        let wall_time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        let record = record(&Event { wall_time, ..event }.encode_to_vec());
        self.file.write_all(&record).map_err(|e| CliError::from_io(Action::Write, &self.path, e))
    }
}

fn record(event: &[u8]) -> Vec<u8> {
    let length = (event.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), event, &masked(event)].concat()
}

/// The checksum as records have it (`tensorflow/core/lib/hash/crc32c.h`).
fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// The event at the beginning of these bytes, and the bytes of its record; nothing if it is not whole and undamaged.
fn first_event(bytes: &[u8]) -> Option<(Event, usize)> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let count = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let event = rest.get(..count)?;
    let whole = *checksum == masked(length) && rest[count..].first_chunk() == Some(&masked(event));
    if whole { Some((Event::decode(event).ok()?, HEAD + count + TAIL)) } else { None }
}

/// Bytes of the whole records at the beginning of a file whose steps are not beyond `step`.
fn length_until(file: &[u8], step: u64) -> u64 {
    let mut at = 0;
    while let Some((event, length)) = first_event(&file[at..]).filter(|(event, _)| event.step <= step as i64) {
        if at == 0 && event.file_version.as_deref() != Some(VERSION) {
            return 0;
        }
        at += length;
    }
    at as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(path: &Path) -> Vec<Event> {
        let bytes = std::fs::read(path).unwrap();
        let mut at = 0;
        std::iter::from_fn(|| {
            let (event, length) = first_event(&bytes[at..])?;
            at += length;
            Some(event)
        })
        .collect()
    }

    #[test]
    fn records_are_those_of_tensorflow() {
        // Every file of TensorFlow begins so: the length of the event with time and version, and its checksum.
        assert_eq!(record(&[0; 24])[..HEAD], *b"\x18\0\0\0\0\0\0\0\xa3\x7fK\"");
        let event = Event { file_version: Some(VERSION.to_owned()), ..Event::default() }.encode_to_vec();
        assert_eq!(event, b"\x1a\x0dbrain.Event:2");
        let value = Value { tag: "a".into(), simple_value: Some(1.0), image: None };
        let scalar = Event { wall_time: 1.0, step: 300, summary: Some(Summary { values: vec![value] }), ..Event::default() };
        assert_eq!(scalar.encode_to_vec(), b"\x09\0\0\0\0\0\0\xf0\x3f\x10\xac\x02\x2a\x0a\x0a\x08\x0a\x01a\x15\0\0\x80\x3f");
    }

    #[test]
    fn resuming_drops_later_and_torn_events() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let mut board = Board::resume(&path, 0).unwrap();
        for step in 1..5 {
            board.scalars(step, [("train/mse".to_owned(), step as f64)]).unwrap();
        }
        board.file.write_all(&record(b"torn")[..9]).unwrap();
        let mut board = Board::resume(&path, 2).unwrap();
        board.scalars(3, [("train/mse".to_owned(), 30.0)]).unwrap();
        board.scalars(4, []).unwrap();
        let found = events(&path);
        let steps: Vec<i64> = found.iter().map(|event| event.step).collect();
        assert_eq!(steps, [0, 1, 2, 3, 3]);
        assert_eq!(found[3].session, Some(Session { status: 1 }));
        assert_eq!(found[4].summary.as_ref().unwrap().values[0].simple_value, Some(30.0));
        // Resumed at the same step once more: the session that did nothing is gone.
        drop(Board::resume(&path, 2).unwrap());
        assert_eq!(events(&path).len(), 4);
        // Not an event file at all: it begins anew.
        std::fs::write(&path, b"something else").unwrap();
        drop(Board::resume(&path, 2).unwrap());
        assert_eq!(events(&path).len(), 1);
    }
}
