"""From a netlist's rows to Lava's processes."""

from dataclasses import dataclass

import numpy as np
from lava.proc.dense.process import DelayDense, Dense
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF, LIFReset
from lava.proc.sparse.process import DelaySparse, Sparse
from scipy.sparse import csr_matrix

from .netlist import Netlist, split
from .phased.process import PhasedLIF
from .picks import one_hot


@dataclass
class Run:
    """One run of one domain: of a single image, or of many that follow each other."""

    netlist: Netlist
    domain: int
    seed: int
    image: int  # the first
    images: int
    given: dict  # `[image][step, neuron]` by population, from image 0 on: spikes from outside
    kept: dict  # the same of populations of earlier domains

    @property
    def ticks(self) -> int:
        return self.netlist.ticks(self.domain, self.images)

    def rows(self, *types: str) -> list:
        """The processes of the domain, of these types if there are any."""
        rows = self.netlist.of_type(*types) if types else self.netlist.rows["processes"]
        return [row for row in rows if row["domain"] == self.domain]

    def build(self) -> dict:
        """The processes by name, wired."""
        processes = {row["name"]: self.process(row) for row in self.rows()}
        for row in self.netlist.rows["connections"]:
            (source, out), (target, into) = split(row["from"]), split(row["to"])
            if source in processes:
                getattr(processes[source], out).connect(getattr(processes[target], into))
        return processes

    def process(self, row: dict):
        kind, shape = row["type"], tuple(row["shape"])
        if kind == "RingBuffer":
            return RingBuffer(data=self.stream(row))
        if kind in ("Dense", "Sparse"):
            return synapses(kind, self.netlist.weights[row["name"]], row["delay"], row.get("weight_exp", 0))
        arguments = {"shape": shape, "du": row["du"], "dv": row["dv"], "vth": row["vth"]}
        if kind == "LIF":
            return LIF(**arguments)
        arguments.update({key: self.netlist.arrays[row[key]].astype(np.int32) for key in ("bias_mant", "bias_exp")})
        if kind == "LIFReset":
            return LIFReset(**arguments, reset_interval=row["reset_interval"], reset_offset=row["reset_offset"])
        return PhasedLIF(**arguments, first_tick=row["first_tick"], ticks_per_step=self.netlist.clock(row)["ticks_per_step"])

    def stream(self, row: dict) -> np.ndarray:
        """What a source sends, `[neuron, tick]`: a row of spikes each step, nothing in between.

        Picks and clocks go on as long as the ticks do; spikes that are given end with the last image.
        """
        clock, steps = self.netlist.clock(row), self.netlist.steps
        data = np.zeros((row["shape"][0], self.ticks), dtype=np.int32)
        ticks = np.arange(row["first_tick"] - 1, self.ticks, clock["ticks_per_step"])
        images = -(-len(ticks) // steps) if clock["streams"] else 1
        length = steps if clock["streams"] else len(ticks)  # of one image
        for number in range(images):
            rows = self.rows_of(row, self.image + number, length, number < self.images)
            at = ticks[number * length :][: len(rows)]
            data[:, at] = rows[: len(at)].T
        return data

    def rows_of(self, row: dict, image: int, length: int, asked_for: bool) -> np.ndarray:
        """What a source sends in one image, `[step, neuron]`, at most so many steps."""
        spikes = row["spikes"]
        if spikes["kind"] == "picks":
            return one_hot(self.seed, image, length, spikes["channels"], spikes["ways"])
        if spikes["kind"] == "clock":
            return np.ones((length, 1), dtype=bool)
        source = self.given if spikes["kind"] == "given" else self.kept
        if asked_for and spikes["population"] in source:
            return source[spikes["population"]][image][:length]
        return np.zeros((0, row["shape"][0]), dtype=bool)


def synapses(kind: str, weights, delay: int, weight_exp: int):
    """`Dense` or `Sparse`, or what Lava has in their place for synapses that wait."""
    if kind == "Dense":
        scale = {"weight_exp": weight_exp}
        return DelayDense(weights=weights, delays=delay, **scale) if delay else Dense(weights=weights, **scale)
    if delay:  # one delay for each synapse
        delays = csr_matrix((np.full(weights.nnz, delay), weights.indices, weights.indptr), weights.shape)
        return DelaySparse(weights=weights, delays=delays, max_delay=delay)
    return Sparse(weights=weights)
