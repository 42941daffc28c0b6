//! Waveforms as a value change dump (IEEE 1364), in picoseconds.

use super::waves::Waves;
use std::io::{self, Write};
use vcd::{IdCode, SimulationCommand, TimescaleUnit, Value, VarType, Writer};

/// Writes all waves.
pub(super) fn write(waves: &Waves, out: &mut impl Write) -> io::Result<()> {
    let mut writer = Writer::new(out);
    writer.timescale(1, TimescaleUnit::PS)?;
    let mut open: &[String] = &[];
    let mut codes: Vec<IdCode> = Vec::with_capacity(waves.signals.len());
    let mut next = IdCode::FIRST;
    for signal in &waves.signals {
        let shared = open.iter().zip(&signal.scopes).take_while(|(a, b)| a == b).count();
        for _ in shared..open.len() {
            writer.upscope()?;
        }
        for scope in &signal.scopes[shared..] {
            writer.add_module(scope)?;
        }
        open = &signal.scopes;
        let kind = if signal.bits == 1 { VarType::Wire } else { VarType::Integer };
        writer.var_def(kind, signal.bits.into(), next, &signal.name, None::<vcd::ReferenceIndex>)?;
        codes.push(next);
        next = next.next();
    }
    for _ in open {
        writer.upscope()?;
    }
    writer.enddefinitions()?;
    writer.timestamp(0)?;
    writer.begin(SimulationCommand::Dumpvars)?;
    for ((signal, &code), &value) in waves.signals.iter().zip(&codes).zip(&waves.initial) {
        change(&mut writer, code, signal.bits, value)?;
    }
    writer.end()?;
    let mut now = 0;
    for &(time, signal, value) in &waves.changes {
        if time != now {
            writer.timestamp(time)?;
            now = time;
        }
        change(&mut writer, codes[signal as usize], waves.signals[signal as usize].bits, value)?;
    }
    if waves.end != now {
        writer.timestamp(waves.end)?;
    }
    Ok(())
}

fn change(writer: &mut Writer<impl Write>, code: IdCode, bits: u8, value: i64) -> io::Result<()> {
    if bits == 1 {
        return writer.change_scalar(code, value != 0);
    }
    writer.change_vector(code, (0..bits).rev().map(|bit| Value::from((value >> bit) & 1 == 1)))
}
