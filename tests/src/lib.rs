//! The tests of the whole workspace, which belong to no single crate: the chain of the three commands on real files, the shipped models,
//! and the rules of the house (`crates/README.md`).
