//! lif-sim
