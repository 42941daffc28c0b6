//! A small data set and the command.

use fsvae_checkpoint::Checkpoint;
use std::path::Path;
use std::process::{Command, Output};

/// Options of a small run on the data set of [`workplace`].
pub const FIT: &str = "fit --dataset mnist --data data --unverified-data --preset tiny --seed 3";
/// Options to go on with it.
pub const RESUME: &str = "fit --resume --data data --unverified-data";

/// A folder with a data set of small blobs in MNIST's format, in `data`.
pub fn workplace(train: usize, test: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for (name, count) in [("train", train), ("t10k", test)] {
        let image = |n: usize| {
            let (cx, cy) = ((n * 7 % 16 + 6) as i32, (n * 5 % 16 + 6) as i32);
            (0..784).map(move |i| if (i % 28 - cx).pow(2) + (i / 28 - cy).pow(2) < 30 { 230 } else { 10 })
        };
        let header = |magic: u32, sizes: &[u32]| std::iter::once(&magic).chain(sizes).flat_map(|x| x.to_be_bytes()).collect::<Vec<u8>>();
        let mut images = header(0x803, &[count as u32, 28, 28]);
        images.extend((0..count).flat_map(image));
        let mut labels = header(0x801, &[count as u32]);
        labels.extend((0..count).map(|n| (n % 10) as u8));
        std::fs::write(data.join(format!("{name}-images-idx3-ubyte")), images).unwrap();
        std::fs::write(data.join(format!("{name}-labels-idx1-ubyte")), labels).unwrap();
    }
    folder
}

/// Coloured discs in CIFAR-10's form: five training batches and a test batch of `count` images.
pub fn write_cifar(folder: &Path, count: usize) {
    std::fs::create_dir_all(folder).unwrap();
    for (batch, name) in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"].iter().enumerate() {
        let record = |image: usize| {
            let (cx, cy) = (((image * 7 + batch) % 16 + 6) as i32, (image * 5 % 16 + 6) as i32);
            let pixel = move |i: i32| if (i % 32 - cx).pow(2) + (i / 32 % 32 - cy).pow(2) < 30 { 60 + 60 * (i / 1024) as u8 } else { 10 };
            std::iter::once((image % 10) as u8).chain((0..3072).map(pixel))
        };
        std::fs::write(folder.join(format!("{name}.bin")), (0..count).flat_map(record).collect::<Vec<u8>>()).unwrap();
    }
}

/// `fsvae-train` with these words, in a folder.
pub fn command(folder: &Path, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fsvae-train"));
    command.current_dir(folder).args(words.split_whitespace());
    command
}

/// What it does.
pub fn run(folder: &Path, words: &str) -> Output {
    command(folder, words).output().unwrap()
}

/// What it prints; it must succeed.
pub fn stdout(folder: &Path, words: &str) -> String {
    let output = run(folder, words);
    assert!(output.status.success(), "{words}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// What it complains of.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The checkpoint to go on from, which is whole at any moment.
pub fn training(run: &Path) -> Option<Checkpoint> {
    let bytes = std::fs::read(run.join("training.mpk")).ok()?;
    let checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
    checkpoint.check().unwrap();
    Some(checkpoint)
}
