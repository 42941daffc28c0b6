//! lif-netlist
