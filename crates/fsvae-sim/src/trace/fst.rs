//! Waveforms as GTKWave's fast signal trace, in picoseconds.

use super::waves::Waves;
use fst_writer::{FstFileType, FstHeaderWriter, FstInfo, FstScopeType, FstSignalType, FstVarDirection, FstVarType, FstWriteError};
use std::io::{self, Seek, Write};

/// Writes all waves.
pub(super) fn write(waves: &Waves, out: &mut (impl Write + Seek)) -> io::Result<()> {
    all(waves, out).map_err(|error| match error {
        FstWriteError::Io(error) => error,
        other => io::Error::other(other),
    })
}

fn all<W: Write + Seek>(waves: &Waves, out: &mut W) -> Result<(), FstWriteError> {
    let version = "fsvae-sim".to_string();
    let info = FstInfo { start_time: 0, timescale_exponent: -12, version, date: String::new(), file_type: FstFileType::Verilog };
    let mut header = FstHeaderWriter::new(out, &info)?;
    let mut open: &[String] = &[];
    let mut ids = Vec::with_capacity(waves.signals.len());
    for signal in &waves.signals {
        let shared = open.iter().zip(&signal.scopes).take_while(|(a, b)| a == b).count();
        for _ in shared..open.len() {
            header.up_scope()?;
        }
        for scope in &signal.scopes[shared..] {
            header.scope(scope, "", FstScopeType::Module)?;
        }
        open = &signal.scopes;
        let kind = if signal.bits == 1 { FstVarType::Wire } else { FstVarType::Integer };
        ids.push(header.var(&signal.name, FstSignalType::bit_vec(signal.bits.into()), kind, FstVarDirection::Implicit, None)?);
    }
    for _ in open {
        header.up_scope()?;
    }
    let mut body = header.finish()?;
    let digits = |signal: usize, value: i64| -> Vec<u8> {
        let bits = waves.signals[signal].bits;
        (0..bits).rev().map(|bit| b'0' + ((value >> bit) & 1) as u8).collect()
    };
    body.time_change(0)?;
    for (signal, &id) in ids.iter().enumerate() {
        body.signal_change(id, &digits(signal, waves.initial[signal]))?;
    }
    let mut now = 0;
    for &(time, signal, value) in &waves.changes {
        if time != now {
            body.time_change(time)?;
            now = time;
        }
        body.signal_change(ids[signal as usize], &digits(signal as usize, value))?;
    }
    if waves.end != now {
        body.time_change(waves.end)?;
    }
    body.finish().map(drop)
}
