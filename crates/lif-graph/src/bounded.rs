//! Tables from a file, cut off at their limit: a row takes many times more memory than its shortest encoding, so that a file of
//! nothing but rows must not be read to its end before the rules count them.

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use std::{fmt, marker::PhantomData};

/// Reads at most `LIMIT` rows.
pub(crate) fn table<'de, D: Deserializer<'de>, T: Deserialize<'de>, const LIMIT: usize>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(Table::<T, LIMIT>(PhantomData))
}

struct Table<T, const LIMIT: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const LIMIT: usize> Visitor<'de> for Table<T, LIMIT> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "at most {LIMIT} rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Vec<T>, A::Error> {
        let mut table = Vec::new();
        while let Some(row) = rows.next_element()? {
            if table.len() == LIMIT {
                return Err(A::Error::custom(format_args!("a table has more than {LIMIT} rows")));
            }
            table.push(row);
        }
        Ok(table)
    }
}
