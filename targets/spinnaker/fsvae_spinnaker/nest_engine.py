"""NEST as an independent engine: `iaf_psc_delta` with a leak in doubles, native calls (PyNN cannot set NEST's first membrane).

Spikes are on the grid of 1 ms, and every synapse takes whole ticks, so that the same spikes come with any number of threads or processes.
"""

import numpy as np

from .netlist import Netlist, time_constant

NEAR = 1e-9  # NEST fires at its threshold, the graph above it


def run(netlist: Netlist, stimulus: dict, threads: int) -> dict:
    """One image from membranes of 0: by vertex ticks and neurons of its spikes."""
    import nest

    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.resolution, nest.local_num_threads = 1.0, threads
    nodes, recorders = {}, {}
    for row in netlist.rows["vertices"]:
        if row["role"] == "neurons":
            nodes[row["name"]] = neurons(nest, netlist, row)
            recorders[row["name"]] = nest.Create("spike_recorder")
            nest.Connect(nodes[row["name"]], recorders[row["name"]])
        else:
            nodes[row["name"]] = sources(nest, row, *stimulus[row["name"]])
    for edge in netlist.rows["edges"]:
        connect(nest, netlist, edge, nodes)
    nest.Simulate(float(netlist.ticks_per_image + 1))
    spikes = {name: (np.array([], int), np.array([], int)) for name in recorders}
    for name, recorder in recorders.items():
        events = recorder.get("events")
        spikes[name] = (np.rint(events["times"]).astype(int), events["senders"] - nodes[name][0].global_id)
    return spikes


def neurons(nest, netlist: Netlist, row: dict):
    tau = time_constant(row)
    same = {"tau_m": tau, "C_m": tau, "t_ref": 0.0, "E_L": 0.0, "V_reset": 0.0, "V_m": 0.0, "I_e": 0.0, "V_th": 1.0}
    thresholds = (netlist.arrays[row["thresholds"]] - 1) / 2.0 ** row["unit_shift"] + NEAR
    population = nest.Create("iaf_psc_delta", row["neurons"], same)
    population.set(V_th=thresholds.tolist() if row["neurons"] > 1 else float(thresholds[0]))
    return population


def sources(nest, row: dict, ticks: np.ndarray, neurons: np.ndarray):
    """Generators of spikes speak for themselves; a neuron that repeats them is not needed."""
    trains = [np.sort(ticks[neurons == neuron]).astype(float).tolist() for neuron in range(row["neurons"])]
    generators = nest.Create("spike_generator", row["neurons"])
    generators.set([{"spike_times": train} for train in trains])
    return generators


def connect(nest, netlist: Netlist, edge: dict, nodes: dict) -> None:
    synapses = netlist.synapses[edge["name"]]
    if len(synapses.pre):
        first = {end: nodes[edge[end]][0].global_id for end in ("source", "target")}
        weights = synapses.weight.astype(float)
        delays = np.full(len(weights), float(edge["delay"]))
        rule = {"synapse_model": "static_synapse", "weight": weights, "delay": delays}
        nest.Connect(first["source"] + synapses.pre, first["target"] + synapses.post, "one_to_one", rule)
