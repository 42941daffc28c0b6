"""Runs a SpiNNaker netlist of fsvae-compile: in sPyNNaker (virtual or real board) or in NEST, and asks PACMAN what it thinks of it.

    netlist.json, *.npz --netlist--> Netlist --spynnaker--> populations and projections, one a slice, on the cores that we chose
    placements.json,                    |     --nest-----> iaf_psc_delta, one population a vertex
    routing_tables.json                 +-- stimulus: spikes from outside, picks, clocks
        +--pacman--> what PACMAN's own checkers find

Nothing is computed here that the netlist does not say; `readout` integrates the read-out, in the graph's integers, where the spikes are read.
"""
