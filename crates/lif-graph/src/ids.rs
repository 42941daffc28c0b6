//! Typed ids: positions in the tables of a [`LifGraph`](crate::LifGraph).

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u32);

        impl $name {
            /// The id of the `index`-th row.
            ///
            /// # Panics
            /// If `index` does not fit 32 bits; no table is that long.
            pub fn from_index(index: usize) -> Self {
                Self(u32::try_from(index).expect("tables have fewer than 2^32 rows"))
            }

            /// The row in the table.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id! {
    /// A row of [`LifGraph::populations`](crate::LifGraph::populations).
    PopulationId
}
id! {
    /// A row of [`LifGraph::projections`](crate::LifGraph::projections).
    ProjectionId
}
