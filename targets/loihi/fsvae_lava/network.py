"""From a netlist's rows to Lava's processes."""

import numpy as np
from lava.proc.dense.process import DelayDense, Dense
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF
from lava.proc.sparse.process import DelaySparse, Sparse
from scipy.sparse import csr_matrix

from .netlist import Netlist, split
from .phased.process import PhasedLIF
from .picks import drawn, one_hot


def build(netlist: Netlist, seed: int, image: int, given: dict) -> dict:
    """The processes of one image by name, wired. `given` has `[step, neuron]` for populations whose spikes come from outside."""
    processes = {row["name"]: process(netlist, row, seed, image, given) for row in netlist.rows["processes"]}
    for row in netlist.rows["connections"]:
        (source, out), (target, into) = split(row["from"]), split(row["to"])
        getattr(processes[source], out).connect(getattr(processes[target], into))
    return processes


def process(netlist: Netlist, row: dict, seed: int, image: int, given: dict):
    kind, shape = row["type"], tuple(row["shape"])
    if kind == "LIF":
        return LIF(shape=shape, du=row["du"], dv=row["dv"], vth=row["vth"])
    if kind == "PhasedLIF":
        return PhasedLIF(
            shape=shape,
            du=row["du"],
            dv=row["dv"],
            vth=row["vth"],
            bias_mant=netlist.arrays[row["bias_mant"]].astype(np.int32),
            bias_exp=netlist.arrays[row["bias_exp"]].astype(np.int32),
            first_tick=row["first_tick"],
            ticks_per_step=netlist.ticks_per_step,
        )
    if kind == "RingBuffer":
        return RingBuffer(data=stream(netlist, row, seed, image, given))
    weights, delay = netlist.weights[row["name"]], row["delay"]
    if kind == "Dense":
        return DelayDense(weights=weights, delays=delay) if delay else Dense(weights=weights)
    if delay:  # one delay for each synapse
        delays = csr_matrix((np.full(weights.nnz, delay), weights.indices, weights.indptr), weights.shape)
        return DelaySparse(weights=weights, delays=delays, max_delay=delay)
    return Sparse(weights=weights)


def stream(netlist: Netlist, row: dict, seed: int, image: int, given: dict) -> np.ndarray:
    """What a source sends, `[neuron, tick]`: a row of spikes each step, nothing in between. Picks go on as long as the ticks do."""
    spikes, neurons = row["spikes"], row["shape"][0]
    data = np.zeros((neurons, netlist.ticks_per_image), dtype=np.int32)
    ticks = np.arange(row["first_tick"] - 1, netlist.ticks_per_image, netlist.ticks_per_step)
    if spikes["kind"] == "picks":
        rows = one_hot(seed, image, len(ticks), spikes["channels"], spikes["ways"])
    elif spikes["kind"] == "draw":
        rows = np.tile(drawn(seed, image, spikes["channel"], neurons), (len(ticks), 1))
    else:
        rows = given.get(spikes["population"], np.zeros((0, neurons), dtype=bool))[: len(ticks)]
    data[:, ticks[: len(rows)]] = rows.T
    return data
