//! lif-chip
