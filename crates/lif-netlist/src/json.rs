//! JSON that people can read: two levels of lines, so that each row of a table stands on a line of its own.

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::io::{self, Write};

/// How deep the tables of an object are broken into lines.
const TABLES: usize = 2;

/// The value as text, with a final line end. The same value gives the same text.
///
/// # Panics
/// If the value has maps with keys that are not strings; the netlists have none.
pub fn lines(value: &impl Serialize) -> Vec<u8> {
    broken(value, TABLES)
}

/// The same for a value that is one table: a line for each of its rows.
pub fn table<T: Serialize>(rows: &[T]) -> Vec<u8> {
    broken(&rows, 1)
}

fn broken(value: &impl Serialize, lines: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut text, Rows { lines, depth: 0, filled: false });
    value.serialize(&mut serializer).expect("netlists have only types that JSON has, and memory grows");
    text.push(b'\n');
    text
}

struct Rows {
    /// How deep values are broken into lines.
    lines: usize,
    depth: usize,
    /// Whether the list or object that ends next has entries.
    filled: bool,
}

impl Rows {
    fn open<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.filled = false;
        writer.write_all(bracket)
    }

    fn entry<W: ?Sized + Write>(&self, writer: &mut W, first: bool) -> io::Result<()> {
        match (first, self.depth <= self.lines) {
            (true, true) => self.line(writer, self.depth),
            (false, true) => writer.write_all(b",").and_then(|()| self.line(writer, self.depth)),
            (true, false) => Ok(()),
            (false, false) => writer.write_all(b", "),
        }
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.filled && self.depth < self.lines {
            self.line(writer, self.depth)?;
        }
        self.filled = true;
        writer.write_all(bracket)
    }

    fn line<W: ?Sized + Write>(&self, writer: &mut W, depth: usize) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..depth).try_for_each(|_| writer.write_all(b"  "))
    }
}

impl Formatter for Rows {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.entry(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.entry(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_has_a_line_for_each_row() {
        assert_eq!(String::from_utf8(table(&[json!({"a": [1]}), json!({})])).unwrap(), "[\n  {\"a\": [1]},\n  {}\n]\n");
    }

    #[test]
    fn rows_stand_on_lines_of_their_own() {
        let value = json!({"a": [{"x": [1, 2], "y": {}}, {"x": []}], "b": {"c": 1, "d": "e"}, "f": [], "g": {}});
        let text = String::from_utf8(lines(&value)).unwrap();
        let expected = "{\n  \"a\": [\n    {\"x\": [1, 2], \"y\": {}},\n    {\"x\": []}\n  ],\n  \"b\": {\n    \"c\": 1,\n    \
                        \"d\": \"e\"\n  },\n  \"f\": [],\n  \"g\": {}\n}\n";
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
